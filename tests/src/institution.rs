//! An institution: a wallet behind its gateway, used through HTTP alone.

use std::{collections::BTreeMap, net::SocketAddr, path::Path};

use anyhow::{Context as _, bail, ensure};
use serde::Serialize;
use serde_json::{Value, json};
use subrosa_client::{
    GatewayClient, Method,
    gateway::{
        AmountRequest, DepositRequest, OpenAmountRequest, QuoteRequest, RfqRequest,
        TransferRequest, WithdrawalRequest,
    },
};
use subrosa_l1::Account;
use subrosa_protocol::keys::{Network, Seed, ViewingKey};
use subrosa_wallet::{Gateway, Token, Wallet, WalletConfig, amount};

use crate::{
    chain::{Chain, Deployed, SYMBOLS},
    eventually,
    keys::keys,
    world::FEE,
};

/// Institution with a running gateway.
pub struct Institution {
    /// Its seed.
    pub seed: Seed,
    /// Its L1 account.
    pub account: Account,
    /// Absent where the gateway runs in a process of its own.
    gateway: Option<Gateway>,
    client: GatewayClient,
}

/// Holdings of an institution in one asset, base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Inside the rollup, can be spent now.
    pub spendable: u128,
    /// Inside the rollup, comes back as change.
    pub pending: u128,
    /// On L1.
    pub on_l1: u128,
    /// In the vault.
    pub claimable: u128,
}

impl Institution {
    /// Opens the wallet of `seed` in `directory` and serves its gateway.
    ///
    /// # Errors
    /// If the wallet cannot be opened or its gateway not served.
    pub async fn open(
        chain: &Chain,
        deployed: &Deployed,
        sequencer: &str,
        directory: &Path,
        seed: Seed,
        account: Account,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let config = WalletConfig {
            directory: directory.to_owned(),
            network: Network::Development,
            proxy: None,
            sequencer: sequencer.to_owned(),
            fee: FEE,
            watch: subrosa_wallet::Watch::default(),
        };
        let l1 = chain.client(deployed.contracts, None);
        let wallet = Wallet::open(
            config,
            &seed,
            l1,
            account.clone(),
            keys().transaction.clone(),
            chain.clock.clone(),
        )
        .await?;
        let token = Token::load_or_create(&directory.join("token"))?;
        let gateway =
            Gateway::start(wallet, SocketAddr::from(([127, 0, 0, 1], 0)), token.clone()).await?;
        let base = format!("http://{}", gateway.address);
        let mut institution = Self::at(&base, token.expose(), seed, account)?;
        institution.gateway = Some(gateway);
        Ok(institution)
    }

    /// Uses the gateway at `base`, which another process serves.
    ///
    /// # Errors
    /// If the HTTP client cannot be built.
    pub fn at(base: &str, token: &str, seed: Seed, account: Account) -> anyhow::Result<Self> {
        Ok(Self {
            seed,
            account,
            gateway: None,
            client: GatewayClient::new(base, token)?,
        })
    }

    /// Returns its keys.
    #[must_use]
    pub fn keys(&self) -> ViewingKey {
        ViewingKey::from_seed(&self.seed)
    }

    /// Returns its address.
    #[must_use]
    pub fn address(&self) -> String {
        self.keys().address().encode(Network::Development)
    }

    /// Returns the client of its gateway.
    #[must_use]
    pub fn client(&self) -> &GatewayClient {
        &self.client
    }

    /// Stops gateway and wallet, if this process runs them.
    pub async fn stop(self) {
        if let Some(gateway) = self.gateway {
            gateway.stop().await;
        }
    }

