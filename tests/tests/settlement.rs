//! Batches with real proofs against the real contracts: accepted once, and never in an altered
//! form. The tests run on the embedded chain, and with the same proofs on anvil where it is
//! installed.

use std::sync::{Arc, Mutex};

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, ensure};
use ark_ff::{BigInteger as _, PrimeField as _};
use subrosa_derivation::{Deployment, Deriver, Ignore, Options, Outcome};
use subrosa_l1::{
    Account, At, Block, Client, Head, L1, L1Error, LogQuery, Settlement, Tag, Transport,
    contracts::{BatchVerifier, Rollup},
    transactions::{Accounts, Manager, Node},
    transport::{FoundLog, Mined, Outgoing},
    view::RollupView,
};
use subrosa_protocol::{
    Fr,
    batch::Shape,
    element::{NoteCommitment, Nullifier},
    encoding::fr_to_bytes,
    layout::calldata::{DEPOSIT_LEN, WORDS},
    ledger::{BatchInput, Config, Deposit, Ledger},
    proof::ProofBytes,
    transaction::Transaction,
};
use subrosa_prover::progress::Silent;
use subrosa_tests::{
    Chain, Deployed, Party,
    chain::{DOLLAR, FIRST_INSTITUTION, OPERATOR, account},
    keys::keys,
    world::FEE,
};
use subrosa_wallet::compose::Intent;

/// Notes of the first batch, in the order of the queue.
const FIRST: [u128; 2] = [5_000_000, 6_000_000];
/// Deposit of the second batch.
const SECOND: u128 = 7_000_000;
/// Amount of the withdrawal.
const OUT: u128 = 2_000_000;

fn operator() -> [u8; 20] {
    account(OPERATOR).address().into_array()
}

fn depositor() -> Account {
    account(FIRST_INSTITUTION)
}

fn recipient() -> Account {
    account(FIRST_INSTITUTION + 1)
}

/// Batches and their proofs. They fit every chain that has the same history.
struct Fixture {
    context: Fr,
    /// Two deposits.
    first: Settlement,
    /// The same deposits in the wrong order, with a valid proof.
    exchanged: Settlement,
    /// A transfer, a withdrawal and a deposit.
    second: Settlement,
    /// Public inputs of the proof of the second batch.
    instances: [Fr; 5],
}

async fn prove(
    ledger: &mut Ledger,
    input: BatchInput,
    proofs: Vec<ProofBytes>,
    config: &Config,
) -> anyhow::Result<(Settlement, [Fr; 5])> {
    let witness = ledger.execute(input, config)?;
    let (witness, proof) = tokio::task::spawn_blocking(move || {
        let proof = keys().batch.prove(&witness, &proofs, &Silent);
        (witness, proof)
    })
    .await?;
    let proof = proof?;
    let settlement = Settlement {
        published: witness.published()?,
        old_state: witness.old.commitment(),
        new_state: witness.new.commitment(),
        commitment: proof.commitment,
        proof: proof.proof,
    };
    Ok((settlement, proof.instances))
}

/// Makes alice's deposits, which are always the same.
async fn make_deposits(l1: &dyn L1) -> anyhow::Result<Party> {
    let mut alice = Party::new(1, l1).await?;
    for value in FIRST.into_iter().chain([SECOND]) {
        alice.deposit(l1, &depositor(), DOLLAR, value).await?;
    }
    Ok(alice)
}

