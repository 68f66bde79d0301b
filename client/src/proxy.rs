//! A SOCKS5 proxy, such as Tor's, through which a client reaches its service.

use std::{str::FromStr, time::Duration};

use rand::{RngCore as _, rngs::OsRng};
use reqwest::Url;
use thiserror::Error;

use crate::error::ClientError;

/// Longest wait for a connection to the proxy.
const REACH: Duration = Duration::from_secs(5);

/// Address of a SOCKS5 proxy. The proxy resolves host names: no name is looked up on this machine.
#[derive(Clone)]
pub struct Proxy(Url);

/// Reason why a text is no address of a proxy. It repeats nothing of the text, which may hold
/// credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the proxy must have the form socks5h://host:port or socks5h://user:password@host:port; with \
     socks5h it resolves host names, and with other schemes this machine would"
)]
pub struct ProxyError;

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let url: Url = text.trim().parse().map_err(|_| ProxyError)?;
        let bare = matches!(url.path(), "" | "/");
        let bare = bare && url.query().is_none() && url.fragment().is_none();
        let addressed = url.host_str().is_some_and(|host| !host.is_empty());
        let addressed = addressed && url.port().is_some();
        let named = !url.username().is_empty();
        if url.scheme() == "socks5h" && addressed && bare && named == url.password().is_some() {
            Ok(Self(url))
        } else {
            Err(ProxyError)
        }
    }
}

impl Proxy {
    /// Returns the proxy with random credentials, so that connections through it share no circuit
    /// with any others. Tor gives every user and password circuits of their own. Credentials in the
    /// address are kept: the proxy demands them.
    #[must_use]
    pub fn apart(&self) -> Self {
        let mut url = self.0.clone();
        if url.username().is_empty() {
            let random = || {
                let mut bytes = [0; 16];
                OsRng.fill_bytes(&mut bytes);
                hex::encode(bytes)
            };
            // Both fail only for addresses without a host.
            let _ = url.set_username(&random());
            let _ = url.set_password(Some(&random()));
        }
        Self(url)
    }

    /// Tries whether something listens at the proxy's address.
    ///
    /// # Errors
    /// [`ClientError::Unavailable`], which names the address without credentials.
    pub async fn reach(&self) -> Result<(), ClientError> {
        let host = self.0.host_str().unwrap_or_default();
        let port = self.0.port().unwrap_or_default();
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let connected = tokio::net::TcpStream::connect((name, port));
        let failed = match tokio::time::timeout(REACH, connected).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", REACH.as_secs()),
        };
        Err(ClientError::Unavailable(format!(
            "the proxy at {host}:{port} cannot be reached: {failed}"
        )))
    }

    /// Returns the proxy as an HTTP client takes it.
    ///
    /// # Errors
    /// [`ClientError::Protocol`] if the address cannot be used.
    pub fn transport(&self) -> Result<reqwest::Proxy, ClientError> {
        reqwest::Proxy::all(self.0.clone())
            .map_err(|_| ClientError::protocol("the address of the proxy cannot be used"))
    }
}

/// Without credentials.
impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy")
            .field("host", &self.0.host_str())
            .field("port", &self.0.port())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxy_that_resolves_names_is_taken() {
        for good in [
            "socks5h://127.0.0.1:9050",
            "socks5h://tor.internal:9050/",
            " socks5h://[::1]:9050\n",
            "socks5h://bank:SECRET@127.0.0.1:9050",
        ] {
            assert!(good.parse::<Proxy>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:9050",
            "socks5://127.0.0.1:9050",
            "http://127.0.0.1:9050",
            "socks5h://",
            "socks5h://tor.internal",
            "socks5h://127.0.0.1:9050/path",
            "socks5h://127.0.0.1:9050?query",
            "socks5h://bank@127.0.0.1:9050",
        ] {
            assert!(bad.parse::<Proxy>().is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_dead_proxy_is_named_without_its_credentials() {
        let alive = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = alive.local_addr().unwrap().port();
        let text = format!("socks5h://bank:SECRET@127.0.0.1:{port}");
        let proxy: Proxy = text.parse().unwrap();
        proxy.reach().await.unwrap();
        drop(alive);
        let text = proxy.reach().await.unwrap_err().to_string();
        assert!(text.contains(&format!("127.0.0.1:{port}")), "{text}");
        assert!(!text.contains("SECRET"), "{text}");
    }

    #[test]
    fn credentials_are_random_for_each_and_shown_to_nobody() {
        let proxy: Proxy = "socks5h://127.0.0.1:9050".parse().unwrap();
        let (one, other) = (proxy.apart(), proxy.apart());
        assert_eq!((one.0.username().len(), one.0.port()), (32, Some(9050)));
        assert_ne!(one.0.username(), other.0.username());
        assert_ne!(one.0.password(), other.0.password());
        assert!(one.transport().is_ok());
        assert!(!format!("{one:?}").contains(one.0.username()));

        let demanded: Proxy = "socks5h://bank:SECRET@127.0.0.1:9050".parse().unwrap();
        assert_eq!(demanded.apart().0, demanded.0);
        assert!(!format!("{demanded:?}").contains("SECRET"));
    }
}