    /// Returns the body of a successful GET.
    ///
    /// # Errors
    /// If the request is not successful.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let response = self.client.request(Method::GET, path).send().await?;
        ensure!(
            response.status().is_success(),
            "GET {path}: {}",
            response.status()
        );
        Ok(response.json().await?)
    }

    /// Posts a body of any form, and returns status and body of the answer.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn post(&self, path: &str, body: &impl Serialize) -> anyhow::Result<(u16, Value)> {
        let request = self.client.request(Method::POST, path);
        let response = request.json(body).send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }

    /// Posts a body until the gateway accepts it, while it waits for funds that are on their way.
    /// Returns the id of the object that the gateway made.
    ///
    /// # Errors
    /// If the gateway refuses for another reason.
    pub async fn start(&self, path: &str, body: impl Serialize) -> anyhow::Result<String> {
        eventually(&format!("POST {path} to be accepted"), || async {
            let (status, answer) = self.post(path, &body).await?;
            if status == 202 {
                return Ok(Some(
                    answer["id"]
                        .as_str()
                        .context("the answer has no id")?
                        .to_owned(),
                ));
            }
            ensure!(
                answer["code"] == "insufficient_funds" || answer["retryable"] == true,
                "POST {path}: {answer}"
            );
            Ok(None)
        })
        .await
    }

    /// Deposits display units of an asset. Returns the id of the operation.
    ///
    /// # Errors
    /// If the gateway refuses.
    pub async fn deposit(&self, asset: &str, amount: &str) -> anyhow::Result<String> {
        let request = DepositRequest {
            asset: asset.into(),
            amount: amount.into(),
        };
        self.start("/v1/deposits", request).await
    }

    /// Pays display units of an asset. Returns the id of the operation.
    ///
    /// # Errors
    /// If the gateway refuses.
    pub async fn transfer(
        &self,
        asset: &str,
        amount: &str,
        to: &str,
        memo: &str,
    ) -> anyhow::Result<String> {
        let request = TransferRequest {
            asset: asset.into(),
            amount: amount.into(),
            to: to.into(),
            memo: memo.into(),
        };
        self.start("/v1/transfers", request).await
    }

    /// Withdraws display units of an asset to its own L1 account. Returns the id of the operation.
    ///
    /// # Errors
    /// If the gateway refuses.
    pub async fn withdraw(&self, asset: &str, amount: &str) -> anyhow::Result<String> {
        let request = WithdrawalRequest {
            asset: asset.into(),
            amount: amount.into(),
            to: None,
        };
        self.start("/v1/withdrawals", request).await
    }

    /// Requests a quote from `of` and has `of` make it: this institution gives a fixed amount and
    /// wants another asset. `seconds` is how long the quote may be accepted, and how long its legs
    /// may settle after that. Returns the id of the quote when it has arrived.
    ///
    /// # Errors
    /// If either gateway refuses.
    pub async fn quoted(
        &self,
        of: &Self,
        give: (&str, &str),
        want: (&str, &str),
        seconds: (u64, u64),
    ) -> anyhow::Result<String> {
        let request = RfqRequest {
            counterparties: vec![of.address()],
            give: OpenAmountRequest {
                asset: give.0.into(),
                amount: Some(give.1.into()),
            },
            want: OpenAmountRequest {
                asset: want.0.into(),
                amount: None,
            },
            expires_in: seconds.0,
        };
        let rfq = self.start("/v1/rfqs", request).await?;
        of.shows(&format!("/v1/rfqs/{rfq}"), &["open"]).await?;
        let leg = |(asset, amount): (&str, &str)| AmountRequest {
            asset: asset.into(),
            amount: amount.into(),
        };
        let quote = QuoteRequest {
            rfq: Some(rfq),
            to: None,
            give: leg(want),
            want: leg(give),
            valid_for: seconds.0,
            settle_within: seconds.1,
        };
        let quote = of.start("/v1/quotes", quote).await?;
        self.shows(&format!("/v1/quotes/{quote}"), &["offered"])
            .await?;
        Ok(quote)
    }

    /// Accepts a quote, while it waits for funds that are on their way. Returns the id of the swap.
    ///
    /// # Errors
    /// If the gateway refuses.
    pub async fn accept(&self, quote: &str) -> anyhow::Result<String> {
        self.start(&format!("/v1/quotes/{quote}/accept"), json!({}))
            .await
    }

    /// Waits until an object of the gateway has one of the statuses. The object need not exist yet.
    ///
    /// # Errors
    /// If it does not get there in time.
    pub async fn shows(&self, path: &str, wanted: &[&str]) -> anyhow::Result<Value> {
        eventually(&format!("{path} to become {wanted:?}"), || async {
            let response = self.client.request(Method::GET, path).send().await?;
            if response.status().as_u16() == 404 {
                return Ok(None);
            }
            let object: Value = response.error_for_status()?.json().await?;
            let status = object["status"].as_str().unwrap_or_default();
            Ok(wanted.contains(&status).then_some(object))
        })
        .await
    }

    /// Returns an operation.
    ///
    /// # Errors
    /// If there is no such operation.
    pub async fn operation(&self, id: &str) -> anyhow::Result<Value> {
        self.get(&format!("/v1/operations/{id}")).await
    }

    /// Waits until an operation has one of the statuses.
    ///
    /// # Errors
    /// If it fails or does not get there in time.
    pub async fn reached(&self, id: &str, wanted: &[&str]) -> anyhow::Result<Value> {
        eventually(&format!("operation to become {wanted:?}"), || async {
            let operation = self.operation(id).await?;
            let status = operation["status"].as_str().unwrap_or_default();
            if status == "failed" && !wanted.contains(&status) {
                bail!("an operation failed: {operation}");
            }
            Ok(wanted.contains(&status).then_some(operation))
        })
        .await
    }

    /// Waits until L1 has settled an operation.
    ///
    /// # Errors
    /// If it fails or does not settle in time.
    pub async fn settled(&self, id: &str) -> anyhow::Result<Value> {
        self.reached(id, &["settled"]).await
    }

    /// Returns the holdings by symbol.
    ///
    /// # Errors
    /// If the gateway does not answer or an amount cannot be read.
    pub async fn holdings(&self) -> anyhow::Result<BTreeMap<String, Holding>> {
        let mut holdings = BTreeMap::new();
        for balance in self.client.balances().await? {
            let units = |text: &str| match amount::parse(text, balance.asset.decimals) {
                Ok(units) => Ok(units),
                Err(amount::AmountError::Zero) => Ok(0),
                Err(error) => Err(error),
            };
            let holding = Holding {
                spendable: units(&balance.spendable)?,
                pending: units(&balance.pending)?,
                on_l1: units(&balance.on_l1)?,
                claimable: units(&balance.claimable)?,
            };
            holdings.insert(balance.asset.symbol, holding);
        }
        Ok(holdings)
    }

    /// Returns the holdings inside the rollup, spendable or pending, base units in the order of the
    /// asset ids.
    ///
    /// # Errors
    /// As [`Institution::holdings`].
    pub async fn inside(&self) -> anyhow::Result<[u128; 2]> {
        let holdings = self.holdings().await?;
        Ok(SYMBOLS.map(|symbol| {
            holdings
                .get(symbol)
                .map_or(0, |held| held.spendable + held.pending)
        }))
    }

    /// Returns the history, oldest first.
    ///
    /// # Errors
    /// If the gateway does not answer.
    pub async fn history(&self) -> anyhow::Result<Vec<Value>> {
        Ok(self
            .get("/v1/history")
            .await?
            .as_array()
            .context("the history is not a list")?
            .clone())
    }
}
