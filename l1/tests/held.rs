//! Withdrawals that batches hold: the client proves them to the vault, and checks the log that it
//! proves them from.

#![allow(missing_docs, reason = "a test")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{sync::Arc, time::Duration};

use alloy_primitives::{Address, B256, U256, Uint};
use alloy_sol_types::SolCall as _;
use subrosa_clock::{Clock as _, VirtualClock};
use subrosa_l1::{
    Account, At, Client, L1 as _, Outgoing, Settlement, Transport as _,
    contracts::Vault,
    development,
    governance::{Action, Governance, Operation},
};
use subrosa_protocol::{
    Fr,
    asset::AssetId,
    batch::{Shape, data_commitment},
    element::{NoteCommitment, Nullifier},
    encryption::{AuditWords, EphemeralKey, NOTE_DATA_LEN, NoteData},
    keys::{Seed, ViewingKey},
    ledger::{BatchInput, Config as Rules, Deposit, Ledger},
    transaction::{Header, Kind, Transaction, Withdrawal},
};
use support::{DOLLAR, client, endpoint::Endpoint, reason};

const NOW: u64 = 1_800_000_000;

/// A rollup whose verifier takes every proof, with a deposit inside.
struct World {
    clock: VirtualClock,
    endpoint: Arc<Endpoint>,
    client: Client<Arc<Endpoint>>,
    ledger: Ledger,
    rules: Rules,
    accounts: Vec<Account>,
    /// Numbers of the transactions, which make them different.
    made: u64,
}

impl World {
    async fn new() -> Self {
        let accounts = development::accounts();
        let funded: Vec<Address> = accounts.iter().map(Account::address).collect();
        let clock = VirtualClock::new(NOW);
        let endpoint = Endpoint::new(&funded, &clock);
        let depositor = &accounts[3];
        let deployed = client(endpoint.clone(), depositor).await.unwrap();
        let owner = &accounts[0];
        // Code that is a STOP: the call of any verifier succeeds.
        let accepting = [0x60, 0x01, 0x5f, 0xf3].to_vec().into();
        let outgoing = Outgoing::new("verifier", None, accepting, U256::ZERO);
        let verifier = endpoint.send(owner, outgoing).await.unwrap().created;
        let contracts = deployed.contracts();
        let governance = Governance::of(&*endpoint, &contracts).await.unwrap();
        let shape = Action::RegisterShape {
            id: 4,
            slots: 4,
            verifier: verifier.unwrap(),
            key: governance.create_key(owner, &[7; 64]).await.unwrap(),
            unsafe_development: true,
        };
        let (target, data) = shape.call(governance.targets()).unwrap();
        let operation = Operation {
            target,
            data,
            predecessor: B256::ZERO,
            salt: B256::ZERO,
        };
        governance.schedule(owner, &operation, 0).await.unwrap();
        governance.execute(owner, &operation).await.unwrap();
        let operator = Some(accounts[1].clone());
        let client = Client::new(endpoint.clone(), deployed.contracts(), operator);
        let inner = Fr::from(1u64);
        let made = client.deposit(depositor, DOLLAR, 10_000, &inner).await;
        made.unwrap();
        let rules = Rules {
            context: client.rollup().await.unwrap().context,
            fee_asset: DOLLAR,
            min_fee: 0,
        };
        let mut world = Self {
            clock,
            endpoint,
            client,
            ledger: Ledger::new(),
            rules,
            accounts,
            made: 0,
        };
        let deposit = Deposit {
            asset: DOLLAR,
            value: 10_000,
            inner,
        };
        world.settle(vec![deposit], &[]).await;
        world
    }

    fn transaction(&mut self, recipient: usize, amount: u128, assets_root: Fr) -> Transaction {
        let mut number = || {
            self.made += 1;
            Fr::from(self.made)
        };
        let nullifiers = [number(), number(), number()].map(Nullifier::of);
        let commitments = [number(), number(), number()].map(NoteCommitment::new);
        let keys = ViewingKey::from_seed(&Seed::from_bytes([5; 32]));
        Transaction {
            anchor: self.ledger.state().anchor(&Fr::from(0u64)),
            assets_root,
            header: Header::new(Kind::Withdraw, DOLLAR, 0, NOW + 36_000).unwrap(),
            withdrawal: Some(Withdrawal {
                asset: DOLLAR,
                recipient: self.accounts[recipient].address().into_array(),
                amount,
            }),
            terms: Fr::from(0u64),
            nullifiers,
            commitments,
            ephemeral: EphemeralKey::new(&keys.ovk, &nullifiers).y(),
            audit: AuditWords::default(),
            note_data: NoteData([0; NOTE_DATA_LEN]),
        }
    }

