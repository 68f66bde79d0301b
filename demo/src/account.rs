//! Payment instructions, and the check at the end that every unit is accounted for.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use subrosa_client::{
    ClientError, GatewayClient,
    gateway::{
        AssetView, BalanceView, ClaimRequest, DepositRequest, OperationView, TransferRequest,
        WithdrawalRequest,
    },
};
use subrosa_protocol::asset::AssetId;
use subrosa_wallet::amount;

use crate::{
    desk::may_pass,
    instructions::{Instruction, Kind},
    progress::Bars,
    world::{FEE, FEE_SYMBOL, World},
};

/// Longest wait of one instruction for the funds that earlier ones bring, and of all for L1.
const PATIENCE: Duration = Duration::from_secs(240);
const POLL: Duration = Duration::from_millis(250);
/// Unsettled instructions that an error names.
const NAMED: usize = 10;

/// Holdings of every institution in every asset, in the order of the world.
pub(crate) struct Snapshot {
    /// Name, asset, inside (base units), on L1 (base units).
    pub(crate) holdings: Vec<(String, AssetView, u128, u128)>,
}

/// Returns the base units of an amount that a gateway states.
pub(crate) fn units(text: &str, asset: &AssetView) -> anyhow::Result<u128> {
    match amount::parse(text, asset.decimals) {
        Ok(units) => Ok(units),
        Err(amount::AmountError::Zero) => Ok(0),
        Err(error) => Err(error).context("a balance of the gateway"),
    }
}

/// Reads all balances through the gateways.
pub(crate) async fn take(world: &World) -> anyhow::Result<Snapshot> {
    let mut holdings = Vec::new();
    for (name, gateway) in world.gateways() {
        for BalanceView {
            asset,
            spendable,
            pending,
            on_l1,
            claimable,
            ..
        } in gateway.balances().await?
        {
            let inside = units(&spendable, &asset)? + units(&pending, &asset)?;
            let outside = units(&on_l1, &asset)? + units(&claimable, &asset)?;
            holdings.push((name.clone(), asset, inside, outside));
        }
    }
    Ok(Snapshot { holdings })
}

/// Instruction that a gateway has accepted.
struct Accepted<'a> {
    number: usize,
    instruction: &'a Instruction,
    gateway: &'a GatewayClient,
    operation: OperationView,
}

impl Accepted<'_> {
    fn describe(&self) -> String {
        format!(
            "instruction {} ({}) is {}",
            self.number,
            self.instruction.describe(),
            self.operation.status
        )
    }
}

