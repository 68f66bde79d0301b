//! The PROXY protocol: the header with which a trusted proxy begins a connection.

use std::{io, net::SocketAddr};

use ppp::{HeaderResult, v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// First bytes of a header of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Longest header of version 1.
const LONGEST: usize = 107;
/// Longest header of version 2 that is read: addresses and some extensions.
const LONGEST_BINARY: usize = 1_024;

/// Reads the header and nothing behind it. Returns the client's address, or `proxy` if the proxy
/// speaks for itself.
///
/// # Errors
/// If the connection ends, or does not begin with a header.
pub(crate) async fn client(
    stream: &mut (impl AsyncRead + Unpin),
    proxy: SocketAddr,
) -> io::Result<SocketAddr> {
    let mut header = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    if header == SIGNATURE {
        header.resize(16, 0);
        stream.read_exact(&mut header[12..]).await?;
        let length = usize::from(u16::from_be_bytes([header[14], header[15]]));
        if length > LONGEST_BINARY {
            return Err(malformed());
        }
        header.resize(16 + length, 0);
        stream.read_exact(&mut header[16..]).await?;
    } else {
        // The line's length is known at its end, and a byte behind it belongs to the request.
        while header.last() != Some(&b'\n') {
            if header.len() == LONGEST {
                return Err(malformed());
            }
            header.push(stream.read_u8().await?);
        }
    }
    match HeaderResult::parse(&header) {
        HeaderResult::V1(Ok(header)) => Ok(match header.addresses {
            v1::Addresses::Tcp4(a) => (a.source_address, a.source_port).into(),
            v1::Addresses::Tcp6(a) => (a.source_address, a.source_port).into(),
            v1::Addresses::Unknown => proxy,
        }),
        HeaderResult::V2(Ok(header)) => Ok(match (header.command, header.addresses) {
            (v2::Command::Proxy, v2::Addresses::IPv4(a)) => {
                (a.source_address, a.source_port).into()
            }
            (v2::Command::Proxy, v2::Addresses::IPv6(a)) => {
                (a.source_address, a.source_port).into()
            }
            _ => proxy,
        }),
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => Err(malformed()),
    }
}

fn malformed() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the connection does not begin with a header of the PROXY protocol",
    )
}

#[cfg(test)]
mod tests {
    use ppp::v2::{Builder, Command, Protocol, Version};

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

    fn proxy() -> SocketAddr {
        "10.0.0.1:9".parse().unwrap()
    }

    /// Reads a header with a request behind it, and checks that the request is left.
    async fn read(header: &[u8]) -> Option<String> {
        let all = [header, REQUEST].concat();
        let mut stream = &all[..];
        let found = client(&mut stream, proxy()).await.ok()?;
        assert_eq!(stream, REQUEST);
        Some(found.to_string())
    }

    // Before, the address of a proxy stood for all its clients.
    #[tokio::test]
    async fn a_header_of_either_version_names_the_client() {
        let text = b"PROXY TCP4 192.0.2.7 10.0.0.2 4711 7300\r\n";
        assert_eq!(read(text).await.unwrap(), "192.0.2.7:4711");
        let text = b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 7300\r\n";
        assert_eq!(read(text).await.unwrap(), "[2001:db8::7]:4711");
        assert_eq!(read(b"PROXY UNKNOWN\r\n").await.unwrap(), "10.0.0.1:9");
        let addresses: (SocketAddr, SocketAddr) = (
            "192.0.2.7:4711".parse().unwrap(),
            "10.0.0.2:7300".parse().unwrap(),
        );
        let made = |command| {
            Builder::with_addresses(Version::Two | command, Protocol::Stream, addresses)
                .build()
                .unwrap()
        };
        assert_eq!(read(&made(Command::Proxy)).await.unwrap(), "192.0.2.7:4711");
        assert_eq!(read(&made(Command::Local)).await.unwrap(), "10.0.0.1:9");
    }

    #[tokio::test]
    async fn a_connection_without_a_header_is_refused() {
        let long = [&b"PROXY TCP4 "[..], &[b'1'; 200], b"\r\n"].concat();
        let mut vast = SIGNATURE.to_vec();
        vast.extend([0x21, 0x11, 0xff, 0xff]);
        vast.extend([0; 2_000]);
        for header in [&b""[..], b"PROXY TCP4 1.2.3.4\r\n", &long, &vast] {
            assert!(read(header).await.is_none());
        }
    }
}