    /// Settles a batch.
    async fn settle(&mut self, deposits: Vec<Deposit>, amounts: &[(usize, u128)]) {
        self.clock.advance(Duration::from_secs(60));
        let view = self.client.rollup().await.unwrap();
        let made = amounts
            .iter()
            .map(|(account, amount)| self.transaction(*account, *amount, view.assets_root));
        let transactions = made.collect();
        let input = BatchInput {
            shape: Shape::S4,
            time: self.clock.unix(),
            fee_recipient: [3; 20],
            assets_root: view.assets_root,
            prices: Fr::from(0u64),
            transactions,
            deposits,
        };
        let witness = self.ledger.execute(input, &self.rules).unwrap();
        let published = witness.published().unwrap();
        let settlement = Settlement {
            commitment: data_commitment(&published.words()),
            published,
            old_state: witness.old.commitment(),
            new_state: witness.new.commitment(),
            proof: vec![1; 64],
        };
        self.client.settle(&settlement).await.unwrap();
    }

    async fn claimable(&self, account: usize) -> u128 {
        let owner = self.accounts[account].address().into_array();
        self.client.claimable(owner, DOLLAR).await.unwrap()
    }

    async fn held(&self, batch: u64) -> (Uint<192, 3>, u64) {
        let call = Vault::heldOfCall { batch };
        let vault = self.client.contracts().vault;
        let data = call.abi_encode().into();
        let answer = self.endpoint.call("heldOf", vault, data, At::Latest);
        let held = Vault::heldOfCall::abi_decode_returns(&answer.await.unwrap()).unwrap();
        (held.root, held.claimed)
    }
}

#[tokio::test]
async fn held_withdrawals_are_claimed_with_their_credit() {
    let mut world = World::new().await;
    world.settle(Vec::new(), &[(4, 5)]).await;
    world
        .settle(Vec::new(), &[(4, 7), (5, 11), (6, 13), (5, 17)])
        .await;
    assert!(world.held(2).await.0.is_zero(), "a lone one is credited");
    assert_eq!(world.held(3).await.1, 1, "a known account is credited");
    assert_eq!(world.claimable(4).await, 12);
    assert_eq!(world.claimable(5).await, 28);
    assert_eq!(world.claimable(6).await, 13);
    assert_eq!(world.claimable(7).await, 0);
    // One claim pays both of the account's, and a later batch's.
    world.settle(Vec::new(), &[(5, 1), (6, 2), (7, 3)]).await;
    let account = &world.accounts[5];
    let receipt = world.client.claim(account, DOLLAR, None).await.unwrap();
    assert_eq!(receipt.amount, 29);
    assert_eq!(
        (world.held(3).await.1, world.held(4).await.1),
        (0b1011, 0b1)
    );
    assert_eq!(world.claimable(5).await, 0);
    let again = world.client.claim(account, DOLLAR, None).await;
    assert_eq!(reason(again), "NothingToClaim");
    // Somebody else carries a signed claim.
    let to = world.accounts[8].address();
    let owner = &world.accounts[6];
    let signed = world.client.sign_claim(owner, DOLLAR, to, NOW + 36_000);
    let signed = signed.await.unwrap();
    assert_eq!(signed.least, 15);
    let carrier = &world.accounts[7];
    let receipt = world.client.carry_claim(carrier, &signed).await.unwrap();
    assert_eq!(receipt.amount, 15);
    let again = world.client.carry_claim(carrier, &signed).await;
    assert_eq!(reason(again), "ClaimNotSigned");
    let paid = world.client.token_balance(to.into_array(), DOLLAR).await;
    assert_eq!(paid.unwrap(), 15);
    assert_eq!(world.claimable(4).await, 12);
    assert_eq!(world.claimable(7).await, 3);
}

/// An endpoint without old logs hides what is held, and nothing else.
#[tokio::test]
async fn a_log_without_held_withdrawals_holds_up_no_credit() {
    let mut world = World::new().await;
    world.settle(Vec::new(), &[(4, 5)]).await;
    world.settle(Vec::new(), &[(4, 7), (5, 11), (6, 13)]).await;
    *world.endpoint.alter.lock().unwrap() = |_| Vec::new();
    assert_eq!(world.claimable(4).await, 12);
    let account = &world.accounts[4];
    let receipt = world.client.claim(account, DOLLAR, None).await.unwrap();
    assert_eq!(receipt.amount, 12);
    *world.endpoint.alter.lock().unwrap() = |logs| logs;
    let client = Client::new(world.endpoint.clone(), world.client.contracts(), None);
    let receipt = client.claim(&world.accounts[5], DOLLAR, None).await;
    assert_eq!(receipt.unwrap().amount, 11);
}

/// The account that sends claims with a key gets the same answer again, once.
#[tokio::test]
async fn a_claim_with_a_key_is_sent_once() {
    let mut world = World::new().await;
    world.settle(Vec::new(), &[(4, 7), (5, 11)]).await;
    let account = &world.accounts[5];
    for _ in 0..2 {
        let claimed = world.client.claim(account, DOLLAR, Some("k")).await;
        assert_eq!(claimed.unwrap().amount, 11);
    }
    let unknown = world.client.claim(account, AssetId(0), Some("other")).await;
    assert_eq!(reason(unknown), "NothingToClaim");
}
