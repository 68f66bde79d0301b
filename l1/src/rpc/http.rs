//! HTTP with bounds: a node that hangs, or answers without end, costs a bounded time and memory.

use std::task::{Context, Poll};

use alloy::{
    rpc::json_rpc::{RequestPacket, ResponsePacket},
    transports::{RpcError, TransportError, TransportErrorKind, TransportFut},
};
use tower::Service;

use super::RpcOptions;
use crate::error::L1Error;

/// Sends JSON-RPC requests over HTTP. No error of it names the URL.
#[derive(Clone)]
pub(super) struct BoundedHttp {
    client: reqwest::Client,
    url: reqwest::Url,
    largest_answer: usize,
}

impl BoundedHttp {
    pub(super) fn new(
        url: reqwest::Url,
        options: RpcOptions,
        proxy: Option<reqwest::Proxy>,
    ) -> Result<Self, L1Error> {
        let builder = reqwest::Client::builder()
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout);
        let builder = match proxy {
            Some(proxy) => builder.proxy(proxy),
            None => builder,
        };
        let client = builder
            .build()
            .map_err(|e| L1Error::Protocol(format!("no HTTP client: {}", e.without_url())))?;
        Ok(Self {
            client,
            url,
            largest_answer: options.largest_answer,
        })
    }

    async fn answer(self, request: RequestPacket) -> Result<ResponsePacket, TransportError> {
        let failed =
            |e: reqwest::Error| TransportErrorKind::custom_str(&with_cause(&e.without_url()));
        let sent = self.client.post(self.url).json(&request).send();
        let mut response = sent.await.map_err(failed)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > self.largest_answer {
                return Err(TransportErrorKind::custom_str("its answer is too large"));
            }
            body.extend_from_slice(&chunk);
        }
        // A node reports some failures with an HTTP error and a JSON-RPC error in its body.
        match serde_json::from_slice(&body) {
            Ok(packet) => Ok(packet),
            Err(_) if !status.is_success() => {
                // The body may quote the request's URL.
                let body = String::new();
                Err(TransportErrorKind::http_error(status.as_u16(), body))
            }
            Err(err) => Err(RpcError::deser_err(err, "")),
        }
    }
}

/// Describes an error with its first cause: that of a request says no more than that it failed.
fn with_cause(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    match causes.last() {
        Some(first) => format!("{error}: {first}"),
        None => error.to_string(),
    }
}

impl Service<RequestPacket> for BoundedHttp {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RequestPacket) -> Self::Future {
        Box::pin(self.clone().answer(request))
    }
}
