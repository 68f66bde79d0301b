//! The address that a request counts for: the peer of its connection, or the client that a trusted
//! proxy names.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, header::FORWARDED};
use ipnet::IpNet;

use crate::config::{ForwardedHeader, HttpConfig};

/// Returns the network that counts as one peer: an IPv4 address, or the /64 of an IPv6 address,
/// because one host has all addresses of a /64.
pub(crate) fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => {
            let mut segments = v6.segments();
            segments[4..].fill(0);
            IpAddr::from(segments)
        }
        v4 => v4,
    }
}

/// Networks of an IPv6 /48 that may take as much as one each of a /48's share.
pub(crate) const OF_SITE: u16 = 8;

/// Returns the /48 of an IPv6 address, which one customer of a provider may hold whole.
pub(crate) fn site(peer: IpAddr) -> Option<IpAddr> {
    match peer.to_canonical() {
        IpAddr::V6(v6) => {
            let mut segments = v6.segments();
            segments[3..].fill(0);
            Some(IpAddr::from(segments))
        }
        IpAddr::V4(_) => None,
    }
}

/// The proxies whose word about the client's address counts.
#[derive(Debug, Clone)]
pub(crate) struct Proxies {
    trusted: Vec<IpNet>,
    header: ForwardedHeader,
}

impl Proxies {
    /// Takes the proxies of a configuration.
    pub(crate) fn new(http: &HttpConfig) -> Self {
        Self {
            trusted: http.trusted_proxies.clone(),
            header: http.forwarded,
        }
    }

    /// Whether the word of this address counts.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Returns the client's address. Each proxy appends the address that it saw, so that the list
    /// is read from its end, as long as trusted proxies wrote it. What stands before may be
    /// invented.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        if !self.trusts(client) {
            return client;
        }
        let name = match self.header {
            ForwardedHeader::Forwarded => FORWARDED,
            ForwardedHeader::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
        };
        let lines: Vec<_> = headers.get_all(name).iter().collect();
        for line in lines.into_iter().rev() {
            let Ok(line) = line.to_str() else {
                return client;
            };
            let hops: Vec<Option<IpAddr>> = match self.header {
                ForwardedHeader::Forwarded => rfc7239::parse(line)
                    .map(|hop| match hop.ok()?.forwarded_for?.name {
                        rfc7239::NodeName::Ip(address) => Some(address),
                        _ => None,
                    })
                    .collect(),
                ForwardedHeader::XForwardedFor => {
                    let parts = line.split(',').map(str::trim);
                    parts.map(|part| part.parse().ok()).collect()
                }
            };
            for hop in hops.into_iter().rev() {
                // An unreadable or hidden address ends the chain: the proxy before it stands for
                // all behind it.
                let Some(hop) = hop else {
                    return client;
                };
                client = hop;
                if !self.trusts(client) {
                    return client;
                }
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn proxies(header: ForwardedHeader) -> Proxies {
        Proxies {
            trusted: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            header,
        }
    }

    fn client(proxies: &Proxies, peer: &str, lines: &[&'static str]) -> String {
        let name = match proxies.header {
            ForwardedHeader::Forwarded => "forwarded",
            ForwardedHeader::XForwardedFor => "x-forwarded-for",
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, HeaderValue::from_static(line));
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    // Before, only the connection's peer counted: all clients behind a proxy were one peer.
    #[test]
    fn a_trusted_proxy_names_the_client() {
        let forwarded = proxies(ForwardedHeader::Forwarded);
        let one = |lines: &[&'static str]| client(&forwarded, "10.0.0.1", lines);
        assert_eq!(one(&["for=192.0.2.7"]), "192.0.2.7");
        assert_eq!(
            one(&["for=\"[2001:db8::7]:4711\";proto=https"]),
            "2001:db8::7"
        );
        assert_eq!(one(&["for=192.0.2.7, for=10.0.0.9"]), "192.0.2.7");
        assert_eq!(one(&["for=192.0.2.7", "for=10.0.0.9"]), "192.0.2.7");
        assert_eq!(one(&[]), "10.0.0.1");
        let plain = proxies(ForwardedHeader::XForwardedFor);
        assert_eq!(
            client(&plain, "fd00::1", &["1.2.3.4, 192.0.2.7"]),
            "192.0.2.7"
        );
    }

    // Believing the first address, or any peer's header, would let a client choose its address.
    #[test]
    fn a_client_cannot_choose_its_address() {
        let forwarded = proxies(ForwardedHeader::Forwarded);
        assert_eq!(
            client(&forwarded, "192.0.2.7", &["for=1.2.3.4"]),
            "192.0.2.7"
        );
        let behind = client(&forwarded, "10.0.0.1", &["for=1.2.3.4, for=192.0.2.7"]);
        assert_eq!(behind, "192.0.2.7");
        for hidden in [
            "for=1.2.3.4, for=unknown",
            "for=1.2.3.4, for=_hidden",
            "for=1.2.3.4, ,",
        ] {
            let lines: &'static [&'static str] = Box::leak(Box::new([hidden]));
            assert_eq!(
                client(&forwarded, "10.0.0.1", lines),
                "10.0.0.1",
                "{hidden}"
            );
        }
        // The other header is ignored.
        let plain = proxies(ForwardedHeader::XForwardedFor);
        let mut headers = HeaderMap::new();
        headers.append("forwarded", HeaderValue::from_static("for=192.0.2.7"));
        let peer = "10.0.0.1".parse().unwrap();
        assert_eq!(plain.client(peer, &headers), peer);
    }

    #[test]
    fn a_host_is_one_peer_whatever_address_it_takes() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
