//! Wrong submissions through the sequencer's interface, with real proofs. The sequencer refuses
//! each with its own code, and nothing changes.
//!
//! The sequencer here seals only when a deposit waits, so that the test decides when a batch is
//! made.

use anyhow::{Context as _, ensure};
use ark_ff::{BigInteger as _, PrimeField as _};
use serde_json::Value;
use subrosa_protocol::{
    Fr,
    batch::Shape,
    element::{Anchor, NoteCommitment, Nullifier},
    encoding::{fr_from_hex, fr_to_bytes},
    ledger::{BatchInput, Config as LedgerConfig, Deposit, Ledger},
    proof::ProofBytes,
    transaction::{Context, Kind, Submission, Transaction, Withdrawal},
};
use subrosa_sequencer::Config;
use subrosa_tests::{
    Api, Party, World,
    api::Answer,
    chain::{DOLLAR, FIRST_INSTITUTION, account},
    eventually,
    party::{hex_of, now},
    world::FEE,
};
use subrosa_wallet::{
    compose::{Envelope, Intent},
    times::Validity,
};

/// Values of alice's notes.
const NOTES: [u128; 4] = [5_000_000, 6_000_000, 7_000_000, 8_000_000];

fn seal_on_deposits(config: &mut Config) {
    config.seal.max_wait_ms = 600_000;
    config.seal.patience_ms = 600_000;
    // Long enough that deposits made together are sealed together.
    config.seal.deposit_wait_ms = 1_500;
}

/// State that a refused submission must not change.
#[derive(Debug, PartialEq)]
struct Everything {
    info: Value,
    batches: usize,
    mempool: f64,
    l1_state: Fr,
    vault: u128,
    owed: u128,
}

struct Stage {
    world: World,
    alice: Party,
    bob: Party,
}

impl Stage {
    async fn start(store: &std::path::Path) -> anyhow::Result<Self> {
        let world = World::start(store, seal_on_deposits).await?;
        let account = account(FIRST_INSTITUTION);
        world
            .chain
            .mint(&world.deployed, DOLLAR, account.address(), 1_000_000_000)
            .await?;
        let mut alice = Party::new(1, &*world.l1).await?;
        let bob = Party::new(2, &*world.l1).await?;
        for value in NOTES {
            alice.deposit(&*world.l1, &account, DOLLAR, value).await?;
        }
        world.api.settled_below(2).await?;
        alice.sync(&world.api).await?;
        ensure!(
            alice.balance(DOLLAR) == NOTES.iter().sum(),
            "the deposits did not arrive together"
        );
        Ok(Self { world, alice, bob })
    }

    async fn everything(&self) -> anyhow::Result<Everything> {
        let World {
            api, l1, deployed, ..
        } = &self.world;
        Ok(Everything {
            info: api.json("/v1/info").await?,
            batches: api.batches().await?.len(),
            mempool: api.metric("subrosa_sequencer_mempool_transactions").await?,
            l1_state: l1.rollup().await?.state,
            vault: l1
                .token_balance(deployed.contracts.vault.into_array(), DOLLAR)
                .await?,
            owed: l1.claimable(recipient(), DOLLAR).await?,
        })
    }

    /// Submits bytes that the sequencer must refuse, and compares the state before with the state
    /// after.
    async fn refused(
        &self,
        what: &str,
        bytes: Vec<u8>,
        status: u16,
        code: &str,
    ) -> anyhow::Result<Answer> {
        let before = self.everything().await?;
        let answer = self.world.api.submit(bytes).await?;
        check_refusal(what, &answer, status, code)?;
        ensure!(
            self.everything().await? == before,
            "{what}: a refused submission changed something"
        );
        Ok(answer)
    }

    async fn pay(
        &self,
        note: u128,
        amount: u128,
        envelope: Envelope,
    ) -> anyhow::Result<Submission> {
        let intent = Intent::Transfer {
            to: self.bob.keys.address(),
            memo: "INV-7".parse()?,
        };
        self.alice
            .spend(&self.alice.note(note)?, &intent, amount, envelope)
            .await
    }
}