async fn make(l1: &dyn L1) -> anyhow::Result<Fixture> {
    let mut alice = make_deposits(l1).await?;
    let view = l1.rollup().await?;
    let config = Config {
        context: view.context,
        fee_asset: DOLLAR,
        min_fee: FEE,
    };
    // Far enough apart that the test can alter the second time within the limits of L1.
    let time = l1.head().await?.timestamp;
    let earlier = time - 10;
    let queue: Vec<Deposit> = l1
        .deposits(0, 3)
        .await?
        .into_iter()
        .map(|queued| queued.deposit)
        .collect();
    let input = |time: u64, transactions: Vec<Transaction>, deposits: &[Deposit]| BatchInput {
        shape: Shape::S4,
        time,
        fee_recipient: operator(),
        assets_root: view.assets_root,
        prices: Fr::from(0u64),
        transactions,
        deposits: deposits.to_vec(),
    };
    let mut ledger = Ledger::new();
    let (exchanged, _) = prove(
        &mut ledger.clone(),
        input(earlier, Vec::new(), &[queue[1], queue[0]]),
        Vec::new(),
        &config,
    )
    .await?;
    let (first, _) = prove(
        &mut ledger,
        input(earlier, Vec::new(), &queue[..2]),
        Vec::new(),
        &config,
    )
    .await?;
    alice.apply(&first.published)?;

    let bob = Party::new(2, l1).await?;
    let pay = Intent::Transfer {
        to: bob.keys.address(),
        memo: "INV-1".parse()?,
    };
    let leave = Intent::Withdraw {
        recipient: recipient().address().into_array(),
    };
    let (mut transactions, mut proofs) = (Vec::new(), Vec::new());
    for (intent, note, amount) in [(pay, FIRST[0], 1_000_000), (leave, FIRST[1], OUT)] {
        let submission = alice
            .spend(&alice.note(note)?, &intent, amount, alice.envelope())
            .await?;
        transactions.push(submission.transaction);
        proofs.push(submission.proof);
    }
    let (second, instances) = prove(
        &mut ledger,
        input(time, transactions, &queue[2..]),
        proofs,
        &config,
    )
    .await?;
    Ok(Fixture {
        context: view.context,
        first,
        exchanged,
        second,
        instances,
    })
}

/// State that a rejected batch must not change.
#[derive(Debug, PartialEq)]
struct Everything {
    view: RollupView,
    vault: u128,
    owed: [u128; 3],
}

struct Stage {
    chain: Chain,
    deployed: Deployed,
    l1: Arc<dyn L1>,
}

impl Stage {
    async fn new(chain: Chain) -> anyhow::Result<Self> {
        let tokens = chain.tokens().await?;
        let deployed = chain.rollup(tokens).await?;
        chain
            .mint(&deployed, DOLLAR, depositor().address(), 1_000_000_000)
            .await?;
        Ok(Self {
            l1: chain.client(deployed.contracts, Some(account(OPERATOR))),
            chain,
            deployed,
        })
    }

    async fn everything(&self) -> anyhow::Result<Everything> {
        let mut owed = [0; 3];
        for (owed, of) in
            owed.iter_mut()
                .zip([operator(), recipient().address().into_array(), [0x22; 20]])
        {
            *owed = self.l1.claimable(of, DOLLAR).await?;
        }
        let vault = self.deployed.contracts.vault.into_array();
        let mut view = self.l1.rollup().await?;
        // A rejected batch may have a block of its own.
        view.block = Block {
            number: 0,
            hash: B256::ZERO,
            parent: B256::ZERO,
            timestamp: 0,
        };
        Ok(Everything {
            view,
            vault: self.l1.token_balance(vault, DOLLAR).await?,
            owed,
        })
    }

    async fn rejected(&self, what: &str, batch: &Settlement, by: &[&str]) -> anyhow::Result<()> {
        let before = self.everything().await?;
        check(what, self.l1.settle(batch).await.map(|_| ()), by)?;
        ensure!(
            self.everything().await? == before,
            "{what}: a rejected batch changed something"
        );
        Ok(())
    }

    async fn accepted(&self, batch: &Settlement) -> anyhow::Result<()> {
        let receipt = self.l1.settle(batch).await?;
        ensure!(
            self.l1.rollup().await?.state == batch.new_state,
            "L1 holds another state"
        );
        let index = batch.published.header.batch_index;
        let settled = self
            .l1
            .settled_batch(index)
            .await?
            .context("an accepted batch is on L1")?;
        ensure!(
            settled.published == batch.published,
            "L1's data say something else"
        );
        // A repeated request finds the transaction that settled it. Sent once more, it is refused.
        let again = self.l1.settle(batch).await?;
        ensure!(again.tx == receipt.tx, "the batch was sent twice");
        self.rejected_call("the same again", batch, |_| (), &["WrongOldState"])
            .await
    }

