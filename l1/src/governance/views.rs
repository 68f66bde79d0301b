//! Views of the contracts: who may act on them, and when.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use subrosa_protocol::market::Market;

use super::Governance;
use crate::{
    contracts::{self, AssetRegistry, PriceOracle, Rollup, Vault},
    error::L1Error,
    transport::{At, read},
    words::from_word,
};

impl Governance<'_> {
    /// Returns the time of the newest block, Unix seconds.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn time(&self) -> Result<u64, L1Error> {
        Ok(self.transport.head().await?.timestamp)
    }

    /// Returns the least delay of an operation, in seconds.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn minimum_delay(&self) -> Result<u64, L1Error> {
        let call = contracts::Governance::getMinDelayCall {};
        let delay = self.view("getMinDelay", self.timelock, call).await?;
        Ok(u64::try_from(delay).unwrap_or(u64::MAX))
    }

    /// Returns when the present pause of deposits ends, in Unix seconds; `None` if deposits are not
    /// paused.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn paused_until(&self) -> Result<Option<u64>, L1Error> {
        let call = Vault::depositsPausedUntilCall {};
        let vault = self.targets.vault;
        let until = self.view("depositsPausedUntil", vault, call).await?;
        let until = u64::try_from(until).unwrap_or(u64::MAX);
        Ok((until > 0).then_some(until))
    }

    /// Returns from when on the guardian may pause deposits, in Unix seconds; 0 before the first
    /// pause.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn pause_allowed_from(&self) -> Result<u64, L1Error> {
        let call = Vault::pauseAllowedFromCall {};
        let vault = self.targets.vault;
        let from = self.view("pauseAllowedFrom", vault, call).await?;
        Ok(u64::try_from(from).unwrap_or(u64::MAX))
    }

    /// Returns the verifier of a registered shape, for a further shape.
    ///
    /// # Errors
    /// [`L1Error::Rejected`] if there is no shape with this id.
    pub async fn verifier_of(&self, shape: u32) -> Result<Address, L1Error> {
        let call = Rollup::shapeOfCall {
            shape: U256::from(shape),
        };
        let found = self.view("shapeOf", self.targets.rollup, call).await?;
        Ok(found.verifier)
    }

    /// Returns the account that may submit batches.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn sequencer(&self) -> Result<Address, L1Error> {
        let rollup = self.targets.rollup;
        let call = Rollup::sequencerCall {};
        self.view("sequencer", rollup, call).await
    }

    /// Returns from when on the guardian of seizures may act, in Unix seconds; 0 before its first
    /// act.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn stops_allowed_from(&self) -> Result<u64, L1Error> {
        let call = AssetRegistry::guardianAllowedFromCall {};
        let registry = self.targets.registry;
        let from = self.view("guardianAllowedFrom", registry, call).await?;
        Ok(u64::try_from(from).unwrap_or(u64::MAX))
    }

    /// Returns the guardian of seizures.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn seizure_guardian(&self) -> Result<Address, L1Error> {
        let call = AssetRegistry::seizureGuardianCall {};
        let registry = self.targets.registry;
        self.view("seizureGuardian", registry, call).await
    }

    /// Returns the guardian of deposits.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn guardian(&self) -> Result<Address, L1Error> {
        let vault = self.targets.vault;
        self.view("guardian", vault, Vault::guardianCall {}).await
    }

    /// Returns the markets by their numbers.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn markets(&self) -> Result<Vec<Option<Market>>, L1Error> {
        let call = PriceOracle::marketWordsCall {};
        let words = self.view("marketWords", self.targets.oracle, call).await?;
        let market = |word: &U256| -> Result<Option<Market>, L1Error> {
            if word.is_zero() {
                return Ok(None);
            }
            let market = Market::from_word(&from_word(*word)?);
            market
                .map(Some)
                .map_err(|e| L1Error::Odd(format!("marketWords: {e}")))
        };
        words.iter().map(market).collect()
    }

    /// Calls a view of a contract on the newest state.
    async fn view<C: SolCall>(
        &self,
        operation: &'static str,
        to: Address,
        call: C,
    ) -> Result<C::Return, L1Error> {
        read(self.transport, At::Latest, operation, to, call).await
    }
}