/// Posts every instruction in order, waits until L1 has settled all of them, then claims the
/// withdrawals.
pub(crate) async fn carry_out(
    world: &World,
    instructions: &[Instruction],
    bars: &Bars,
) -> anyhow::Result<()> {
    let total = instructions.len() as u64;
    let posted = bars.counter("instructions accepted", total);
    let settled = bars.counter("instructions settled on L1", total);
    let mut open = Vec::new();
    for (number, instruction) in (1..).zip(instructions) {
        let gateway = world.gateway(&instruction.from)?;
        let key = format!("demo-{number}");
        let since = Instant::now();
        let operation = loop {
            match post(world, gateway, &key, instruction).await {
                Ok(operation) => break operation,
                // Funds that an earlier instruction brings arrive with the next batch.
                Err(error) if may_pass(&error) && since.elapsed() < PATIENCE => {
                    tokio::time::sleep(POLL).await;
                }
                Err(error) => bail!(
                    "instruction {number} ({}) was refused: {error} ({})",
                    instruction.describe(),
                    error.detail()
                ),
            }
        };
        open.push(Accepted {
            number,
            instruction,
            gateway,
            operation,
        });
        posted.inc();
    }
    posted.finish();
    let since = Instant::now();
    while !open.is_empty() {
        let mut left = Vec::new();
        for mut accepted in open {
            accepted.operation = accepted.gateway.operation(&accepted.operation.id).await?;
            match accepted.operation.status.as_str() {
                "settled" => settled.inc(),
                "failed" => bail!("{}: {:?}", accepted.describe(), accepted.operation.failure),
                _ => left.push(accepted),
            }
        }
        open = left;
        if since.elapsed() >= PATIENCE && !open.is_empty() {
            let mut names: Vec<String> = open.iter().take(NAMED).map(Accepted::describe).collect();
            if open.len() > NAMED {
                names.push(format!("and {} more", open.len() - NAMED));
            }
            bail!(
                "{} instructions did not settle within {} s: {}",
                open.len(),
                PATIENCE.as_secs(),
                names.join("; ")
            );
        }
        if !open.is_empty() {
            tokio::time::sleep(POLL).await;
        }
    }
    settled.finish();
    for (name, gateway) in world.gateways() {
        for balance in gateway.balances().await? {
            if balance.claimable != "0" {
                let asset = balance.asset.symbol;
                let claim = ClaimRequest { asset };
                gateway
                    .claim(&claim)
                    .await
                    .with_context(|| format!("{name} claims its {}", claim.asset))?;
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
) -> Result<OperationView, ClientError> {
    let Instruction {
        kind,
        to,
        asset,
        amount,
        memo,
        ..
    } = instruction.clone();
    match kind {
        Kind::Deposit => {
            let request = DepositRequest { asset, amount };
            gateway.deposit(&request, Some(key)).await
        }
        Kind::Transfer => {
            let unknown = |error: anyhow::Error| ClientError::Protocol(error.to_string());
            let payee = world.gateway(&to).map_err(unknown)?;
            let request = TransferRequest {
                asset,
                amount,
                to: payee.address().await?.address,
                memo,
            };
            gateway.transfer(&request, Some(key)).await
        }
        Kind::Withdrawal => {
            let request = WithdrawalRequest {
                asset,
                amount,
                to: None,
            };
            gateway.withdraw(&request, Some(key)).await
        }
    }
}

/// Delivery of a swap: giver, receiver, symbol and amount in display units.
pub(crate) type Delivery<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Compares the present holdings with those that follow from the instructions and the deliveries,
/// and the vault with the sum of all holdings inside.
pub(crate) async fn reconcile(
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
        let paying = ["sent", "withdrawal", "merge", "delivered"];
        let history = gateway.history(0).await?;
        let lines = history
            .iter()
            .filter(|line| paying.contains(&line.kind.as_str()));
        let paid = lines.count() as u128 * FEE;
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
    Ok(
        "every unit is accounted for: institutions, vault and fees agree; L1's root is the \
         root of the sequencer's last batch"
            .into(),
    )
}

/// Compares three things for a scenario in which prices and time decide how much moves: the change
/// of each institution's holdings with its wallet's history; the change of all holdings with the
/// fees in the batches; and the vault with the sum of all holdings inside. No position may be open.
pub(crate) async fn conserve(
    world: &World,
    before: &Snapshot,
    after: &Snapshot,
) -> anyhow::Result<String> {
    let settled = world.settled().await?;
    let fees: u128 = settled.iter().map(|batch| batch.header.fee_total).sum();
    let mut moved: BTreeMap<(String, u16), i128> = BTreeMap::new();
    for (name, gateway) in world.gateways() {
        for line in gateway.history(0).await? {
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
            // No history says who paid which fee: the fee asset is compared in total.
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
            "the institutions hold {holds} of {} and paid {paid} in fees; they held {held}, and no \
             history explains {told}",
            asset.symbol
        );
    }
    vaulted(world, after, fees).await?;
    Ok(
        "no unit came or went: histories, institutions, vault and fees agree; L1's root is the \
         root of the sequencer's last batch"
            .into(),
    )
}

/// Checks that the vault holds the sum of all holdings inside and the fees, and L1 the last state.
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