fn check_refusal(what: &str, answer: &Answer, status: u16, code: &str) -> anyhow::Result<()> {
    let Answer {
        status: found,
        kind,
        body,
    } = answer;
    ensure!(
        *found == status && answer.code() == code,
        "{what}: {found} {body}, not {status} {code}"
    );
    ensure!(
        kind == "application/problem+json",
        "{what}: the answer is {kind}"
    );
    ensure!(
        body["type"] == format!("urn:subrosa:error:{code}"),
        "{what}: {body}"
    );
    ensure!(body["retryable"] == false, "{what}: said to be retryable");
    Ok(())
}

fn recipient() -> [u8; 20] {
    account(FIRST_INSTITUTION + 1).address().into_array()
}

fn with(submission: &Submission, change: impl FnOnce(&mut Transaction)) -> Vec<u8> {
    let mut altered = submission.clone();
    change(&mut altered.transaction);
    altered.to_bytes()
}

/// Returns the other 32 bytes that are equal to `element` modulo r.
fn alias(element: &Fr) -> Vec<u8> {
    let mut integer = element.into_bigint();
    let carry = integer.add_with_carry(&Fr::MODULUS);
    assert!(!carry, "twice the modulus fits in 256 bits");
    integer.to_bytes_be()
}

fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    let at = bytes
        .windows(old.len())
        .position(|window| window == old)
        .expect("the bytes are there");
    bytes[at..at + new.len()].copy_from_slice(new);
}

/// Makes a payment from a note that was never deposited here: its anchor belongs to another
/// history.
async fn from_nowhere(stage: &Stage) -> anyhow::Result<Submission> {
    let World { l1, .. } = &stage.world;
    let mut dreamer = Party::new(1, &**l1).await?;
    let view = l1.rollup().await?;
    let config = LedgerConfig {
        context: view.context,
        fee_asset: DOLLAR,
        min_fee: FEE,
    };
    let input = BatchInput {
        shape: Shape::S4,
        time: now(),
        fee_recipient: [0; 20],
        assets_root: view.assets_root,
        prices: Fr::from(0u64),
        transactions: Vec::new(),
        deposits: vec![Deposit {
            asset: DOLLAR,
            value: 1 << 100,
            inner: dreamer.chain.deposit_inner(0),
        }],
    };
    dreamer.apply(&Ledger::new().execute(input, &config)?.published()?)?;
    let intent = Intent::Transfer {
        to: stage.bob.keys.address(),
        memo: "a dream".parse()?,
    };
    dreamer
        .spend(
            &dreamer.note(1 << 100)?,
            &intent,
            1 << 99,
            dreamer.envelope(),
        )
        .await
}