    /// Sends changed calldata as the operator.
    async fn rejected_call(
        &self,
        what: &str,
        batch: &Settlement,
        change: impl FnOnce(&mut Rollup::submitBatchCall),
        by: &[&str],
    ) -> anyhow::Result<()> {
        let recorder = Recorder {
            chain: self.chain.transport.clone(),
            sent: Mutex::default(),
        };
        let recorder = Client::new(recorder, self.deployed.contracts, Some(account(OPERATOR)));
        let unsent = recorder.settle(batch).await;
        let data = recorder
            .transport()
            .sent
            .lock()
            .expect("no holder panics")
            .take();
        let data = data.with_context(|| format!("nothing was sent: {unsent:?}"))?;
        let mut call = Rollup::submitBatchCall::abi_decode(&data)?;
        change(&mut call);
        let outgoing = Outgoing::new(
            "submitBatch",
            Some(self.deployed.contracts.rollup),
            call.abi_encode().into(),
            U256::ZERO,
        );
        let before = self.everything().await?;
        let result = self
            .chain
            .transport
            .send(&account(OPERATOR), outgoing)
            .await;
        check(what, result.map(|_| ()), by)?;
        ensure!(
            self.everything().await? == before,
            "{what}: rejected calldata changed something"
        );
        Ok(())
    }

    /// Calls the verifier directly.
    async fn verify(
        &self,
        instances: [U256; 5],
        proof: &[u8],
    ) -> anyhow::Result<Result<(), L1Error>> {
        let transport = &self.chain.transport;
        let call = Rollup::shapeOfCall {
            shape: U256::from(4),
        }
        .abi_encode();
        let answer = transport
            .call(
                "shapeOf",
                self.deployed.contracts.rollup,
                call.into(),
                At::Latest,
            )
            .await?;
        let shape = Rollup::shapeOfCall::abi_decode_returns(&answer)?;
        let call = BatchVerifier::verifyCall {
            vkData: shape.vkData,
            instances,
            proof: proof.to_vec().into(),
        };
        Ok(transport
            .call(
                "verify",
                shape.verifier,
                call.abi_encode().into(),
                At::Latest,
            )
            .await
            .map(|_| ()))
    }
}

/// Checks that the contract rejected the call for one of these reasons.
fn check(what: &str, result: Result<(), L1Error>, by: &[&str]) -> anyhow::Result<()> {
    match result {
        Err(L1Error::Rejected { reason, .. }) if by.contains(&reason.as_str()) => Ok(()),
        other => anyhow::bail!("{what}: {other:?}, not rejected by {by:?}"),
    }
}

/// Transport that reads from a chain, records outgoing transactions and sends none.
struct Recorder {
    chain: Arc<dyn Transport>,
    sent: Mutex<Option<Bytes>>,
}

#[async_trait::async_trait]
impl Transport for Recorder {
    async fn chain_id(&self) -> Result<u64, L1Error> {
        self.chain.chain_id().await
    }
    async fn head(&self) -> Result<Head, L1Error> {
        self.chain.head().await
    }
    async fn call(
        &self,
        operation: &'static str,
        to: Address,
        data: Bytes,
        at: At,
    ) -> Result<Bytes, L1Error> {
        self.chain.call(operation, to, data, at).await
    }
    fn accounts(&self) -> &Accounts {
        self.chain.accounts()
    }
    fn node(&self) -> Arc<dyn Node> {
        self.chain.node()
    }
    async fn manager(&self, account: &Account) -> Result<Manager, L1Error> {
        self.chain.manager(account).await
    }
    async fn send(&self, _: &Account, outgoing: Outgoing) -> Result<Mined, L1Error> {
        *self.sent.lock().expect("no holder panics") = Some(outgoing.data);
        Err(L1Error::Unavailable("only recorded".into()))
    }
    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error> {
        self.chain.block(tag).await
    }
    async fn logs(&self, query: LogQuery) -> Result<Vec<FoundLog>, L1Error> {
        self.chain.logs(query).await
    }
    async fn calldata(
        &self,
        transaction: B256,
        block: Option<B256>,
    ) -> Result<Option<Bytes>, L1Error> {
        self.chain.calldata(transaction, block).await
    }
    async fn ether(&self, owner: Address) -> Result<U256, L1Error> {
        self.chain.ether(owner).await
    }

