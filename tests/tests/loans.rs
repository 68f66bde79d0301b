//! A secured loan through the wallets' gateways: opened at a price, called, topped up, found again
//! from the seeds, and liquidated when the price falls through the margin.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use subrosa_protocol::keys::Seed;
use subrosa_tests::{
    Institution, Prices, World,
    chain::{Chain, DECIMALS, DOLLAR, FIRST_INSTITUTION, GOLD, SYMBOLS, account, units},
    eventually,
    world::FEE,
};
use subrosa_wallet::amount;

async fn open(world: &World, directory: &Path, place: usize) -> anyhow::Result<Institution> {
    let seed = Seed::from_bytes([place as u8 + 0x61; 32]);
    world.institution(directory, place, seed).await
}

/// Waits until `wanted` accepts the state of a loan.
async fn when(
    of: &Institution,
    id: &str,
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) -> anyhow::Result<Value> {
    let path = format!("/v1/loans/{id}");
    eventually(what, || async {
        let loans = of.get("/v1/loans").await?;
        let known = loans
            .as_array()
            .is_some_and(|loans| loans.iter().any(|loan| loan["id"] == id));
        if !known {
            return Ok(None);
        }
        let loan = of.get(&path).await?;
        Ok(wanted(&loan).then_some(loan))
    })
    .await
}

fn collateral(loan: &Value) -> Option<u128> {
    amount::parse(loan["collateral"]["amount"].as_str()?, DECIMALS[1]).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loan_lives_and_is_found_again() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let world = World::on(Chain::timed(), &directory.path().join("sequencer"), |_| {}).await?;
    for place in [0, 1] {
        for asset in [DOLLAR, GOLD] {
            let to = account(FIRST_INSTITUTION + place).address();
            let supply = units(usize::from(asset.0), "100000");
            world.chain.mint(&world.deployed, asset, to, supply).await?;
        }
    }
    let north = open(&world, &directory.path().join("north"), 0).await?;
    let south = open(&world, &directory.path().join("south"), 1).await?;
    let mut deposits = Vec::new();
    for (of, symbol, amount) in [
        (&north, SYMBOLS[0], "5000"),
        (&north, SYMBOLS[0], "1"),
        (&south, SYMBOLS[1], "3"),
        (&south, SYMBOLS[1], "0.5"),
        (&south, SYMBOLS[0], "2"),
    ] {
        deposits.push((of, of.deposit(symbol, amount).await?));
    }
    for (of, id) in deposits {
        of.settled(&id).await?;
    }

    let maturity = world.chain.clock.unix() + 30 * 86_400;
    let order = json!({
        "role": "borrower",
        "with": north.address(),
        "collateral": { "asset": SYMBOLS[1], "amount": "3" },
        "debt": { "asset": SYMBOLS[0], "amount": "5000" },
        "rate_ppm": 50_000,
        "maturity": maturity,
        "market": 0,
        "valid_for": 120,
        "settle_within": 600,
    });
    // Without a market, no loan is possible.
    let (status, answer) = south.post("/v1/loans", &order).await?;
    ensure!((400..500).contains(&status), "{answer}");

    // 3 gold at 2,400 cover 5,000 by the initial margin: 1.368.
    let prices = Prices::open(&world, 240_000).await?;
    for of in [&north, &south] {
        eventually("the market to be known", || async {
            let markets = of.get("/v1/markets").await?;
            Ok((markets[0]["price"].is_object()).then_some(()))
        })
        .await?;
    }
    let id = south.start("/v1/loans", order).await?;
    north
        .shows(&format!("/v1/loans/{id}"), &["proposed"])
        .await?;
    north
        .start(&format!("/v1/loans/{id}/accept"), json!({}))
        .await?;
    for of in [&north, &south] {
        of.shows(&format!("/v1/loans/{id}"), &["open"]).await?;
    }
    ensure!(north.inside().await? == [units(0, "1") - FEE, 0]);
    ensure!(south.inside().await? == [units(0, "5002") - FEE, units(1, "0.5")]);

    // Nobody may liquidate a healthy position, and the borrower may not empty it. The price must be
    // taken after the last second of the opening.
    let liquidate = format!("/v1/loans/{id}/liquidate");
    let move_collateral = format!("/v1/loans/{id}/collateral");
    prices.gold(&world, 240_000).await?;
    for (of, path, body, refusal) in [
        (&north, &liquidate, json!({}), "not_liquidatable"),
        (
            &south,
            &move_collateral,
            json!({ "release": "1" }),
            "not_covered",
        ),
    ] {
        eventually("a step to be refused at the new price", || async {
            let (status, answer) = of.post(path, &body).await?;
            ensure!(status == 409, "{answer}");
            if answer["code"] == "no_price" {
                return Ok(None);
            }
            ensure!(answer["code"] == refusal, "{answer}");
            Ok(Some(()))
        })
        .await?;
    }

    // At 2,100 the collateral covers 1.197: a margin call, which the borrower meets.
    prices.gold(&world, 210_000).await?;
    let called = when(&south, &id, "a margin call", |loan| {
        loan["health"]["margin_call"] == true
    })
    .await?;
    ensure!(called["health"]["liquidatable"] == false, "{called}");
    let needed = called["health"]["required_top_up"]
        .as_str()
        .context("a call says how much")?
        .to_owned();
    ensure!(
        units(1, &needed) > 0 && units(1, &needed) < units(1, "0.5"),
        "{needed}"
    );
    south
        .start(&move_collateral, json!({ "add": "0.5" }))
        .await?;
    for of in [&north, &south] {
        when(of, &id, "the top-up", |loan| {
            collateral(loan) == Some(units(1, "3.5")) && loan["operation"].is_null()
        })
        .await?;
    }

    // From their seeds alone, both parties find the loan in its present state.
    north.stop().await;
    south.stop().await;
    let north = open(&world, &directory.path().join("north-again"), 0).await?;
    let south = open(&world, &directory.path().join("south-again"), 1).await?;
    for of in [&north, &south] {
        let found = when(of, &id, "the loan to be found again", |loan| {
            loan["status"] == "open"
        })
        .await?;
        ensure!(collateral(&found) == Some(units(1, "3.5")), "{found}");
        ensure!(found["maturity"] == maturity, "{found}");
    }

    // Below the maintenance margin: at 1,600 the collateral covers 1.064 of the debt.
    prices.gold(&world, 160_000).await?;
    when(&north, &id, "the fall to be known", |loan| {
        loan["health"]["liquidatable"] == true
    })
    .await?;
    north.start(&liquidate, json!({})).await?;
    for of in [&north, &south] {
        of.shows(&format!("/v1/loans/{id}"), &["liquidated"])
            .await?;
    }
    // Debt and bonus are worth 3.28125 gold and a little interest. The rest goes to the borrower,
    // who can spend it.
    let [_, taken] = north.inside().await?;
    let [_, left] = south.inside().await?;
    ensure!(taken + left == units(1, "3.5"), "{taken} + {left}");
    ensure!(
        taken >= units(1, "3.28125") && taken < units(1, "3.2814"),
        "{taken}"
    );
    let back = amount::format(left, DECIMALS[1]);
    let paid = south
        .transfer(SYMBOLS[1], &back, &north.address(), "what was left")
        .await?;
    south.settled(&paid).await?;
    eventually("north to have it", || async {
        Ok((north.inside().await?[1] == units(1, "3.5")).then_some(()))
    })
    .await?;
    north.stop().await;
    south.stop().await;
    world.sequencer.stop().await;
    Ok(())
}
