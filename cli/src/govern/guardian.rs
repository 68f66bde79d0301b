//! The calls of the guardians on the command line.

use anyhow::{Context as _, bail, ensure};
use serde_json::json;
use subrosa_l1::governance::{Governance, GuardianCall, decode};
use subrosa_node::{Rollup, accounts::GUARDIAN};
use subrosa_protocol::asset::Stop;

use super::{Flags, sent};
use crate::output;

/// Calls that a guardian makes at once, without the timelock.
#[derive(clap::Subcommand)]
pub(crate) enum GuardianCommand {
    /// Pause deposits, at once, as the guardian. The pause ends by itself after three days.
    Pause,
    /// Allow deposits again, at once, as the guardian.
    Resume,
    /// Stop seizures of assets that are collateral, at once, as the guardian of seizures: at most
    /// to a day from now, each asset once in three days, and one call in six hours.
    StopSeizures {
        /// Id of an asset with its markets, 0 to 15, as `4:0,7`. Repeat it for each asset.
        #[arg(long = "asset", required = true, value_name = "ID:MARKETS", value_parser = stop)]
        assets: Vec<(u16, u16)>,
        /// First second of the snapshots whose prices seize nothing, Unix seconds: at most 25 hours
        /// ago and not in the future [default: the time of L1's newest block]. A stop has full
        /// minutes: it begins at the one before.
        #[arg(long)]
        from: Option<u64>,
        /// Minutes from that second to the last one. The stop ends at the full minute after.
        #[arg(long)]
        minutes: u16,
    },
    /// Allow seizures of an asset at prices from now on, as the guardian of seizures: a call as
    /// any other, six hours after the last one.
    ResumeSeizures {
        /// Id of the asset.
        #[arg(long)]
        asset: u16,
    },
}

impl GuardianCommand {
    /// Prints or sends the call.
    pub(crate) async fn run(
        &self,
        flags: &Flags,
        rollup: &Rollup,
        governance: &Governance<'_>,
    ) -> anyhow::Result<()> {
        flags.refuse_timelock("the guardian acts at once, without the timelock")?;
        let call = self.call(governance).await?;
        if let GuardianCall::StopSeizures { assets, .. } = &call {
            check_markets(governance, assets).await?;
        }
        let (to, data) = call.call(governance.targets())?;
        let guardian = match call {
            GuardianCall::Pause | GuardianCall::Resume => governance.guardian().await?,
            _ => governance.seizure_guardian().await?,
        };
        let tried = governance.try_call(guardian, to, &data).await;
        let paused = match call {
            GuardianCall::Pause => governance.paused_until().await?,
            _ => None,
        };
        let paused = paused
            .map(|until| format!("deposits are paused already, until {until} (Unix seconds)"));
        if flags.print {
            return output::json(&json!({
                "meaning": decode(&data).context("the call has no meaning")?,
                "from": guardian,
                "to": to,
                "value": "0",
                "calldata": alloy_primitives::hex::encode_prefixed(&data),
                "fails_now": paused.or_else(|| tried.err().map(|error| error.to_string())),
            }));
        }
        if let Some(paused) = paused {
            bail!(paused);
        }
        let account = flags.sender(rollup, GUARDIAN)?;
        ensure!(
            account.address() == guardian,
            "the guardian is {guardian}, and this key is that of {}; with --print the call is \
             printed for another to send",
            account.address()
        );
        tried?;
        let mined = governance.guard(&account, &call).await?;
        output::line(sent(&mined.hash, &outcome(governance, &call).await?))
    }

    /// Returns the call that this is.
    async fn call(&self, governance: &Governance<'_>) -> anyhow::Result<GuardianCall> {
        Ok(match self {
            Self::Pause => GuardianCall::Pause,
            Self::Resume => GuardianCall::Resume,
            Self::StopSeizures {
                assets,
                from,
                minutes,
            } => GuardianCall::StopSeizures {
                assets: assets.clone(),
                from: match from {
                    Some(from) => *from,
                    None => governance.time().await?,
                },
                minutes: *minutes,
            },
            Self::ResumeSeizures { asset } => GuardianCall::ResumeSeizures { asset: *asset },
        })
    }
}

/// Says what the call has done.
async fn outcome(governance: &Governance<'_>, call: &GuardianCall) -> anyhow::Result<String> {
    Ok(match call {
        GuardianCall::Pause | GuardianCall::Resume => match governance.paused_until().await? {
            Some(until) => format!("deposits are paused until {until} (Unix seconds)"),
            None => {
                let from = governance.pause_allowed_from().await?;
                format!("deposits are open; a pause is allowed from {from} (Unix seconds) on")
            }
        },
        GuardianCall::StopSeizures { from, minutes, .. } => {
            let stop = Stop::covering(0, *from, *minutes).context("the stop fits its leaf")?;
            let (from, until) = (stop.begin(), stop.until());
            format!("seizures are stopped at prices from {from} to {until} (Unix seconds)")
        }
        GuardianCall::ResumeSeizures { asset } => {
            format!("seizures of asset {asset} go on at prices from the next minute on")
        }
    })
}

/// Warns of markets in which a stop has no effect.
///
/// # Errors
/// If the stop of an asset has none at all: it would take the place of one that has, for three
/// days.
async fn check_markets(governance: &Governance<'_>, assets: &[(u16, u16)]) -> anyhow::Result<()> {
    let found = governance.markets().await?;
    for (asset, markets) in assets {
        let named = (0u8..).zip(&found).filter(|(id, _)| markets >> id & 1 == 1);
        let (secured, others): (Vec<_>, Vec<_>) =
            named.partition(|(_, market)| market.is_some_and(|found| found.collateral.0 == *asset));
        ensure!(
            !secured.is_empty(),
            "asset {asset} secures nothing in the markets that --asset names; `govern status` \
             lists the markets with their collateral"
        );
        for (id, _) in others {
            eprintln!("asset {asset} secures nothing in market {id}: no stop is needed there");
        }
    }
    Ok(())
}

/// Parses an asset and its markets. Returns the asset's id and one bit for each market.
fn stop(text: &str) -> anyhow::Result<(u16, u16)> {
    let form = || format!("an id and markets are needed, as 4:0,7, and this is {text}");
    let (asset, markets) = text.split_once(':').with_context(form)?;
    let bits = markets.split(',').try_fold(0, |bits, id| {
        let id: u8 = id.parse().with_context(form)?;
        ensure!(id < 16, "market numbers are 0 to 15, and this is {id}");
        Ok(bits | 1 << id)
    })?;
    Ok((asset.parse().with_context(form)?, bits))
}

#[cfg(test)]
mod tests {
    use super::stop;

    #[test]
    fn an_asset_has_a_bit_for_each_of_its_markets() {
        assert_eq!(stop("4:0,7").unwrap(), (4, 0b1000_0001));
        assert_eq!(stop("0:15").unwrap(), (0, 1 << 15));
        for bad in ["4", "4:", "4:16", "x:1", "4:1,", "70000:1"] {
            assert!(stop(bad).is_err(), "{bad}");
        }
    }
}