    async fn gas_price(&self) -> Result<u128, L1Error> {
        self.chain.gas_price().await
    }
}

fn word(element: &Fr) -> U256 {
    U256::from_be_bytes(fr_to_bytes(element))
}

fn modulus() -> U256 {
    U256::from_be_slice(&Fr::MODULUS.to_bytes_be())
}

fn bend_nullifier(nullifier: &mut Nullifier) {
    *nullifier = Nullifier::of(Fr::from(*nullifier) + Fr::from(1u64));
}

/// Alters every kind of data word, and every header value.
async fn altered(stage: &Stage, fixture: &Fixture) -> anyhow::Result<()> {
    type Change = fn(&mut Settlement);
    let invalid: &[&str] = &["InvalidProof"];
    let changes: Vec<(&str, Change, &[&str])> = vec![
        (
            "nullifier",
            |s| bend_nullifier(&mut s.published.transactions[0].nullifiers[0]),
            invalid,
        ),
        (
            "last nullifier",
            |s| bend_nullifier(&mut s.published.transactions[1].nullifiers[2]),
            invalid,
        ),
        (
            "commitment",
            |s| {
                let cm = &mut s.published.transactions[0].commitments[1];
                *cm = NoteCommitment::new(Fr::from(*cm) + Fr::from(1u64));
            },
            invalid,
        ),
        (
            "ephemeral key",
            |s| s.published.transactions[1].ephemeral += Fr::from(1u64),
            invalid,
        ),
        (
            "audit word",
            |s| s.published.transactions[0].audit.0[4] += Fr::from(1u64),
            invalid,
        ),
        (
            "first byte of note data",
            |s| s.published.transactions[0].note_data.0[0] ^= 1,
            invalid,
        ),
        (
            "last byte of note data",
            |s| s.published.transactions[1].note_data.0[70] ^= 1,
            invalid,
        ),
        (
            "transactions exchanged",
            |s| s.published.transactions.swap(0, 1),
            &["InvalidProof"],
        ),
        (
            "recipient",
            |s| withdrawal(s).recipient = [0x22; 20],
            invalid,
        ),
        ("amount", |s| withdrawal(s).amount += 1, invalid),
        ("withdrawn asset", |s| withdrawal(s).asset.0 = 1, invalid),
        (
            "withdrawal left out",
            |s| s.published.transactions[1].withdrawal = None,
            invalid,
        ),
        (
            "withdrawal of another",
            |s| {
                let moved = s.published.transactions[1].withdrawal.take();
                s.published.transactions[0].withdrawal = moved;
            },
            invalid,
        ),
        (
            "nothing withdrawn",
            |s| withdrawal(s).amount = 0,
            &["EmptyWithdrawal"],
        ),
        ("time", |s| s.published.header.time -= 1, invalid),
        (
            "time to come",
            |s| s.published.header.time += 3600,
            &["TimeOutsideWindow"],
        ),
        (
            "time long past",
            |s| s.published.header.time -= 7200,
            &["TimeOutsideWindow"],
        ),
        ("fee total", |s| s.published.header.fee_total += 1, invalid),
        (
            "fee recipient",
            |s| s.published.header.fee_recipient = [0x22; 20],
            invalid,
        ),
        (
            "no fee recipient",
            |s| s.published.header.fee_recipient = [0; 20],
            &["FeeWithoutRecipient"],
        ),
        (
            "fee asset",
            |s| s.published.header.fee_asset.0 = 1,
            &["WrongFeeAsset"],
        ),
        ("start", |s| s.published.header.start += 16, invalid),
        (
            "batch index",
            |s| s.published.header.batch_index += 1,
            &["WrongBatchIndex"],
        ),
        (
            "assets root",
            |s| s.published.header.assets_root += Fr::from(1u64),
            &["StaleAssetsRoot"],
        ),
        (
            "a deposit fewer",
            |s| s.published.header.deposits -= 1,
            &["WrongDataLength"],
        ),
        (
            "a deposit more",
            |s| s.published.header.deposits += 1,
            &["WrongDataLength"],
        ),
        (
            "another value of a deposit",
            |s| s.published.deposits[0].value += 1,
            &["DepositsDiffer"],
        ),
        (
            "a transaction fewer",
            |s| s.published.header.transactions -= 1,
            &["WrongDataLength"],
        ),
        (
            "too many transactions",
            |s| s.published.header.transactions = 5,
            &["TooManySlots"],
        ),
        (
            "another shape",
            |s| s.published.shape = Shape::S16,
            &["UnknownShape", "no shape of this size is registered"],
        ),
        (
            "old state",
            |s| s.old_state += Fr::from(1u64),
            &["WrongOldState"],
        ),
        ("new state", |s| s.new_state += Fr::from(1u64), invalid),
        ("unchanged state", |s| s.new_state = s.old_state, invalid),
        (
            "commitment to the data",
            |s| s.commitment += Fr::from(1u64),
            invalid,
        ),
        (
            "a proof cut short",
            |s| s.proof.truncate(s.proof.len() - 1),
            &["InvalidProofLength"],
        ),
        (
            "a longer proof",
            |s| s.proof.push(0),
            &["InvalidProofLength"],
        ),
        ("no proof", |s| s.proof.clear(), &["InvalidProofLength"]),
        (
            "a proof of zeros",
            |s| s.proof.fill(0),
            &["InvalidPoint", "InvalidProof"],
        ),
        (
            "a proof of ones",
            |s| s.proof.fill(0xff),
            &["InvalidPoint", "InvalidScalar"],
        ),
        (
            "first byte of the proof",
            |s| s.proof[0] ^= 1,
            &["InvalidPoint"],
        ),
        (
            "last byte of the proof",
            |s| {
                if let Some(byte) = s.proof.last_mut() {
                    *byte ^= 1;
                }
            },
            &["InvalidPoint", "InvalidProof"],
        ),
    ];
    for (what, change, by) in changes {
        let mut batch = fixture.second.clone();
        change(&mut batch);
        stage.rejected(what, &batch, by).await?;
    }
    let mut foreign = fixture.second.clone();
    foreign.proof.clone_from(&fixture.first.proof);
    stage
        .rejected("another batch's proof", &foreign, invalid)
        .await
}

