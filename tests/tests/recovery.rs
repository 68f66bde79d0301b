//! The sequencer is killed at the worst moments, and a wallet loses everything but its seed.
//!
//! Both run as real processes: `subrosa` and anvil. SIGKILL leaves a process no time for anything.
//! Accepted transactions must still settle, and only once.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
    time::Duration,
};

use alloy_primitives::Address;
use anyhow::{Context as _, ensure};
use serde_json::Value;
use subrosa_l1::Contracts;
use subrosa_protocol::{asset::AssetId, keys::Seed};
use subrosa_tests::{
    Api, Chain, Deployed, Institution,
    chain::{DOLLAR, FIRST_INSTITUTION, SYMBOLS, account, free_port},
    eventually,
    processes::{Service, binary, deploy, text},
    world::FEE,
};
use subrosa_wallet::amount;

/// Settings of the sequencer: quick, but a batch waits long enough to be killed before it is
/// sealed.
const SETTINGS: &str = r#"
min_fee = "50000"
[seal]
shapes = [4]
max_wait_ms = 1000
deposit_wait_ms = 300
[settle]
poll_ms = 100
"#;

/// Deposits of north, in dollars: one note each.
const DEPOSITS: [&str; 6] = ["1000", "1001", "1002", "1003", "1004", "1005"];

fn units(text: &str) -> anyhow::Result<u128> {
    Ok(amount::parse(text, 6)?)
}

/// Process of a sequencer, with its interface.
struct Sequencer {
    service: Service,
    base: String,
    api: Api,
}

impl Sequencer {
    async fn start(binary: &Path, directory: &Path) -> anyhow::Result<Self> {
        let listen = format!("127.0.0.1:{}", free_port()?);
        let base = format!("http://{listen}");
        let settings = directory.join("sequencer.toml");
        std::fs::write(&settings, SETTINGS)?;
        let service = Service::start(
            binary,
            "sequencer",
            directory,
            &[
                "sequencer",
                "--development",
                "--store",
                text(&directory.join("store"))?,
                "--listen",
                &listen,
            ],
            // The environment replaces the flags --deployment and --config.
            &[
                (
                    "SUBROSA_DEPLOYMENT",
                    text(&directory.join("deployment.toml"))?,
                ),
                ("SUBROSA_SEQUENCER_CONFIG", text(&settings)?),
            ],
        )?;
        let mut sequencer = Self {
            service,
            api: Api::new(&base)?,
            base,
        };
        sequencer.ready().await?;
        Ok(sequencer)
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        self.service.ready(&format!("{}/ready", self.base)).await
    }

    /// Kills the process and starts it again.
    async fn restart(&mut self) -> anyhow::Result<()> {
        self.service.kill()?;
        self.service.start_again()?;
        self.ready().await
    }
}

struct Stage {
    sequencer: Sequencer,
    north: Institution,
    south: Institution,
    /// Operations that the sequencer accepted, each with its amount.
    accepted: Vec<(String, u128)>,
}

impl Stage {
    /// Starts a payment and waits until the sequencer has accepted it. Returns the digest.
    async fn pay(&mut self, dollars: &str) -> anyhow::Result<String> {
        let memo = format!("payment {}", self.accepted.len());
        let id = self
            .north
            .transfer(SYMBOLS[0], dollars, &self.south.address(), &memo)
            .await?;
        let operation = self
            .north
            .reached(&id, &["submitted", "included", "settled"])
            .await?;
        self.accepted.push((id, units(dollars)?));
        Ok(operation["digest"].as_str().context("a digest")?.to_owned())
    }

    /// Waits until the last payment has settled.
    async fn settles(&self, moment: &str) -> anyhow::Result<()> {
        let (id, _) = self.accepted.last().context("a payment")?;
        self.north
            .settled(id)
            .await
            .with_context(|| format!("{moment}: {}", self.sequencer.service.tail()))?;
        Ok(())
    }

