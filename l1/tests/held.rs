//! Withdrawals that batches hold: the client proves them to the vault, and checks the log that it
//! proves them from.

#![allow(missing_docs, reason = "a test")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use alloy_primitives::{Address, U256, Uint};
use alloy_sol_types::{SolCall as _, SolConstructor as _};
use subrosa_clock::VirtualClock;
use subrosa_l1::{
    Account, Client, L1 as _, Outgoing, Transport as _,
    contracts::{AssetRegistry, Vault},
    development,
};
use subrosa_protocol::{Fr, batch::PostedDeposit, ledger::Deposit};
use support::{DOLLAR, client, endpoint::Endpoint, reason};

const NOW: u64 = 1_800_000_000;

/// A vault whose rollup is an account, with a deposit inside.
struct World {
    endpoint: Arc<Endpoint>,
    client: Client<Arc<Endpoint>>,
    /// Stands for the rollup.
    rollup: Account,
    accounts: Vec<Account>,
}

impl World {
    async fn new() -> Self {
        let mut accounts = development::accounts();
        let funded: Vec<Address> = accounts.iter().map(Account::address).collect();
        let endpoint = Endpoint::new(&funded, &VirtualClock::new(NOW));
        let depositor = accounts.remove(3);
        let deployed = client(endpoint.clone(), &depositor).await.unwrap();
        let rollup = accounts.remove(0);
        let mut contracts = deployed.contracts();
        let call = AssetRegistry::ownerCall {};
        let latest = subrosa_l1::At::Latest;
        let data = call.abi_encode().into();
        let owner = endpoint.call("owner", contracts.registry, data, latest);
        let governance = AssetRegistry::ownerCall::abi_decode_returns(&owner.await.unwrap());
        let arguments = Vault::constructorCall {
            registry_: contracts.registry,
            governance: governance.unwrap(),
            guardian_: rollup.address(),
        };
        let code = [Vault::BYTECODE.as_ref(), &arguments.abi_encode()].concat();
        let outgoing = Outgoing::new("Vault", None, code.into(), U256::ZERO);
        let mined = endpoint.send(&rollup, outgoing).await.unwrap();
        contracts.vault = mined.created.unwrap();
        let world = Self {
            client: Client::new(endpoint.clone(), contracts, None),
            endpoint,
            rollup,
            accounts,
        };
        let inner = Fr::from(1u64);
        let made = world.client.deposit(&depositor, DOLLAR, 10_000, &inner);
        made.await.unwrap();
        let posted = PostedDeposit {
            depositor: depositor.address().into_array(),
            deposit: Deposit {
                asset: DOLLAR,
                value: 10_000,
                inner,
            },
            is_taken_back: false,
        };
        let call = Vault::consumeCall {
            time: U256::from(NOW),
            data: PostedDeposit::write_all(&[posted]).into(),
        };
        world.act(call.abi_encode()).await;
        world
    }

    /// Sends a call of the rollup to the vault.
    async fn act(&self, data: Vec<u8>) {
        let vault = Some(self.client.contracts().vault);
        let outgoing = Outgoing::new("rollup", vault, data.into(), U256::ZERO);
        self.endpoint.send(&self.rollup, outgoing).await.unwrap();
    }

    /// Settles a batch that withdraws these amounts to accounts.
    async fn withdraw(&self, batch: u64, amounts: &[(usize, u128)]) {
        let withdrawals = amounts.iter().map(|(account, amount)| Vault::Withdrawal {
            slot: 0,
            asset: DOLLAR.0,
            recipient: self.accounts[*account].address(),
            amount: *amount,
        });
        let call = Vault::creditWithdrawalsCall {
            batch,
            withdrawals: withdrawals.collect(),
        };
        self.act(call.abi_encode()).await;
    }

    async fn claimable(&self, account: usize) -> u128 {
        let owner = self.accounts[account].address().into_array();
        self.client.claimable(owner, DOLLAR).await.unwrap()
    }

    async fn held(&self, batch: u64) -> (Uint<192, 3>, u64) {
        let call = Vault::heldOfCall { batch };
        let latest = subrosa_l1::At::Latest;
        let vault = self.client.contracts().vault;
        let answer = self
            .endpoint
            .call("heldOf", vault, call.abi_encode().into(), latest);
        let held = Vault::heldOfCall::abi_decode_returns(&answer.await.unwrap()).unwrap();
        (held.root, held.claimed)
    }
}

#[tokio::test]
async fn held_withdrawals_are_claimed_with_their_credit() {
    let world = World::new().await;
    world.withdraw(1, &[(1, 5)]).await;
    world
        .withdraw(2, &[(1, 7), (2, 11), (3, 13), (2, 17)])
        .await;
    assert!(world.held(1).await.0.is_zero());
    assert!(!world.held(2).await.0.is_zero());
    assert_eq!(world.claimable(1).await, 12, "a known account is credited");
    assert_eq!(world.claimable(2).await, 28);
    assert_eq!(world.claimable(3).await, 13);
    assert_eq!(world.claimable(4).await, 0);
    // One claim pays both of the account's, and a later batch's.
    world.withdraw(3, &[(2, 1), (3, 2), (4, 3)]).await;
    let account = &world.accounts[2];
    let receipt = world.client.claim(account, DOLLAR, None).await.unwrap();
    assert_eq!(receipt.amount, 29);
    assert_eq!((world.held(2).await.1, world.held(3).await.1), (0b101, 0b1));
    assert_eq!(world.claimable(2).await, 0);
    let again = world.client.claim(account, DOLLAR, None).await;
    assert_eq!(reason(again), "NothingToClaim");
    // Somebody else carries a signed claim.
    let to = world.accounts[5].address();
    let owner = &world.accounts[3];
    let signed = world.client.sign_claim(owner, DOLLAR, to, NOW + 60).await;
    let signed = signed.unwrap();
    let carrier = &world.accounts[4];
    let receipt = world.client.carry_claim(carrier, &signed).await.unwrap();
    assert_eq!(receipt.amount, 15);
    let again = world.client.carry_claim(carrier, &signed).await;
    assert_eq!(reason(again), "ClaimNotSigned");
    let paid = world.client.token_balance(to.into_array(), DOLLAR).await;
    assert_eq!(paid.unwrap(), 15);
    assert_eq!(world.claimable(1).await, 12);
    assert_eq!(world.claimable(4).await, 3);
}

#[tokio::test]
async fn a_log_that_leaves_out_a_part_of_a_batch_is_noticed() {
    let world = World::new().await;
    world.withdraw(1, &[(1, 7), (2, 11), (3, 13)]).await;
    *world.endpoint.alter.lock().unwrap() = |logs| logs.into_iter().take(2).collect();
    let owner = world.accounts[1].address().into_array();
    let error = world.client.claimable(owner, DOLLAR).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    *world.endpoint.alter.lock().unwrap() = |logs| logs;
    assert_eq!(world.claimable(1).await, 7);
}