/// Checks that the proof binds every part of a transaction.
async fn altered(
    stage: &Stage,
    payment: &Submission,
    withdrawal: &Submission,
) -> anyhow::Result<()> {
    type Change = (&'static str, Box<dyn FnOnce(&mut Transaction)>);
    let of_another = withdrawal.transaction.ephemeral;
    let bent = |word: Fr| word + Fr::from(1u64);
    let bend = move |word: &mut Fr| *word = bent(*word);
    let of_payment: Vec<Change> = vec![
        ("fee raised", Box::new(|t| t.header.fee += 1)),
        ("expiry put off", Box::new(|t| t.header.expiry += 1)),
        ("expiry brought forward", Box::new(|t| t.header.expiry -= 1)),
        ("view tag of the payee", Box::new(|t| t.note_data.0[0] ^= 1)),
        (
            "wrapped key of the payee",
            Box::new(|t| t.note_data.0[17] ^= 1),
        ),
        (
            "ciphertext byte of the memo",
            Box::new(|t| t.note_data.0[40] ^= 0x80),
        ),
        ("last byte", Box::new(|t| t.note_data.0[70] ^= 1)),
        (
            "audit word of the payee",
            Box::new(move |t| bend(&mut t.audit.0[0])),
        ),
        (
            "audit word of the change",
            Box::new(move |t| bend(&mut t.audit.0[4])),
        ),
        ("audit words exchanged", Box::new(|t| t.audit.0.swap(0, 2))),
        (
            "commitment",
            Box::new(move |t| {
                t.commitments[0] = NoteCommitment::new(bent(t.commitments[0].into()))
            }),
        ),
        (
            "commitments exchanged",
            Box::new(|t| t.commitments.swap(0, 1)),
        ),
        (
            "nullifier",
            Box::new(move |t| t.nullifiers[0] = Nullifier::of(bent(t.nullifiers[0].into()))),
        ),
        (
            "dummy's nullifier",
            Box::new(move |t| t.nullifiers[2] = Nullifier::of(bent(t.nullifiers[2].into()))),
        ),
        (
            "ephemeral key of another",
            Box::new(move |t| t.ephemeral = of_another),
        ),
        (
            "anchor of another root",
            Box::new(|t| t.anchor = Ledger::new().state().anchor(&Fr::from(0u64))),
        ),
        (
            "a withdrawal added",
            Box::new(|t| {
                t.header.kind = Kind::Withdraw;
                t.withdrawal = Some(Withdrawal {
                    asset: DOLLAR,
                    recipient: recipient(),
                    amount: 1,
                });
            }),
        ),
    ];
    for (what, change) in of_payment {
        stage
            .refused(what, with(payment, change), 422, "invalid_proof")
            .await?;
    }
    let of_withdrawal: Vec<Change> = vec![
        (
            "withdrawal's recipient",
            Box::new(|t| t.withdrawal.as_mut().expect("one").recipient[19] ^= 1),
        ),
        (
            "withdrawal's amount",
            Box::new(|t| t.withdrawal.as_mut().expect("one").amount += 1),
        ),
        (
            "withdrawal's asset",
            Box::new(|t| t.withdrawal.as_mut().expect("one").asset.0 = 1),
        ),
        (
            "withdrawal made a transfer",
            Box::new(|t| {
                t.header.kind = Kind::Transfer;
                t.withdrawal = None;
            }),
        ),
    ];
    for (what, change) in of_withdrawal {
        stage
            .refused(what, with(withdrawal, change), 422, "invalid_proof")
            .await?;
    }
    let mut foreign = payment.clone();
    foreign.proof = withdrawal.proof;
    stage
        .refused(
            "another transaction's proof",
            foreign.to_bytes(),
            422,
            "invalid_proof",
        )
        .await?;
    Ok(())
}

/// Submits bytes that are not a submission, and proofs with malformed points.
async fn unreadable(stage: &Stage, payment: &Submission) -> anyhow::Result<()> {
    let bytes = payment.to_bytes();
    let transaction = &payment.transaction;
    for (what, element) in [
        ("terms", transaction.terms),
        ("commitment", transaction.commitments[0].into()),
        ("anchor", transaction.anchor.into()),
        ("ephemeral key", transaction.ephemeral),
        ("audit word", transaction.audit.0[3]),
    ] {
        let mut altered = bytes.clone();
        replace(&mut altered, &fr_to_bytes(&element), &alias(&element));
        stage
            .refused(
                &format!("{what} plus the modulus"),
                altered,
                400,
                "malformed",
            )
            .await?;
    }
    let mut version = bytes.clone();
    version[0] += 1;
    stage
        .refused("unknown version", version, 400, "malformed")
        .await?;
    let mut kind = bytes.clone();
    kind[33] = 5;
    stage
        .refused("reserved kind", kind, 400, "malformed")
        .await?;
    let mut hidden = bytes.clone();
    hidden[33 + 25] = 1;
    stage
        .refused("withdraw fields in a transfer", hidden, 400, "malformed")
        .await?;
    stage
        .refused(
            "cut short",
            bytes[..bytes.len() - 1].to_vec(),
            400,
            "malformed",
        )
        .await?;
    stage
        .refused(
            "one byte too many",
            [&bytes[..], &[0]].concat(),
            400,
            "malformed",
        )
        .await?;
    stage
        .refused("nothing", Vec::new(), 400, "malformed")
        .await?;
    stage
        .refused("too large", vec![0; 16 * 1024 + 1], 413, "too_large")
        .await?;

    let before = stage.everything().await?;
    let json = |text: String| stage.world.api.post(text.into_bytes(), "application/json");
    let upper = json(format!(
        "{{\"submission\":\"0x{}\"}}",
        hex::encode_upper(&bytes)
    ))
    .await?;
    check_refusal("upper-case hex", &upper, 400, "malformed")?;
    let surplus = json(format!(
        "{{\"submission\":\"0x{}\",\"priority\":1}}",
        hex::encode(&bytes)
    ))
    .await?;
    check_refusal("an unknown field", &surplus, 400, "malformed")?;
    let typed = stage.world.api.post(bytes.clone(), "text/plain").await?;
    check_refusal("another content type", &typed, 400, "malformed")?;
    ensure!(
        stage.everything().await? == before,
        "an unreadable submission changed something"
    );

    // The points' flags are in the last byte of each: 0x40 is the identity, 0xff is no flag.
    let mut identity = [0; 32];
    identity[31] = 0x40;
    for (what, a) in [
        ("no point", [0xff; 32]),
        ("the identity", identity),
        ("x of no point", [4; 32]),
    ] {
        let mut altered = payment.clone();
        let mut bytes = *altered.proof.as_bytes();
        bytes[..32].copy_from_slice(&a);
        altered.proof = ProofBytes::new(bytes);
        stage
            .refused(
                &format!("A is {what}"),
                altered.to_bytes(),
                422,
                "invalid_proof",
            )
            .await?;
    }
    let mut exchanged = payment.clone();
    let mut bytes = *exchanged.proof.as_bytes();
    bytes.copy_within(96..128, 0);
    exchanged.proof = ProofBytes::new(bytes);
    stage
        .refused("C in A's place", exchanged.to_bytes(), 422, "invalid_proof")
        .await?;
    stage
        .refused(
            "no proof",
            Submission {
                proof: ProofBytes::new([0; 128]),
                ..payment.clone()
            }
            .to_bytes(),
            422,
            "invalid_proof",
        )
        .await?;
    Ok(())
}

/// Submits transactions with valid proofs and inadmissible contents.
async fn misguided(stage: &Stage) -> anyhow::Result<()> {
    let envelope = stage.alice.envelope();
    let cheap = stage
        .pay(
            NOTES[3],
            1,
            Envelope {
                fee: FEE - 1,
                ..envelope
            },
        )
        .await?;
    stage
        .refused("fee too low", cheap.to_bytes(), 422, "fee_too_low")
        .await?;
    let late = stage
        .pay(
            NOTES[3],
            1,
            Envelope {
                usual: Validity {
                    expiry: now() - 1,
                    ..envelope.usual
                },
                ..envelope
            },
        )
        .await?;
    stage
        .refused("expired", late.to_bytes(), 410, "expired")
        .await?;
    let dream = from_nowhere(stage).await?;
    stage
        .refused("unknown anchor", dream.to_bytes(), 409, "unknown_anchor")
        .await?;

    let rollup = stage.world.deployed.contracts.rollup.into_array();
    let chain_id = stage.world.l1.chain_id().await?;
    for (what, context) in [
        (
            "another chain",
            Context {
                chain_id: chain_id + 1,
                rollup,
            },
        ),
        (
            "another rollup",
            Context {
                chain_id,
                rollup: [0x11; 20],
            },
        ),
    ] {
        let foreign = stage
            .pay(
                NOTES[3],
                1,
                Envelope {
                    context: context.word(),
                    ..envelope
                },
            )
            .await?;
        stage
            .refused(what, foreign.to_bytes(), 422, "invalid_proof")
            .await?;
    }

    let broken: [(&str, Vec<u8>); 4] = [
        // −y belongs to a point as well, but not to one of the prime-order subgroup.
        (
            "ephemeral",
            with(&cheap, |t| {
                t.header.fee = FEE;
                t.ephemeral = -t.ephemeral;
            }),
        ),
        (
            "repeated_nullifier",
            with(&cheap, |t| {
                t.header.fee = FEE;
                t.nullifiers[1] = t.nullifiers[0];
            }),
        ),
        (
            "zero_commitment",
            with(&cheap, |t| {
                t.header.fee = FEE;
                t.commitments[2] = NoteCommitment::new(Fr::from(0u64));
            }),
        ),
        (
            "expiry_too_far",
            with(&cheap, |t| {
                t.header.fee = FEE;
                t.header.expiry = now() + 25 * 3600;
            }),
        ),
    ];
    for (rule, bytes) in broken {
        let answer = stage
            .refused(rule, bytes, 422, "invalid_transaction")
            .await?;
        ensure!(answer.body["rule"] == rule, "{rule}: {}", answer.body);
    }
    let stale = with(&cheap, |t| {
        t.header.fee = FEE;
        t.assets_root += Fr::from(1u64);
    });
    stage
        .refused("stale assets", stale, 409, "stale_assets")
        .await?;
    Ok(())
}

/// Submits two spends of one note from many connections at once. Exactly one of them is accepted.
/// Returns its payment.
async fn race(stage: &Stage) -> anyhow::Result<u128> {
    let envelope = stage.alice.envelope();
    let rivals = [
        stage.pay(NOTES[1], 10, envelope).await?,
        stage.pay(NOTES[1], 20, envelope).await?,
    ];
    let before = stage
        .world
        .api
        .metric("subrosa_sequencer_mempool_transactions")
        .await?;
    let mut runners = Vec::new();
    for turn in 0..16 {
        let api = stage.world.api.clone();
        let bytes = rivals[turn % 2].to_bytes();
        runners.push(tokio::spawn(async move {
            anyhow::Ok((turn % 2, api.submit(bytes).await?))
        }));
    }
    let mut winners = [0, 0];
    for runner in runners {
        let (rival, answer) = runner.await??;
        if answer.accepted() {
            winners[rival] += 1;
        } else {
            check_refusal("the slower rival", &answer, 409, "nullifier_pending")?;
        }
    }
    let winner = usize::from(winners[0] == 0);
    ensure!(
        winners[winner] == 8 && winners[1 - winner] == 0,
        "accepted {winners:?} times"
    );
    ensure!(
        stage
            .world
            .api
            .metric("subrosa_sequencer_mempool_transactions")
            .await?
            == before + 1.0
    );
    let lost = rivals[1 - winner]
        .transaction
        .digest(&stage.alice.context)
        .to_string();
    ensure!(
        stage.world.api.transaction(&lost).await?.is_none(),
        "the loser is known"
    );
    Ok([10, 20][winner])
}

async fn accepted(
    api: &Api,
    submission: &Submission,
    context: &Fr,
    status: &str,
) -> anyhow::Result<()> {
    let answer = api.submit(submission.to_bytes()).await?;
    let digest = submission.transaction.digest(context).to_string();
    ensure!(
        answer.accepted() && answer.digest() == digest,
        "not accepted: {}",
        answer.body
    );
    ensure!(
        answer.body["status"] == status,
        "{} is not {status}",
        answer.body
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_input_is_refused_by_name_and_changes_nothing() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let mut stage = Stage::start(&directory.path().join("one")).await?;
    let envelope = stage.alice.envelope();
    let context = stage.alice.context;
    let payment = stage.pay(NOTES[0], 1_000_000, envelope).await?;
    let rival = stage.pay(NOTES[0], 2_000_000, envelope).await?;
    let out = Intent::Withdraw {
        recipient: recipient(),
    };
    let withdrawal = stage
        .alice
        .spend(&stage.alice.note(NOTES[2])?, &out, 3_000_000, envelope)
        .await?;

    altered(&stage, &payment, &withdrawal).await?;
    unreadable(&stage, &payment).await?;
    misguided(&stage).await?;

    // Honest submissions are still accepted.
    accepted(&stage.world.api, &payment, &context, "pending").await?;
    stage
        .refused(
            "double spend in the same window",
            rival.to_bytes(),
            409,
            "nullifier_pending",
        )
        .await?;
    let before = stage.everything().await?;
    accepted(&stage.world.api, &payment, &context, "pending").await?;
    // The digest identifies a transaction: with another proof it is the same accepted transaction.
    let unproven = Submission {
        proof: ProofBytes::new([0; 128]),
        ..payment.clone()
    };
    accepted(&stage.world.api, &unproven, &context, "pending").await?;
    ensure!(
        stage.everything().await? == before,
        "a repeated submission changed something"
    );
    let won = race(&stage).await?;
    accepted(&stage.world.api, &withdrawal, &context, "pending").await?;

    // A deposit makes the sequencer seal.
    stage
        .alice
        .deposit(
            &*stage.world.l1,
            &account(FIRST_INSTITUTION),
            DOLLAR,
            9_000_000,
        )
        .await?;
    let digest = payment.transaction.digest(&context).to_string();
    stage
        .world
        .api
        .reached(&digest, &["included", "proven", "settled"])
        .await?;
    let late = stage.world.api.submit(rival.to_bytes()).await?;
    check_refusal("double spend after sealing", &late, 409, "nullifier_spent")?;
    stage.world.api.reached(&digest, &["settled"]).await?;
    stage
        .refused(
            "double spend after settlement",
            rival.to_bytes(),
            409,
            "nullifier_spent",
        )
        .await?;
    accepted(&stage.world.api, &payment, &context, "settled").await?;

    // Only the three took effect.
    stage.bob.sync(&stage.world.api).await?;
    let paid = stage.bob.balance(DOLLAR) - 1_000_000;
    assert_eq!(paid, won, "bob was paid by the winner of the race alone");
    stage.alice.sync(&stage.world.api).await?;
    let left = NOTES.iter().sum::<u128>() + 9_000_000 - 1_000_000 - paid - 3_000_000 - 3 * FEE;
    assert_eq!(stage.alice.balance(DOLLAR), left);
    let after = stage.everything().await?;
    assert_eq!(
        (after.batches, after.mempool, after.owed),
        (2, 0.0, 3_000_000)
    );
    assert_eq!(
        after.vault,
        NOTES.iter().sum::<u128>() + 9_000_000,
        "nothing was claimed yet"
    );
    let view = stage.world.l1.rollup().await?;
    assert_eq!(after.info["state"]["commitment"], hex_of(&view.state));

    replay(&stage, &payment, directory.path()).await
}

/// Replays a transaction on a second rollup on the same chain with the same history. Only its
/// address differs.
async fn replay(
    stage: &Stage,
    payment: &Submission,
    directory: &std::path::Path,
) -> anyhow::Result<()> {
    let chain = stage.world.chain.clone();
    let deployed = chain.rollup(stage.world.deployed.tokens).await?;
    let twin = World::over(chain, deployed, &directory.join("two"), seal_on_deposits).await?;
    let mut alice = Party::new(1, &*twin.l1).await?;
    for value in NOTES {
        alice
            .deposit(&*twin.l1, &account(FIRST_INSTITUTION), DOLLAR, value)
            .await?;
    }
    let state = eventually("the deposits' batch", || async {
        let info = twin.api.json("/v1/info").await?;
        Ok((info["state"]["batch_index"] == 2).then_some(info))
    })
    .await?;
    // The second rollup knows the anchor and the assets, so only the proof can fail.
    let root = state["state"]["note_root"].as_str();
    let root = fr_from_hex(root.context("a note root")?)?;
    ensure!(
        payment.transaction.anchor == Anchor::of(&root, &Fr::from(0u64)),
        "another history"
    );
    ensure!(
        state["assets_root"] == hex_of(&payment.transaction.assets_root),
        "other assets"
    );
    let before = twin.api.json("/v1/info").await?["state"].clone();
    let answer = twin.api.submit(payment.to_bytes()).await?;
    check_refusal("replay on a second rollup", &answer, 422, "invalid_proof")?;
    let digest = payment.transaction.digest(&alice.context).to_string();
    ensure!(
        twin.api.transaction(&digest).await?.is_none(),
        "the replay is known"
    );
    ensure!(
        twin.api.json("/v1/info").await?["state"] == before,
        "the replay changed the state"
    );
    twin.sequencer.stop().await;
    Ok(())
}
