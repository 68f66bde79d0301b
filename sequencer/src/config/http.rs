//! Limits of the HTTP interface.

use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Limits of the HTTP interface.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Time to answer a request, in milliseconds. It does not apply to streams.
    pub timeout_ms: u64,
    /// Time within which the headers of a request must arrive, in milliseconds: from the opening of
    /// a connection, or from the end of the answer before. TLS and the PROXY protocol have the same
    /// time.
    pub header_timeout_ms: u64,
    /// Time in which a reader that holds an answer up must take `write_floor` bytes, in
    /// milliseconds.
    pub write_timeout_ms: u64,
    /// Least number of bytes that such a reader takes in `write_timeout_ms`.
    pub write_floor: usize,
    /// Time after which a connection without a byte in either direction is closed, in milliseconds.
    pub idle_timeout_ms: u64,
    /// Largest number of open connections, at most half of the files that the system lets the
    /// process open. Beyond it, the connection that has sent no request for the longest time makes
    /// room; when all have sent one, the longest idle one of the peer with the most connections.
    pub max_connections: usize,
    /// Largest number of open connections of one peer.
    pub peer_connections: usize,
    /// Largest body, in bytes.
    pub max_body: usize,
    /// Rate of reading requests.
    pub reads: RateConfig,
    /// Rate of submissions. Reading does not use it up.
    pub submissions: RateConfig,
    /// Further submissions that one with an unreadable body, an invalid form or an invalid proof
    /// counts as.
    pub invalid_cost: u32,
    /// Further reads that one counts as whose page of batches or messages must be made.
    pub page_cost: u32,
    /// Time for which a request beyond the rate of its peer waits for its refusal, in milliseconds.
    /// It bounds the speed of a client that ignores refusals.
    pub refusal_ms: u64,
    /// Burst: the seconds of rate that may be used at once.
    pub burst_s: u32,
    /// Largest number of peer addresses that the limiters remember.
    pub peers: usize,
    /// Largest number of open event streams.
    pub max_streams: usize,
    /// Largest number of open event streams of one peer.
    pub peer_streams: usize,
    /// Longest wait of a request for news, in seconds, and at most half of `timeout_ms`.
    pub wait_s: u64,
    /// Largest number of requests that wait for news. Further ones are answered at once.
    pub max_waits: usize,
    /// Largest number of requests of one peer that wait for news.
    pub peer_waits: usize,
    /// Largest number of keys that are sent at the same time.
    pub key_downloads: usize,
    /// Largest number of keys that are sent to one peer at the same time.
    pub peer_key_downloads: usize,
    /// Largest number of batches in one answer.
    pub max_page: u64,
    /// Largest size of the published data in one answer, in bytes. An answer always holds its
    /// first batch.
    pub max_page_bytes: usize,
    /// Memory for all pages of batches and messages that are being read or kept, in bytes. The
    /// pages that one peer reads take at most a sixteenth.
    pub page_memory: usize,
    /// Networks of the proxies whose word about the client's address counts.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they state it.
    pub forwarded: ForwardedHeader,
    /// Whether they begin each connection with a header of the PROXY protocol (version 1 or 2).
    pub proxy_protocol: bool,
    /// Certificate and key for TLS; plain HTTP without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsConfig>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            timeout_ms: 60_000,
            header_timeout_ms: 10_000,
            write_timeout_ms: 10_000,
            write_floor: 64 * 1024,
            idle_timeout_ms: 75_000,
            max_connections: 8_192,
            peer_connections: 1_024,
            max_body: 16 * 1024,
            reads: RateConfig {
                rate: 5_000,
                peer_rate: 1_000,
            },
            submissions: RateConfig {
                rate: 2_000,
                peer_rate: 200,
            },
            invalid_cost: 50,
            page_cost: 20,
            refusal_ms: 500,
            burst_s: 2,
            peers: 10_000,
            max_streams: 256,
            peer_streams: 16,
            wait_s: 30,
            max_waits: 8_192,
            peer_waits: 1_024,
            key_downloads: 8,
            peer_key_downloads: 2,
            max_page: 256,
            max_page_bytes: 1024 * 1024,
            page_memory: 256 * 1024 * 1024,
            trusted_proxies: Vec::new(),
            forwarded: ForwardedHeader::default(),
            proxy_protocol: false,
            tls: None,
        }
    }
}

/// Rates of one class of requests.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateConfig {
    /// Requests a second from all peers together; 0 switches the limit off.
    pub rate: u32,
    /// Requests a second from one peer; 0 switches the limit off.
    pub peer_rate: u32,
}

impl RateConfig {
    /// Rates that do not limit.
    pub const OFF: Self = Self {
        rate: 0,
        peer_rate: 0,
    };
}

/// Header in which a trusted proxy states the client's address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `Forwarded: for=…` (RFC 7239).
    #[default]
    Forwarded,
    /// `X-Forwarded-For`.
    XForwardedFor,
}

/// Files for TLS, in PEM form. They are read again when they change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate, then those up to the authority.
    pub certificates: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
}

impl HttpConfig {
    /// Checks the ranges that the types do not express.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let positive = [
            ("http.header_timeout_ms", self.header_timeout_ms),
            ("http.write_timeout_ms", self.write_timeout_ms),
            ("http.idle_timeout_ms", self.idle_timeout_ms),
            ("http.max_connections", self.max_connections as u64),
            ("http.peer_connections", self.peer_connections as u64),
            ("http.burst_s", u64::from(self.burst_s)),
            ("http.max_page", self.max_page),
        ];
        for (field, value) in positive {
            if value == 0 {
                let reason = "must be at least 1";
                return Err(ConfigError::Field { field, reason });
            }
        }
        if self.proxy_protocol && self.trusted_proxies.is_empty() {
            return Err(ConfigError::Field {
                field: "http.proxy_protocol",
                reason: "needs http.trusted_proxies: name the networks of the proxies",
            });
        }
        Ok(())
    }
}
