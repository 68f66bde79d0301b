//! An institution: a wallet behind its gateway, used through HTTP alone.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use subrosa_l1::Account;
use subrosa_protocol::keys::{Network, Seed, ViewingKey};
use subrosa_wallet::{Gateway, Token, Wallet, WalletConfig, amount};

use crate::{
    chain::{Chain, Deployed, SYMBOLS},
    eventually,
    keys::keys,
    world::FEE,
};

/// The institution.
pub struct Institution {
    /// Its seed.
    pub seed: Seed,
    /// Its L1 account.
    pub account: Account,
    /// Absent where the gateway runs in a process of its own.
    gateway: Option<Gateway>,
    base: String,
    token: String,
    http: reqwest::Client,
}

/// What an institution holds of an asset, base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Inside, to be spent now.
    pub spendable: u128,
    /// Inside, to come back as change.
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
    /// The wallet's.
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
    /// If no HTTP client can be made.
    pub fn at(base: &str, token: &str, seed: Seed, account: Account) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(200))
            .build()?;
        Ok(Self {
            seed,
            account,
            gateway: None,
            base: base.to_owned(),
            token: token.to_owned(),
            http,
        })
    }

    /// Its keys.
    #[must_use]
    pub fn keys(&self) -> ViewingKey {
        ViewingKey::from_seed(&self.seed)
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> String {
        self.keys().address().encode(Network::Development)
    }

    /// Stops gateway and wallet, if this process runs them.
    pub async fn stop(self) {
        if let Some(gateway) = self.gateway {
            gateway.stop().await;
        }
    }

    /// A successful GET.
    ///
    /// # Errors
    /// If it is not successful.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self
            .http
            .get(format!("{}{path}", self.base))
            .bearer_auth(&self.token);
        let response = request.send().await?;
        ensure!(
            response.status().is_success(),
            "GET {path}: {}",
            response.status()
        );
        Ok(response.json().await?)
    }

    /// A POST: status and body.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
        let request = self
            .http
            .post(format!("{}{path}", self.base))
            .bearer_auth(&self.token);
        let response = request.json(body).send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }

    /// Starts something; waits for funds that are on their way. Its id.
    ///
    /// # Errors
    /// If it is refused for another reason.
    pub async fn start(&self, path: &str, body: Value) -> anyhow::Result<String> {
        eventually(&format!("POST {path} to be accepted"), || async {
            let (status, answer) = self.post(path, &body).await?;
            if status == 202 {
                return Ok(Some(
                    answer["id"]
                        .as_str()
                        .context("an operation has an id")?
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

    /// Deposits display units of an asset.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn deposit(&self, asset: &str, amount: &str) -> anyhow::Result<String> {
        self.start("/v1/deposits", json!({ "asset": asset, "amount": amount }))
            .await
    }

    /// Pays display units of an asset.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn transfer(
        &self,
        asset: &str,
        amount: &str,
        to: &str,
        memo: &str,
    ) -> anyhow::Result<String> {
        self.start(
            "/v1/transfers",
            json!({ "asset": asset, "amount": amount, "to": to, "memo": memo }),
        )
        .await
    }

    /// Withdraws display units of an asset to its own L1 account.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn withdraw(&self, asset: &str, amount: &str) -> anyhow::Result<String> {
        self.start(
            "/v1/withdrawals",
            json!({ "asset": asset, "amount": amount }),
        )
        .await
    }

    /// Asks `of` to exchange what this institution gives, of a fixed amount, for an asset, and has `of` quote
    /// (asset, amount in display units) for it. The quote's id, when it has arrived.
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
        let request = json!({
            "counterparties": [of.address()],
            "give": { "asset": give.0, "amount": give.1 },
            "want": { "asset": want.0 },
            "expires_in": seconds.0,
        });
        let rfq = self.start("/v1/rfqs", request).await?;
        of.shows(&format!("/v1/rfqs/{rfq}"), &["open"]).await?;
        let quote = json!({
            "rfq": rfq,
            "give": { "asset": want.0, "amount": want.1 },
            "want": { "asset": give.0, "amount": give.1 },
            "valid_for": seconds.0,
            "settle_within": seconds.1,
        });
        let quote = of.start("/v1/quotes", quote).await?;
        self.shows(&format!("/v1/quotes/{quote}"), &["offered"])
            .await?;
        Ok(quote)
    }

    /// Accepts a quote; waits for funds that are on their way. The swap's id.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn accept(&self, quote: &str) -> anyhow::Result<String> {
        self.start(&format!("/v1/quotes/{quote}/accept"), json!({}))
            .await
    }

    /// Waits until an object of the gateway, which need not be there yet, has one of the statuses.
    ///
    /// # Errors
    /// If it never does.
    pub async fn shows(&self, path: &str, wanted: &[&str]) -> anyhow::Result<Value> {
        eventually(&format!("{path} to become {wanted:?}"), || async {
            let url = format!("{}{path}", self.base);
            let request = self.http.get(url).bearer_auth(&self.token);
            let response = request.send().await?;
            if response.status().as_u16() == 404 {
                return Ok(None);
            }
            let object: Value = response.error_for_status()?.json().await?;
            let status = object["status"].as_str().unwrap_or_default();
            Ok(wanted.contains(&status).then_some(object))
        })
        .await
    }

    /// An operation.
    ///
    /// # Errors
    /// If there is none.
    pub async fn operation(&self, id: &str) -> anyhow::Result<Value> {
        self.get(&format!("/v1/operations/{id}")).await
    }

    /// Waits until an operation has one of the statuses.
    ///
    /// # Errors
    /// If it fails or never gets there.
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
    /// If it fails or never gets there.
    pub async fn settled(&self, id: &str) -> anyhow::Result<Value> {
        self.reached(id, &["settled"]).await
    }

    /// Holdings by symbol.
    ///
    /// # Errors
    /// The gateway's.
    pub async fn holdings(&self) -> anyhow::Result<BTreeMap<String, Holding>> {
        let balances = self.get("/v1/balances").await?;
        let mut holdings = BTreeMap::new();
        for balance in balances.as_array().context("balances")? {
            let symbol = balance["asset"]["symbol"]
                .as_str()
                .context("a symbol")?
                .to_owned();
            let decimals =
                u8::try_from(balance["asset"]["decimals"].as_u64().context("decimals")?)?;
            let units = |field: &str| -> anyhow::Result<u128> {
                match amount::parse(balance[field].as_str().context("an amount")?, decimals) {
                    Ok(units) => Ok(units),
                    Err(amount::AmountError::Zero) => Ok(0),
                    Err(error) => Err(error.into()),
                }
            };
            let holding = Holding {
                spendable: units("spendable")?,
                pending: units("pending")?,
                on_l1: units("on_l1")?,
                claimable: units("claimable")?,
            };
            holdings.insert(symbol, holding);
        }
        Ok(holdings)
    }

    /// What it holds inside, spendable or not yet, base units in the order of the asset ids.
    ///
    /// # Errors
    /// The gateway's.
    pub async fn inside(&self) -> anyhow::Result<[u128; 2]> {
        let holdings = self.holdings().await?;
        Ok(SYMBOLS.map(|symbol| {
            holdings
                .get(symbol)
                .map_or(0, |held| held.spendable + held.pending)
        }))
    }

    /// History, oldest first.
    ///
    /// # Errors
    /// The gateway's.
    pub async fn history(&self) -> anyhow::Result<Vec<Value>> {
        Ok(self
            .get("/v1/history")
            .await?
            .as_array()
            .context("history")?
            .clone())
    }
}