fn withdrawal(batch: &mut Settlement) -> &mut subrosa_protocol::transaction::Withdrawal {
    batch.published.transactions[1]
        .withdrawal
        .as_mut()
        .expect("the second transaction withdraws")
}

/// Replaces values by others that are equal modulo r.
async fn aliases(stage: &Stage, fixture: &Fixture) -> anyhow::Result<()> {
    let second = &fixture.second;
    let not_canonical: &[&str] = &["InstanceNotCanonical"];
    stage
        .rejected_call(
            "new state + r",
            second,
            |call| call.newState += modulus(),
            not_canonical,
        )
        .await?;
    stage
        .rejected_call(
            "commitment + r",
            second,
            |call| call.dataCommitment += modulus(),
            not_canonical,
        )
        .await?;
    // A commitment, the ephemeral key, and audit words. A nullifier has one encoding.
    for place in [0, 3, 4, 8] {
        let change = |call: &mut Rollup::submitBatchCall| {
            let mut data = call.slotsData.to_vec();
            let at = WORDS.start + 32 * place;
            let bytes = &mut data[at..at + 32];
            let alias = U256::from_be_slice(bytes) + modulus();
            bytes.copy_from_slice(&alias.to_be_bytes::<32>());
            call.slotsData = data.into();
        };
        stage
            .rejected_call(
                &format!("data word {place} + r"),
                second,
                change,
                &["WordNotCanonical"],
            )
            .await?;
    }

    let instances = fixture.instances.map(|instance| word(&instance));
    ensure!(
        stage.verify(instances, &second.proof).await?.is_ok(),
        "the verifier rejects the right proof"
    );
    for place in 0..5 {
        let mut altered = instances;
        altered[place] += modulus();
        check(
            &format!("instance {place} + r"),
            stage.verify(altered, &second.proof).await?,
            &["InvalidInstance"],
        )?;
        altered[place] = (instances[place] + U256::from(1)) % modulus();
        check(
            &format!("instance {place} + 1"),
            stage.verify(altered, &second.proof).await?,
            &["InvalidProof"],
        )?;
    }
    Ok(())
}