    /// Waits for a status with the shortest possible pauses, and returns it.
    async fn at(&self, digest: &str, wanted: &[&str]) -> anyhow::Result<String> {
        let path = format!("/v1/transactions/{digest}");
        loop {
            let status = self.sequencer.api.json(&path).await?["status"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            if wanted.contains(&status.as_str()) {
                return Ok(status);
            }
            ensure!(
                !["expired", "rejected"].contains(&status.as_str()),
                "it became {status}"
            );
            // The interface admits 2,000 requests a second.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn killed_everywhere(&mut self) -> anyhow::Result<()> {
        let digest = self.pay("101.5").await?;
        self.sequencer.restart().await?;
        ensure!(
            self.sequencer.api.transaction(&digest).await?.is_some(),
            "an accepted transaction is forgotten"
        );
        self.settles("killed after accepting").await?;

        let digest = self.pay("102.5").await?;
        let status = self.at(&digest, &["included", "proven", "settled"]).await?;
        ensure!(
            status == "included",
            "it was {status} before it could be killed"
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
        self.sequencer.service.kill()?;
        // Again, while it is still starting.
        self.sequencer.service.start_again()?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.sequencer.restart().await?;
        self.settles("killed while proving").await?;

        // Proven; the sequencer has perhaps not read L1's answer.
        let digest = self.pay("103.5").await?;
        self.at(&digest, &["proven", "settled"]).await?;
        self.sequencer.restart().await?;
        self.settles("killed while settling").await?;

        let digest = self.pay("104.5").await?;
        self.at(&digest, &["settled"]).await?;
        self.sequencer.restart().await?;
        self.settles("killed after settling").await
    }
}

/// Node, contracts and sequencer.
struct Ground {
    chain: Chain,
    deployed: Deployed,
    directory: tempfile::TempDir,
    sequencer: Sequencer,
}

impl Ground {
    /// Starts them. Returns `None` if the binary or the node is not installed.
    async fn start() -> anyhow::Result<Option<Self>> {
        let Some(binary) = binary() else {
            return Ok(None);
        };
        let Some(chain) = Chain::anvil().await? else {
            return Ok(None);
        };
        let url = chain.url().context("anvil has an endpoint")?.to_owned();
        let directory = tempfile::tempdir()?;
        let deployment = deploy(&binary, &url, &directory.path().join("deployment.toml"))?;
        let contracts = Contracts {
            rollup: deployment.rollup,
            vault: deployment.vault,
            registry: deployment.registry,
            deployed_at: deployment.deployed_at,
        };
        let sequencer = Sequencer::start(&binary, directory.path()).await?;
        Ok(Some(Self {
            chain,
            deployed: Deployed {
                contracts,
                deployment: None,
                tokens: [Address::ZERO; 2],
            },
            directory,
            sequencer,
        }))
    }

    /// Opens the wallet with this number, with the state that it keeps there.
    async fn open(&self, place: usize, seed: u8) -> anyhow::Result<Institution> {
        let wallet = self.directory.path().join(format!("wallet-{place}"));
        let (seed, account) = (
            Seed::from_bytes([seed; 32]),
            account(FIRST_INSTITUTION + place),
        );
        let Self {
            chain,
            deployed,
            sequencer,
            ..
        } = self;
        Institution::open(chain, deployed, &sequencer.base, &wallet, seed, account).await
    }

    /// The sequencer's disk is lost while payments are in a batch that L1 does not have, and both
    /// wallets have seen it. Both payments settle all the same.
    async fn loses_its_disk(
        &mut self,
        north: &Institution,
        south: &Institution,
    ) -> anyhow::Result<()> {
        let (to_south, to_north) = (south.address(), north.address());
        let payments = [
            (north, north.transfer(SYMBOLS[0], "3", &to_south, "there")),
            (south, south.transfer(SYMBOLS[0], "2", &to_north, "back")),
        ];
        let mut sent = Vec::new();
        for (of, payment) in payments {
            sent.push((of, payment.await?));
        }
        for (of, id) in &sent {
            of.reached(id, &["included"]).await?;
        }
        self.sequencer.service.kill()?;
        std::fs::remove_dir_all(self.directory.path().join("store"))?;
        self.sequencer.service.start_again()?;
        self.sequencer.ready().await?;
        for (of, id) in &sent {
            of.settled(id).await?;
        }
        Ok(())
    }

    /// Waits until the sequencer shows a status of an institution's leg, and returns it.
    async fn leg(&self, of: &Institution, swap: &str, wanted: &[&str]) -> anyhow::Result<String> {
        let swap = of.get(&format!("/v1/swaps/{swap}")).await?;
        let operation = swap["operation"].as_str().context("an operation")?;
        let operation = of
            .reached(operation, &["submitted", "included", "settled", "failed"])
            .await?;
        let digest = operation["digest"].as_str().context("a digest")?;
        let path = format!("/v1/transactions/{digest}");
        eventually(&format!("a leg to be {wanted:?}"), || async {
            let status = self.sequencer.api.json(&path).await?["status"].clone();
            let status = status.as_str().unwrap_or_default().to_owned();
            Ok(wanted.contains(&status.as_str()).then_some(status))
        })
        .await
    }
}

/// One leg is at the sequencer, the other party is away, and the sequencer is killed: the leg waits
/// on, and so does the acceptance in the mailbox. With the other leg both settle; without it
/// neither does.
#[tokio::test(flavor = "multi_thread")]
async fn a_swap_outlives_the_sequencer_between_its_legs() -> anyhow::Result<()> {
    let Some(mut ground) = Ground::start().await? else {
        return Ok(());
    };
    let (north, south) = (ground.open(0, 0x41).await?, ground.open(1, 0x42).await?);
    let mut deposits = Vec::new();
    for (of, symbol, amount) in [
        (&north, SYMBOLS[0], "500"),
        (&north, SYMBOLS[0], "501"),
        (&south, SYMBOLS[0], "5"),
        (&south, SYMBOLS[1], "40"),
        (&south, SYMBOLS[1], "41"),
    ] {
        deposits.push((of, of.deposit(symbol, amount).await?));
    }
    for (of, id) in deposits {
        of.settled(&id).await?;
    }
    let (give, want) = (
        (SYMBOLS[0], "123.456789"),
        (SYMBOLS[1], "7.000000000000000003"),
    );
    let quote = north.quoted(&south, give, want, (600, 600)).await?;
    south.stop().await;
    let swap = north.accept(&quote).await?;
    ground.leg(&north, &swap, &["waiting"]).await?;
    ground.sequencer.restart().await?;
    ground.leg(&north, &swap, &["waiting"]).await?;
    let batches = ground.sequencer.api.batches().await?.len();

    // A second leg, whose counterpart never comes.
    let south = ground.open(1, 0x42).await?;
    for of in [&north, &south] {
        of.shows(&format!("/v1/swaps/{swap}"), &["included", "settled"])
            .await?;
    }
    ground.sequencer.restart().await?;
    for of in [&north, &south] {
        of.shows(&format!("/v1/swaps/{swap}"), &["settled"]).await?;
    }
    ensure!(
        ground.sequencer.api.batches().await?.len() == batches + 1,
        "both legs are in one batch"
    );
    let lone = north.quoted(&south, give, want, (10, 5)).await?;
    south.stop().await;
    let lone = north.accept(&lone).await?;
    ground.leg(&north, &lone, &["waiting", "expired"]).await?;
    ground.sequencer.restart().await?;
    ground.leg(&north, &lone, &["expired"]).await?;
    north
        .shows(&format!("/v1/swaps/{lone}"), &["expired"])
        .await?;
    ensure!(
        ground.sequencer.api.batches().await?.len() == batches + 1,
        "a lone leg made a batch"
    );

    let inside = |holdings: BTreeMap<String, subrosa_tests::institution::Holding>| {
        SYMBOLS.map(|symbol| holdings[symbol].spendable + holdings[symbol].pending)
    };
    let gold = |text: &str| amount::parse(text, 18);
    let [dollars, metal] = inside(north.holdings().await?);
    // The notes of the lone leg count as leaving until L1's clock has passed its expiry.
    let all = units("877.493211")?;
    ensure!(
        [all, all - units("123.456789")? - FEE].contains(&dollars)
            && metal == gold("7.000000000000000003")?,
        "north holds {dollars} and {metal}"
    );
    let south = ground.open(1, 0x42).await?;
    let all = [units("128.456789")? - FEE, gold("73.999999999999999997")?];
    eventually("south to have scanned", || async {
        Ok((inside(south.holdings().await?) == all).then_some(()))
    })
    .await?;
    ground.loses_its_disk(&north, &south).await?;
    for (name, lost) in [("north", &north), ("south", &south)] {
        let empty = ground.directory.path().join(format!("restored-{name}"));
        let found = Institution::open(
            &ground.chain,
            &ground.deployed,
            &ground.sequencer.base,
            &empty,
            lost.seed.clone(),
            lost.account.clone(),
        )
        .await?;
        let history = on_chain(lost.history().await?);
        eventually("the restored wallet's scan", || async {
            Ok((on_chain(found.history().await?) == history).then_some(()))
        })
        .await?;
        found.stop().await;
    }
    Ok(())
}

/// Checks on L1 alone that each accepted transaction is in exactly one batch, and that the batches
/// hold nothing else.
async fn exactly_once(stage: &Stage, chain: &Chain, deployed: &Deployed) -> anyhow::Result<()> {
    let l1 = chain.client(deployed.contracts, None);
    let view = l1.rollup().await?;
    let batches = stage.sequencer.api.batches().await?;
    ensure!(
        batches.len() as u64 + 1 == view.batch_index,
        "{} batches, L1 waits for {}",
        batches.len(),
        view.batch_index
    );
    let mut digests = Vec::new();
    let mut nullifiers = HashSet::new();
    for (batch, index) in batches.iter().zip(1..) {
        let settled = l1
            .settled_batch(index)
            .await?
            .with_context(|| format!("batch {index} is not on L1"))?;
        let published = format!("0x{}", hex::encode(settled.published.to_bytes()));
        ensure!(
            batch["published"] == published,
            "batch {index} is another on L1"
        );
        ensure!(
            batch["status"] == "settled"
                && batch["l1_transaction"] == format!("0x{}", hex::encode(settled.tx))
        );
        for transaction in &settled.published.transactions {
            for nullifier in &transaction.nullifiers {
                ensure!(nullifiers.insert(*nullifier), "a nullifier settled twice");
            }
        }
        digests.extend(
            batch["transactions"]
                .as_array()
                .context("digests")?
                .iter()
                .map(ToString::to_string),
        );
    }
    ensure!(
        nullifiers.len() == 3 * stage.accepted.len(),
        "{} nullifiers",
        nullifiers.len()
    );
    for (id, _) in &stage.accepted {
        let digest = stage.north.operation(id).await?["digest"].to_string();
        let times = digests.iter().filter(|found| **found == digest).count();
        ensure!(times == 1, "an accepted transaction is in {times} batches");
    }
    ensure!(
        digests.len() == stage.accepted.len(),
        "{} transactions settled",
        digests.len()
    );
    Ok(())
}

async fn reconciles(stage: &Stage, chain: &Chain, deployed: &Deployed) -> anyhow::Result<()> {
    let deposited = DEPOSITS
        .iter()
        .map(|text| units(text))
        .sum::<anyhow::Result<u128>>()?;
    let paid: u128 = stage.accepted.iter().map(|(_, amount)| amount).sum();
    let fees = FEE * stage.accepted.len() as u128;
    let inside = |holdings: BTreeMap<String, subrosa_tests::institution::Holding>| {
        holdings
            .get(SYMBOLS[0])
            .map(|holding| (holding.spendable, holding.pending))
    };
    eventually("south to see the last payment", || async {
        Ok((inside(stage.south.holdings().await?) == Some((paid, 0))).then_some(()))
    })
    .await?;
    let north = inside(stage.north.holdings().await?);
    ensure!(
        north == Some((deposited - paid - fees, 0)),
        "north holds {north:?}"
    );
    let l1 = chain.client(deployed.contracts, None);
    let vault = l1
        .token_balance(deployed.contracts.vault.into_array(), DOLLAR)
        .await?;
    ensure!(vault == deposited, "the vault holds {vault}");
    let operator = account(subrosa_tests::chain::OPERATOR)
        .address()
        .into_array();
    ensure!(
        l1.claimable(operator, AssetId(0)).await? == fees,
        "fees are not owed to the operator"
    );
    Ok(())
}

/// Returns a history without the addresses, which a wallet learns from its orders and agreements
/// and a restore does not find again. The owners that they name stay.
fn on_chain(mut history: Vec<Value>) -> Vec<Value> {
    for line in history.iter_mut().filter_map(Value::as_object_mut) {
        line.remove("counterparty_address");
    }
    history
}

/// A wallet of the same seed in an empty directory finds the same balances and the same history.
async fn restores(
    lost: &Institution,
    chain: &Chain,
    deployed: &Deployed,
    base: &str,
    directory: &Path,
) -> anyhow::Result<()> {
    let found = Institution::open(
        chain,
        deployed,
        base,
        directory,
        lost.seed.clone(),
        lost.account.clone(),
    )
    .await?;
    let history = on_chain(lost.history().await?);
    ensure!(!history.is_empty(), "there is no history to restore");
    eventually("the restored wallet's scan", || async {
        Ok((found.history().await?.len() >= history.len()).then_some(()))
    })
    .await?;
    let restored = on_chain(found.history().await?);
    ensure!(
        restored == history,
        "restored: {restored:?}, not {history:?}"
    );
    ensure!(
        found.get("/v1/balances").await? == lost.get("/v1/balances").await?,
        "other balances"
    );
    // The wallet can spend the notes that it found, and it uses no deposit index again.
    found.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_settles_once_whenever_the_sequencer_is_killed() -> anyhow::Result<()> {
    let Some(ground) = Ground::start().await? else {
        return Ok(());
    };
    let (north, south) = (ground.open(0, 0x31).await?, ground.open(1, 0x32).await?);
    let Ground {
        chain,
        deployed,
        directory,
        sequencer,
    } = ground;
    let mut stage = Stage {
        sequencer,
        north,
        south,
        accepted: Vec::new(),
    };
    let mut open = Vec::new();
    for dollars in DEPOSITS {
        open.push(stage.north.deposit(SYMBOLS[0], dollars).await?);
    }
    // Killed with deposits under way.
    stage.sequencer.restart().await?;
    for id in open {
        stage.north.settled(&id).await?;
    }
    stage.killed_everywhere().await?;
    exactly_once(&stage, &chain, &deployed).await?;
    reconciles(&stage, &chain, &deployed).await?;
    for (name, lost) in [("north", &stage.north), ("south", &stage.south)] {
        let empty = directory.path().join(format!("restored-{name}"));
        restores(lost, &chain, &deployed, &stage.sequencer.base, &empty)
            .await
            .with_context(|| name.to_owned())?;
    }
    Ok(())
}
