//! Field elements as the sequencer writes them.

use subrosa_protocol::{Fr, encoding::fr_from_bytes};

/// Parses a field element from 0x-prefixed hex. Returns `None` if the text is not canonical.
pub(crate) fn element(text: &str) -> Option<Fr> {
    let mut bytes = [0u8; 32];
    hex::decode_to_slice(text.strip_prefix("0x")?, &mut bytes).ok()?;
    fr_from_bytes(&bytes).ok()
}