/// Derives the state from L1 alone. It ends with this batch.
async fn derived(stage: &Stage, last: &Settlement) -> anyhow::Result<()> {
    let deployment = Deployment::of(&*stage.l1).await?;
    let target = stage.l1.block(Tag::Latest).await?;
    let target = target.context("the chain has a newest block")?;
    let mut deriver = Deriver::start(stage.l1.clone(), deployment, Options::default());
    ensure!(deriver.run(&target, &mut Ignore).await? == Outcome::Reached);
    let derivation = deriver.derivation().context("nothing interrupts the run")?;
    ensure!(derivation.ledger().state().commitment() == last.new_state);
    ensure!(derivation.ledger().state().batch_index == last.published.header.batch_index + 1);
    Ok(())
}

/// Alters the deposits in the calldata of a batch that consumes two.
async fn deposits_altered(
    stage: &Stage,
    batch: &Settlement,
    exchanged: &Settlement,
) -> anyhow::Result<()> {
    let length = batch.published.deposits.len() * DEPOSIT_LEN;
    // Place of the altered byte: depositor, asset, value, inner commitment, flag.
    for (place, by) in [
        (0, "DepositsDiffer"),
        (21, "DepositsDiffer"),
        (37, "DepositsDiffer"),
        (69, "DepositsDiffer"),
        (70, "WrongTakeBack"),
        (length - 1, "WrongTakeBack"),
    ] {
        let change = |call: &mut Rollup::submitBatchCall| {
            let mut data = call.depositsData.to_vec();
            data[place] ^= 1;
            call.depositsData = data.into();
        };
        let what = format!("byte {place} of the deposits");
        stage.rejected_call(&what, batch, change, &[by]).await?;
    }
    type Change = fn(&mut Rollup::submitBatchCall);
    let cases: [(&str, Change, &str); 4] = [
        (
            "first deposit",
            |call| call.header.firstDeposit += 1,
            "WrongFirstDeposit",
        ),
        (
            "deposits exchanged",
            |call| {
                let mut data = call.depositsData.to_vec();
                data.rotate_left(DEPOSIT_LEN);
                call.depositsData = data.into();
            },
            "DepositsDiffer",
        ),
        (
            "a deposit left out",
            |call| {
                call.header.deposits = 1;
                call.depositsData = call.depositsData.slice(..DEPOSIT_LEN);
            },
            "InvalidProof",
        ),
        (
            "more deposits than wait",
            |call| {
                call.header.deposits = 4;
                call.depositsData = call.depositsData.repeat(2).into();
            },
            "DepositsMissing",
        ),
    ];
    for (what, change, by) in cases {
        stage.rejected_call(what, batch, change, &[by]).await?;
    }
    // The proof is valid, of words that the queue does not have.
    let change = |call: &mut Rollup::submitBatchCall| {
        call.proof = exchanged.proof.clone().into();
        call.newState = word(&exchanged.new_state);
        call.dataCommitment = word(&exchanged.commitment);
    };
    let what = "the proof of deposits in another order";
    stage
        .rejected_call(what, batch, change, &["InvalidProof"])
        .await
}

