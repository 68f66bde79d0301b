//! Carrying the instructions out, and checking afterwards that every unit is accounted for.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use indicatif::MultiProgress;
use subrosa_protocol::asset::AssetId;
use subrosa_wallet::amount;

use super::{
    gateway::{Asset, Balance, GatewayClient, Outcome},
    instructions::{Instruction, Kind},
    world::{FEE, FEE_SYMBOL, World},
};
use subrosa_node::progress::counter;

/// How long one instruction may wait for the funds that earlier ones bring.
const PATIENCE: Duration = Duration::from_secs(240);

/// Who holds what, per institution in the order of the world and per asset.
pub(super) struct Snapshot {
    /// Name, asset, inside (base units), on L1 (base units).
    pub(super) holdings: Vec<(String, Asset, u128, u128)>,
}

/// Base units of an amount that a gateway states.
pub(super) fn units(text: &str, asset: &Asset) -> anyhow::Result<u128> {
    match amount::parse(text, asset.decimals) {
        Ok(units) => Ok(units),
        Err(amount::AmountError::Zero) => Ok(0),
        Err(error) => Err(error).context("a balance of the gateway"),
    }
}

/// Reads all balances through the gateways.
pub(super) async fn take(world: &World) -> anyhow::Result<Snapshot> {
    let mut holdings = Vec::new();
    for (name, gateway) in world.gateways() {
        for Balance {
            asset,
            spendable,
            pending,
            on_l1,
            claimable,
        } in gateway.balances().await?
        {
            let inside = units(&spendable, &asset)? + units(&pending, &asset)?;
            let outside = units(&on_l1, &asset)? + units(&claimable, &asset)?;
            holdings.push((name.clone(), asset, inside, outside));
        }
    }
    Ok(Snapshot { holdings })
}

