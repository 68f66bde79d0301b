//! The keys of the transaction circuit, as the sequencer offers them.

use reqwest::{Method, Response, header::RANGE};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SequencerClient;
use crate::{error::ClientError, http::Service};

/// The keys of the transaction circuit: everything that names their content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeysBody {
    /// SHA-256 of the verifying key, `0x` hex.
    pub hash: String,
    /// Hash of the circuit, `0x` hex.
    pub circuit: String,
    /// Whether the keys were made for development: whoever made them can forge proofs.
    pub unsafe_development: bool,
    /// The files, `pk` and `vk`.
    pub files: Vec<KeyFileBody>,
}

/// A file of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyFileBody {
    /// `pk`, the proving key, or `vk`, the verifying key.
    pub role: String,
    /// SHA-256 of its content, `0x` hex.
    pub sha256: String,
    /// Its length in bytes.
    pub bytes: u64,
}

impl SequencerClient {
    /// Describes the keys with this hash, or returns `None` if the sequencer does not offer them.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn keys(&self, hash: &str) -> Result<Option<KeysBody>, ClientError> {
        self.service.find(&format!("/v1/keys/{hash}")).await
    }

    /// Opens a file of keys from byte `from` on. The answer is 206 if the sequencer begins there,
    /// and 200 if it begins at the first byte.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn key_file(
        &self,
        hash: &str,
        role: &str,
        from: u64,
    ) -> Result<Response, ClientError> {
        let path = format!("/v1/keys/{hash}/{role}");
        let mut request = self.service.endless(Method::GET, &path);
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        Service::send(request).await
    }
}
