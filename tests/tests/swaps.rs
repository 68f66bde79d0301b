//! Swaps through the wallets' gateways: exact, atomic, and restored from a seed.

use std::path::Path;

use anyhow::ensure;
use serde_json::json;
use subrosa_protocol::keys::Seed;
use subrosa_tests::{
    Institution, World,
    chain::{DOLLAR, FIRST_INSTITUTION, GOLD, SYMBOLS, account, units},
    world::FEE,
};

/// Seconds that a quote may be accepted, and seconds after that in which its legs may settle.
const TIMES: (u64, u64) = (120, 600);

async fn institution(world: &World, directory: &Path, place: usize) -> anyhow::Result<Institution> {
    let account = account(FIRST_INSTITUTION + place);
    for asset in [DOLLAR, GOLD] {
        let supply = units(usize::from(asset.0), "1000");
        world
            .chain
            .mint(&world.deployed, asset, account.address(), supply)
            .await?;
    }
    open(world, directory, place).await
}

async fn open(world: &World, directory: &Path, place: usize) -> anyhow::Result<Institution> {
    let seed = Seed::from_bytes([place as u8 + 0x21; 32]);
    world.institution(directory, place, seed).await
}

/// Swaps ten units of an asset with six decimals for three of one with eighteen, exact to the last
/// unit. A withdrawn quote and an expired one leave nothing behind. A wallet restored from its seed
/// finds its trades.
#[tokio::test(flavor = "multi_thread")]
async fn a_swap_is_exact_and_found_again() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let world = World::start(&directory.path().join("sequencer"), |_| {}).await?;
    let north = institution(&world, &directory.path().join("north"), 0).await?;
    let south = institution(&world, &directory.path().join("south"), 1).await?;
    let mut open_operations = Vec::new();
    for (of, symbol, amount) in [
        (&north, SYMBOLS[0], "10.5"),
        (&north, SYMBOLS[0], "1"),
        (&south, SYMBOLS[1], "7.000000000000000001"),
        (&south, SYMBOLS[0], "2"),
    ] {
        open_operations.push((of, of.deposit(symbol, amount).await?));
    }
    for (of, id) in open_operations {
        of.settled(&id).await?;
    }

    // Amounts are texts in display units. The gateway refuses an amount that the asset cannot
    // express.
    let (give, want) = ((SYMBOLS[0], "10"), (SYMBOLS[1], "3"));
    let fine = json!({
        "with": south.address(),
        "give": { "asset": SYMBOLS[0], "amount": "10.0000001" },
        "want": { "asset": SYMBOLS[1], "amount": "3" },
    });
    let (status, answer) = north.post("/v1/swaps", &fine).await?;
    ensure!(status == 422 && answer["code"] == "bad_amount", "{answer}");
    let number = json!({
        "with": south.address(),
        "give": { "asset": SYMBOLS[0], "amount": 10.1 },
        "want": { "asset": SYMBOLS[1], "amount": "3" },
    });
    let (status, answer) = north.post("/v1/swaps", &number).await?;
    ensure!(status == 400 && answer["code"] == "malformed", "{answer}");

    // A quote that is withdrawn cannot be accepted, and its notes are free again.
    let withdrawn = north.quoted(&south, give, want, TIMES).await?;
    let cancel = format!("/v1/quotes/{withdrawn}/cancel");
    let (status, answer) = south.post(&cancel, &json!({})).await?;
    ensure!(status < 300, "{answer}");
    north
        .shows(&format!("/v1/quotes/{withdrawn}"), &["cancelled"])
        .await?;
    let accept = format!("/v1/quotes/{withdrawn}/accept");
    let (status, answer) = north.post(&accept, &json!({})).await?;
    ensure!(status == 409 && answer["code"] == "wrong_state", "{answer}");

    let quote = north.quoted(&south, give, want, TIMES).await?;
    // Notes are promised once only: south has one note of gold.
    let again = json!({
        "with": north.address(),
        "give": { "asset": SYMBOLS[1], "amount": "3" },
        "want": { "asset": SYMBOLS[0], "amount": "10" },
    });
    let (status, answer) = south.post("/v1/swaps", &again).await?;
    ensure!(
        status == 422 && answer["code"] == "insufficient_funds",
        "{answer}"
    );
    let swap = north.accept(&quote).await?;
    for of in [&north, &south] {
        of.shows(&format!("/v1/swaps/{swap}"), &["settled"]).await?;
    }
    let expected_north = [units(0, "1.5") - FEE, units(1, "3")];
    let expected_south = [units(0, "12") - FEE, units(1, "4") + 1];
    assert_eq!(north.inside().await?, expected_north);
    assert_eq!(south.inside().await?, expected_south);
    for (of, kinds) in [
        (&north, ["delivered", "received"]),
        (&south, ["delivered", "received"]),
    ] {
        let lines = of.history().await?;
        for kind in kinds {
            ensure!(
                lines.iter().filter(|line| line["kind"] == kind).count() == 1,
                "history has no line {kind}: {lines:?}"
            );
        }
    }

    // Received notes can be spent, also by a wallet restored from its seed.
    north.stop().await;
    let north = open(&world, &directory.path().join("north-again"), 0).await?;
    south.stop().await;
    let south = open(&world, &directory.path().join("south-again"), 1).await?;
    let id = north
        .transfer(SYMBOLS[1], "2.5", &south.address(), "back")
        .await?;
    north.settled(&id).await?;
    assert_eq!(
        north.inside().await?,
        [expected_north[0] - FEE, units(1, "0.5")]
    );
    subrosa_tests::eventually("south to see the payment", || async {
        Ok(
            (south.inside().await? == [expected_south[0], expected_south[1] + units(1, "2.5")])
                .then_some(()),
        )
    })
    .await?;
    north.stop().await;
    south.stop().await;
    world.sequencer.stop().await;
    Ok(())
}
