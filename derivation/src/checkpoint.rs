//! A derivation as bytes.
//!
//! Layout: the four bytes `SDRV`; version 4, one byte; length of the surroundings, 8 bytes
//! big-endian; the surroundings as JSON; the ledger as [`Ledger::to_bytes`] writes it; SHA-256 of
//! everything before, 32 bytes. A block's hash says which history a checkpoint belongs to.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subrosa_l1::{Block, Validity};
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetInfo},
    encoding::fr_to_bytes,
    ledger::{Deposit, Ledger},
    market::{Markets, PriceSnapshot},
};

use crate::{
    derivation::Derivation,
    surroundings::{Feed, RegisteredShape, Surroundings, TakeBack},
};

const MAGIC: &[u8; 4] = b"SDRV";
const VERSION: u8 = 5;
const HASH_LEN: usize = 32;
const HEAD_LEN: usize = MAGIC.len() + 1 + 8;

/// Reason why bytes are no checkpoint of this deployment.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The bytes are cut short, or damaged.
    #[error("the checkpoint is damaged: {0}")]
    Damaged(&'static str),
    /// A later program wrote it.
    #[error("the checkpoint has version {0}, which this program does not know")]
    Version(u8),
    /// It belongs to another deployment.
    #[error("the checkpoint belongs to another deployment")]
    Context,
    /// Its surroundings are malformed.
    #[error("the checkpoint's surroundings: {0}")]
    Surroundings(#[from] serde_json::Error),
    /// Its ledger does not match its roots.
    #[error("the checkpoint's ledger: {0}")]
    Ledger(#[from] subrosa_protocol::ledger::CheckpointError),
    /// The derivation did not reach any block yet.
    #[error("there is nothing to keep before the first block")]
    Genesis,
}

/// A derivation as bytes, with the block and the state that identify it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Number of the block after which it is the state.
    pub block: u64,
    /// Hash of the block.
    pub block_hash: B256,
    /// Commitment to the state.
    pub state: Fr,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Everything but the ledger.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(with = "subrosa_protocol::encoding::serde_fr")]
    context: Fr,
    #[serde(with = "subrosa_protocol::encoding::serde_fr")]
    state: Fr,
    block: u64,
    block_hash: B256,
    parent: B256,
    timestamp: u64,
    waiting: Vec<Deposit>,
    queued: u64,
    take_backs: BTreeMap<u64, TakeBack>,
    data_chain: B256,
    assets: Vec<AssetInfo>,
    shapes: BTreeMap<u32, RegisteredShape>,
    markets: Markets,
    /// Digest of each snapshot, and when it was the last one, in order of digests.
    snapshots: Vec<(B256, u64, Option<u64>)>,
    latest: Option<PriceSnapshot>,
    feeds: BTreeMap<AssetId, Feed>,
    sequencer: [u8; 20],
    guardian: [u8; 20],
    deposits_paused_until: u64,
    last_time: u64,
    last_taken: u64,
}

impl Derivation {
    /// Writes a checkpoint. Equal derivations have equal bytes.
    ///
    /// # Errors
    /// [`CheckpointError::Genesis`] before the first block.
    pub fn checkpoint(&self) -> Result<Checkpoint, CheckpointError> {
        let through = self.through.ok_or(CheckpointError::Genesis)?;
        let around = &self.surroundings;
        let state = self.ledger.state().commitment();
        let mut snapshots: Vec<_> = around
            .snapshots
            .iter()
            .map(|(digest, valid)| (B256::from(*digest), valid.taken, valid.superseded))
            .collect();
        snapshots.sort_unstable();
        let stored = Stored {
            context: *self.context(),
            state,
            block: through.number,
            block_hash: through.hash,
            parent: through.parent,
            timestamp: through.timestamp,
            waiting: around.waiting.iter().copied().collect(),
            queued: around.queued,
            take_backs: around.take_backs.clone(),
            data_chain: around.data_chain,
            assets: around.assets.iter().copied().collect(),
            shapes: around.shapes.clone(),
            markets: around.markets,
            snapshots,
            latest: around.latest,
            feeds: around.feeds.clone(),
            sequencer: around.sequencer,
            guardian: around.guardian,
            deposits_paused_until: around.deposits_paused_until,
            last_time: around.last_time,
            last_taken: around.last_taken,
        };
        let surroundings = serde_json::to_vec(&stored)?;
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        bytes.extend((surroundings.len() as u64).to_be_bytes());
        bytes.extend(surroundings);
        bytes.extend(self.ledger.to_bytes());
        let hash = Sha256::digest(&bytes);
        bytes.extend(hash);
        Ok(Checkpoint {
            block: through.number,
            block_hash: through.hash,
            state,
            bytes,
        })
    }

    /// Reads a checkpoint of the deployment with this context. Hashes all trees again.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn from_checkpoint(bytes: &[u8], context: &Fr) -> Result<Self, CheckpointError> {
        use CheckpointError::Damaged;
        if bytes.len() < HEAD_LEN + HASH_LEN || !bytes.starts_with(MAGIC) {
            return Err(Damaged("it is too short, or no checkpoint"));
        }
        let version = bytes[MAGIC.len()];
        if version != VERSION {
            return Err(CheckpointError::Version(version));
        }
        let (content, hash) = bytes.split_at(bytes.len() - HASH_LEN);
        if Sha256::digest(content).as_slice() != hash {
            return Err(Damaged("its hash does not match"));
        }
        let mut length = [0; 8];
        length.copy_from_slice(&bytes[HEAD_LEN - 8..HEAD_LEN]);
        let rest = &content[HEAD_LEN..];
        let length = usize::try_from(u64::from_be_bytes(length)).unwrap_or(usize::MAX);
        let Some((surroundings, ledger)) = rest.split_at_checked(length) else {
            return Err(Damaged("a length exceeds it"));
        };
        let stored: Stored = serde_json::from_slice(surroundings)?;
        if stored.context != *context {
            return Err(CheckpointError::Context);
        }
        let ledger = Ledger::from_bytes(ledger)?;
        if ledger.state().commitment() != stored.state {
            return Err(Damaged("its ledger has another state"));
        }
        Ok(stored.derivation(ledger))
    }
}

impl Stored {
    fn derivation(self, ledger: Ledger) -> Derivation {
        let through = Block {
            number: self.block,
            hash: self.block_hash,
            parent: self.parent,
            timestamp: self.timestamp,
        };
        let surroundings = Surroundings {
            waiting: self.waiting.into(),
            queued: self.queued,
            take_backs: self.take_backs,
            consumed: None,
            data_chain: self.data_chain,
            assets: self.assets.into_iter().collect(),
            shapes: self.shapes,
            markets: self.markets,
            snapshots: self
                .snapshots
                .into_iter()
                .map(|(digest, taken, superseded)| (digest.0, Validity { taken, superseded }))
                .collect(),
            latest: self.latest,
            feeds: self.feeds,
            sequencer: self.sequencer,
            guardian: self.guardian,
            deposits_paused_until: self.deposits_paused_until,
            last_time: self.last_time,
            last_taken: self.last_taken,
        };
        Derivation::restored(self.context, ledger, surroundings, Some(through))
    }
}

impl Checkpoint {
    /// Returns the name that identifies it: block number, block hash and state commitment.
    #[must_use]
    pub fn name(&self) -> String {
        format!(
            "{:020}-{}-{}",
            self.block,
            hex::encode(&self.block_hash[..8]),
            hex::encode(&fr_to_bytes(&self.state)[..8])
        )
    }
}
