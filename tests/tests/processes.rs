//! The product as a user starts it: `setup deploy`, `sequencer` and two `wallet run`s on anvil,
//! each a process of the built binary with its own directory, used over HTTP alone.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use subrosa_protocol::keys::Seed;
use subrosa_tests::{
    Chain, Institution,
    chain::{DOLLAR, FIRST_INSTITUTION, GOLD, SYMBOLS, account, free_port, units},
    eventually,
    processes::{Service, binary, deploy, run, text},
    world::FEE,
};

/// Settings that a user would not need: a quick sequencer, and a fee to account for.
const SETTINGS: &str = r#"
min_fee = "50000"
[seal]
max_wait_ms = 500
deposit_wait_ms = 300
[settle]
poll_ms = 100
"#;

const PASSPHRASE: (&str, &str) = ("SUBROSA_PASSPHRASE", "of a test");

/// Process of a wallet.
struct Wallet {
    _service: Service,
    institution: Institution,
    directory: PathBuf,
}

/// Makes and starts a wallet as `subrosa wallet init` and `subrosa wallet run` do. It uses the
/// development account of the institution with this place.
async fn wallet(
    binary: &Path,
    directory: &Path,
    sequencer: &str,
    place: usize,
) -> anyhow::Result<Wallet> {
    let home = directory.join(format!("wallet-{place}"));
    let init = [
        "wallet",
        "init",
        "--development",
        "--directory",
        text(&home)?,
    ];
    let address = run(binary, &init, &[PASSPHRASE])?;
    let backup = ["wallet", "backup", "--directory", text(&home)?];
    let mut seed = [0; 32];
    hex::decode_to_slice(run(binary, &backup, &[PASSPHRASE])?.trim(), &mut seed)?;
    let listen = format!("127.0.0.1:{}", free_port()?);
    let number = FIRST_INSTITUTION + place;
    let mut service = Service::start(
        binary,
        if place == 0 {
            "wallet of north"
        } else {
            "wallet of south"
        },
        directory,
        &[
            "wallet",
            "run",
            "--directory",
            text(&home)?,
            "--deployment",
            text(&directory.join("deployment.toml"))?,
            "--sequencer",
            sequencer,
            "--listen",
            &listen,
            "--development-account",
            &number.to_string(),
        ],
        &[PASSPHRASE],
    )?;
    let base = format!("http://{listen}");
    service.ready(&format!("{base}/health")).await?;
    let token = std::fs::read_to_string(home.join("token"))?;
    let institution =
        Institution::at(&base, token.trim(), Seed::from_bytes(seed), account(number))?;
    ensure!(
        institution.address() == address.trim(),
        "`wallet init` prints the address of the seed that `wallet backup` prints"
    );
    Ok(Wallet {
        _service: service,
        institution,
        directory: home,
    })
}

/// Waits until an institution holds exactly these amounts inside the rollup, base units in the
/// order of the asset ids.
async fn holds(institution: &Institution, expected: [u128; 2]) -> anyhow::Result<()> {
    eventually(&format!("holdings to be {expected:?}"), || async {
        Ok((institution.inside().await? == expected).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn separate_processes_pay_trade_and_withdraw() -> anyhow::Result<()> {
    let Some(binary) = binary() else {
        return Ok(());
    };
    let Some(chain) = Chain::anvil().await? else {
        return Ok(());
    };
    let scratch = tempfile::tempdir()?;
    let directory = scratch.path();
    let file = directory.join("deployment.toml");
    let url = chain.url().context("anvil has an endpoint")?.to_owned();
    let deployment = deploy(&binary, &url, &file)?;
    let settings = directory.join("sequencer.toml");
    std::fs::write(&settings, SETTINGS)?;
    let listen = format!("127.0.0.1:{}", free_port()?);
    let mut sequencer = Service::start(
        &binary,
        "sequencer",
        directory,
        &[
            "sequencer",
            "--development",
            "--deployment",
            text(&file)?,
            "--config",
            text(&settings)?,
            "--store",
            text(&directory.join("store"))?,
            "--listen",
            &listen,
        ],
        &[],
    )?;
    let base = format!("http://{listen}");
    sequencer.ready(&format!("{base}/ready")).await?;
    let north = wallet(&binary, directory, &base, 0).await?;
    let south = wallet(&binary, directory, &base, 1).await?;
    for of in [&north, &south] {
        let made: Vec<PathBuf> = std::fs::read_dir(&of.directory)?
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<_>>()?;
        ensure!(
            !made.iter().any(|path| path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("transaction-"))),
            "a wallet makes no keys of its own: {made:?}"
        );
    }
    let (north, south) = (&north.institution, &south.institution);

    let deposits = [
        (north, SYMBOLS[0], "500"),
        (south, SYMBOLS[0], "5"),
        (south, SYMBOLS[1], "40"),
    ];
    for (of, symbol, amount) in deposits {
        let id = of.deposit(symbol, amount).await?;
        of.settled(&id).await?;
    }

    let payment = north
        .transfer(SYMBOLS[0], "120.5", &south.address(), "invoice 7")
        .await?;
    north.settled(&payment).await?;
    holds(north, [units(0, "379.5") - FEE, 0]).await?;
    holds(south, [units(0, "125.5"), units(1, "40")]).await?;

    let (give, want) = ((SYMBOLS[0], "79.5"), (SYMBOLS[1], "8.25"));
    let quote = north.quoted(south, give, want, (600, 600)).await?;
    let swap = north.accept(&quote).await?;
    for of in [north, south] {
        of.shows(&format!("/v1/swaps/{swap}"), &["settled"]).await?;
    }
    holds(north, [units(0, "300") - 2 * FEE, units(1, "8.25")]).await?;
    holds(south, [units(0, "205") - FEE, units(1, "31.75")]).await?;

    let withdrawal = south.withdraw(SYMBOLS[1], "31.75").await?;
    south.settled(&withdrawal).await?;
    holds(south, [units(0, "205") - 2 * FEE, 0]).await?;
    let owner = south.account.address().into_array();
    let contracts = subrosa_l1::Contracts {
        rollup: deployment.rollup,
        vault: deployment.vault,
        registry: deployment.registry,
        deployed_at: deployment.deployed_at,
    };
    let l1 = chain.client(contracts, None);
    ensure!(l1.claimable(owner, GOLD).await? == units(1, "31.75"));
    let before = l1.token_balance(owner, GOLD).await?;
    let (status, answer) = south
        .post("/v1/claims", &serde_json::json!({ "asset": SYMBOLS[1] }))
        .await?;
    ensure!(status < 300, "the claim is refused: {answer}");
    ensure!(l1.token_balance(owner, GOLD).await? == before + units(1, "31.75"));
    let vault = deployment.vault.into_array();
    ensure!(l1.token_balance(vault, DOLLAR).await? == units(0, "505"));
    ensure!(l1.token_balance(vault, GOLD).await? == units(1, "8.25"));
    sequencer.terminate().await
}
