//! Memos of legs (spec: *Swaps*, Recovery). They let either party open both deliveries from its
//! seed and L1's data alone.

use super::{Exchange, Leg, SALT_LEN, Salt, Side};
use crate::asset::AssetId;
use crate::memo::{MEMO_LEN, Memo};
use crate::note::NoteClass;

/// First byte of a leg's memo, by the class of the counterpart's delivery and by side. No UTF-8
/// text begins with one of these bytes.
const MARK: [(u8, NoteClass, Side); 4] = [
    (0xff, NoteClass::Cash, Side::A),
    (0xfe, NoteClass::Cash, Side::B),
    (0xfd, NoteClass::Position, Side::A),
    (0xfc, NoteClass::Position, Side::B),
];

const ASSET_AT: usize = 1 + SALT_LEN;
const VALUE_AT: usize = ASSET_AT + 2;

const _: () = assert!(VALUE_AT + 16 == MEMO_LEN);

impl Exchange {
    /// Returns the memo of a side's delivery of cash: mark (1) ‖ salt (16) ‖ asset (2) and value
    /// (16) of the other leg, big-endian.
    #[must_use]
    pub fn memo(&self, side: Side) -> Memo {
        let counter = self.leg(side.other());
        let (mark, ..) = MARK
            .into_iter()
            .find(|(_, class, of)| (*class, *of) == (counter.class, side))
            .expect("every class and side has a mark");
        let mut bytes = [0; MEMO_LEN];
        bytes[0] = mark;
        bytes[1..ASSET_AT].copy_from_slice(self.salt.as_bytes());
        bytes[ASSET_AT..VALUE_AT].copy_from_slice(&counter.asset.0.to_be_bytes());
        bytes[VALUE_AT..].copy_from_slice(&counter.value.to_be_bytes());
        Memo::from_bytes(bytes)
    }

    /// Reads the exchange, and the side that delivered, from the memo of a delivered cash note. The
    /// result is unverified: check it against the note's commitment.
    #[must_use]
    pub fn from_memo(delivered: Leg, memo: &Memo) -> Option<(Side, Self)> {
        let bytes = memo.as_bytes();
        let (_, class, side) = MARK.into_iter().find(|(mark, ..)| *mark == bytes[0])?;
        let asset = bytes[ASSET_AT..VALUE_AT].first_chunk()?;
        let counter = Leg {
            class,
            asset: AssetId(u16::from_be_bytes(*asset)),
            value: u128::from_be_bytes(*bytes[VALUE_AT..].first_chunk()?),
        };
        let legs = match side {
            Side::A => [delivered, counter],
            Side::B => [counter, delivered],
        };
        let salt = Salt::from_bytes(*bytes[1..ASSET_AT].first_chunk()?);
        Some((side, Self { legs, salt }))
    }
}