/// Tries everything on this chain, after the fixture's deposits are queued.
async fn try_everything(stage: &Stage, fixture: &Fixture) -> anyhow::Result<()> {
    let Fixture {
        first,
        exchanged,
        second,
        ..
    } = fixture;
    stage
        .rejected("the second before the first", second, &["WrongOldState"])
        .await?;
    // The client does not send it.
    stage
        .rejected(
            "deposits in the wrong order",
            exchanged,
            &["DepositsDiffer"],
        )
        .await?;
    deposits_altered(stage, first, exchanged).await?;
    let stranger = stage
        .chain
        .client(stage.deployed.contracts, Some(depositor()));
    check(
        "a stranger's batch",
        stranger.settle(first).await.map(|_| ()),
        &["NotSequencer"],
    )?;
    stage.accepted(first).await?;

    altered(stage, fixture).await?;
    aliases(stage, fixture).await?;
    stage.accepted(second).await?;
    stage
        .rejected_call("the first once more", first, |_| (), &["WrongOldState"])
        .await?;
    derived(stage, second).await?;

    let owed = stage.everything().await?.owed;
    ensure!(owed == [2 * FEE, OUT, 0], "owed: {owed:?}");
    let claimed = stage.l1.claim(&recipient(), DOLLAR, None).await;
    ensure!(claimed.is_ok(), "{claimed:?}");
    let before = stage.everything().await?;
    check(
        "claimed twice",
        stage.l1.claim(&recipient(), DOLLAR, None).await.map(|_| ()),
        &["NothingToClaim"],
    )?;
    ensure!(
        stage.everything().await? == before,
        "a second claim changed something"
    );
    let paid = stage
        .l1
        .token_balance(recipient().address().into_array(), DOLLAR)
        .await?;
    ensure!(paid == OUT, "paid out {paid}");
    let deposited: u128 = FIRST.iter().sum::<u128>() + SECOND;
    ensure!(
        before.vault == deposited - OUT,
        "the vault holds {}",
        before.vault
    );

    // The same tokens, deposits and history under another address.
    let twin = stage.chain.rollup(stage.deployed.tokens).await?;
    let twin = Stage {
        l1: stage.chain.client(twin.contracts, Some(account(OPERATOR))),
        chain: stage.chain.clone(),
        deployed: twin,
    };
    make_deposits(&*twin.l1).await?;
    let (ours, theirs) = (stage.l1.rollup().await?, twin.l1.rollup().await?);
    ensure!(
        theirs.state == first.old_state && theirs.assets_root == ours.assets_root,
        "the twin differs"
    );
    ensure!(theirs.context != ours.context, "the twin's context is ours");
    twin.rejected("a batch of another rollup", first, &["InvalidProof"])
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_settles_once_and_only_as_it_was_proven() -> anyhow::Result<()> {
    let embedded = Stage::new(Chain::embedded()).await?;
    let fixture = make(&*embedded.l1).await?;
    try_everything(&embedded, &fixture)
        .await
        .context("on the embedded chain")?;

    let Some(chain) = Chain::anvil().await? else {
        return Ok(());
    };
    let anvil = Stage::new(chain).await?;
    make_deposits(&*anvil.l1).await?;
    // The deployer, the nonces and therefore the addresses are the same: the proofs fit this chain
    // too.
    ensure!(
        anvil.l1.rollup().await?.context == fixture.context,
        "anvil gave the rollup another address"
    );
    try_everything(&anvil, &fixture).await.context("on anvil")
}