/// Posts every instruction in order and waits until L1 has settled all of them, then claims what was
/// withdrawn.
pub(super) async fn carry_out(
    world: &World,
    instructions: &[Instruction],
    bars: &MultiProgress,
) -> anyhow::Result<()> {
    let posted = counter(bars, "instructions accepted", instructions.len() as u64);
    let settled = counter(
        bars,
        "instructions settled on L1",
        instructions.len() as u64,
    );
    let mut open: Vec<(&GatewayClient, String)> = Vec::new();
    for (number, instruction) in instructions.iter().enumerate() {
        let gateway = world.gateway(&instruction.from)?;
        let key = format!("demo-{number}");
        let since = Instant::now();
        let operation = loop {
            match post(world, gateway, &key, instruction).await? {
                Ok(operation) => break operation,
                // Funds that an earlier instruction brings arrive with the next batch.
                Err(problem)
                    if (problem.retryable || problem.code == "insufficient_funds")
                        && since.elapsed() < PATIENCE =>
                {
                    tokio::time::sleep(Duration::from_millis(250)).await;
                }
                Err(problem) => {
                    bail!(
                        "instruction {} was refused: {} ({})",
                        number + 1,
                        problem.code,
                        problem.detail
                    )
                }
            }
        };
        open.push((gateway, operation.id));
        posted.inc(1);
    }
    posted.finish();
    let since = Instant::now();
    while !open.is_empty() {
        let mut left = Vec::new();
        for (gateway, id) in open {
            let operation = gateway.operation(&id).await?;
            match operation.status.as_str() {
                "settled" => settled.inc(1),
                "failed" => bail!("an accepted instruction failed: {:?}", operation.failure),
                _ => left.push((gateway, id)),
            }
        }
        open = left;
        ensure!(
            since.elapsed() < PATIENCE,
            "{} instructions did not settle in time",
            open.len()
        );
        if !open.is_empty() {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
    settled.finish();
    for (_, gateway) in world.gateways() {
        for balance in gateway.balances().await? {
            if balance.claimable != "0" {
                gateway.claim(&balance.asset.symbol).await?;
            }
        }
    }
    Ok(())
}

async fn post(
    world: &World,
    gateway: &GatewayClient,
    key: &str,
    instruction: &Instruction,
) -> anyhow::Result<Outcome> {
    let Instruction {
        kind,
        to,
        asset,
        amount,
        memo,
        ..
    } = instruction;
    match kind {
        Kind::Deposit => gateway.deposit(key, asset, amount).await,
        Kind::Transfer => {
            let address = world.gateway(to)?.address().await?;
            gateway.transfer(key, asset, amount, &address, memo).await
        }
        Kind::Withdrawal => gateway.withdraw(key, asset, amount).await,
    }
}

/// What is delivered in a swap: from whom, to whom, symbol and amount in display units.
pub(super) type Delivery<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Compares what the institutions hold now with what the instructions and the deliveries, read
/// independently, say, and the vault with the sum of what is inside.
pub(super) async fn reconcile(
    world: &World,
    instructions: &[Instruction],
    deliveries: &[Delivery<'_>],
    before: &Snapshot,
    after: &Snapshot,
) -> anyhow::Result<String> {
    // (inside, outside) changes by (institution, symbol), signed.
    let mut expected: BTreeMap<(String, String), (i128, i128)> = BTreeMap::new();
    let mut fees = 0u128;
    for (name, gateway) in world.gateways() {
        for asset in world.assets() {
            expected.insert((name.clone(), asset.symbol.clone()), (0, 0));
        }
        let paid = gateway
            .history()
            .await?
            .iter()
            .filter(|line| {
                matches!(
                    line.kind.as_str(),
                    "sent" | "withdrawal" | "merge" | "delivered"
                )
            })
            .count() as u128
            * FEE;
        fees += paid;
        if let Some(change) = expected.get_mut(&(name.clone(), FEE_SYMBOL.to_owned())) {
            change.0 -= paid as i128;
        }
    }
    for instruction in instructions {
        let asset = world.asset(&instruction.asset)?;
        let value = units(&instruction.amount, asset)? as i128;
        let mut change = |name: &str, inside: i128, outside: i128| {
            let entry = expected
                .entry((name.to_owned(), instruction.asset.clone()))
                .or_default();
            entry.0 += inside;
            entry.1 += outside;
        };
        match instruction.kind {
            Kind::Deposit => change(&instruction.from, value, -value),
            Kind::Transfer => {
                change(&instruction.from, -value, 0);
                change(&instruction.to, value, 0);
            }
            Kind::Withdrawal => change(&instruction.from, -value, value),
        }
    }
    for &(from, to, symbol, amount) in deliveries {
        let value = units(amount, world.asset(symbol)?)? as i128;
        for (name, change) in [(from, -value), (to, value)] {
            let key = (name.to_owned(), symbol.to_owned());
            expected.entry(key).or_default().0 += change;
        }
    }
    for ((name, asset, inside_before, outside_before), (_, _, inside, outside)) in
        before.holdings.iter().zip(&after.holdings)
    {
        let (change_inside, change_outside) = expected[&(name.clone(), asset.symbol.clone())];
        let wanted = (
            *inside_before as i128 + change_inside,
            *outside_before as i128 + change_outside,
        );
        ensure!(
            wanted == (*inside as i128, *outside as i128),
            "{name} holds {inside} inside and {outside} on L1 of {}, not {} and {}",
            asset.symbol,
            wanted.0,
            wanted.1
        );
    }
    vaulted(world, after, fees).await?;
    Ok("every unit is accounted for: institutions, vault and fees agree; L1's root is the wallets' root".into())
}

/// Compares what each institution holds now with what it held and what its wallet's history says came and went; what
/// all hold together with what they held, less the fees that the batches say; and the vault with what is inside. For
/// scenarios in which prices and time decide how much moves; no position may be open.
pub(super) async fn conserve(
    world: &World,
    before: &Snapshot,
    after: &Snapshot,
) -> anyhow::Result<String> {
    let fees: u128 = world.settled().iter().map(|batch| batch.fees).sum();
    let mut moved: BTreeMap<(String, u16), i128> = BTreeMap::new();
    for (name, gateway) in world.gateways() {
        for line in gateway.history().await? {
            let value = units(&line.amount, &line.asset)? as i128;
            let value = match line.kind.as_str() {
                "deposit" | "received" | "released" | "seized" => value,
                "sent" | "delivered" | "withdrawal" | "secured" | "repaid" => -value,
                _ => 0,
            };
            *moved.entry((name.clone(), line.asset.id)).or_default() += value;
        }
    }
    for asset in world.assets() {
        let (mut held, mut holds, mut told) = (0, 0, 0);
        for (old, new) in before.holdings.iter().zip(&after.holdings) {
            if old.1 != *asset {
                continue;
            }
            let (name, change) = (&old.0, new.2 as i128 - old.2 as i128);
            let history = moved.get(&(name.clone(), asset.id)).copied().unwrap_or(0);
            // Who paid which fee no history says: the fee asset is compared in total.
            ensure!(
                change == history || asset.symbol == FEE_SYMBOL,
                "{name} has {change} more of {} inside, and {history} by its history",
                asset.symbol
            );
            told += change - history;
            held += old.2 + old.3;
            holds += new.2 + new.3;
        }
        let paid = if asset.symbol == FEE_SYMBOL { fees } else { 0 };
        ensure!(
            held == holds + paid && told == -(paid as i128),
            "the institutions hold {holds} of {} and paid {paid}; they held {held}, and {told} is in no history",
            asset.symbol
        );
    }
    vaulted(world, after, fees).await?;
    Ok("no unit came or went: histories, institutions, vault and fees agree; L1's root is the wallets' root".into())
}

/// That the vault holds what is inside and the fees, and L1 the last state.
async fn vaulted(world: &World, after: &Snapshot, fees: u128) -> anyhow::Result<()> {
    for asset in world.assets() {
        let inside: u128 = after
            .holdings
            .iter()
            .filter(|(_, of, ..)| of == asset)
            .map(|(_, _, inside, _)| *inside)
            .sum();
        let owed = if asset.symbol == FEE_SYMBOL { fees } else { 0 };
        let held = world.vault_balance(AssetId(asset.id)).await?;
        ensure!(
            held == inside + owed,
            "the vault holds {held} of {}, not {}",
            asset.symbol,
            inside + owed
        );
    }
    world.check_root().await
}
