//! Notes, their commitments and nullifiers (spec: *Notes*).

use std::fmt;

use ark_bn254::Fr;
use ark_ff::Zero;
use thiserror::Error;

use crate::asset::AssetId;
use crate::domain::Domain;
use crate::element::{NoteCommitment, Nullifier, OwnerId};
use crate::layout::note as fields;
use crate::poseidon;

/// Class of a note: the kind of claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum NoteClass {
    /// An amount of an asset; aux is 0.
    Cash = 0,
    /// Collateral of a loan (spec: *Collateral*); aux is the digest of loan and debt.
    Position = 1,
}

/// Reason why an element is not the packed part of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UnpackError {
    /// The integer has bits above class, asset and value.
    #[error("packed note has more than 152 bits")]
    TooWide,
    /// No class has this number.
    #[error("unknown note class {0}")]
    Class(u8),
}

impl TryFrom<u8> for NoteClass {
    type Error = UnpackError;

    fn try_from(class: u8) -> Result<Self, UnpackError> {
        match class {
            0 => Ok(Self::Cash),
            1 => Ok(Self::Position),
            other => Err(UnpackError::Class(other)),
        }
    }
}

/// A note with all its secrets. Its `Debug` form shows nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// Kind of the claim.
    pub class: NoteClass,
    /// Asset of the claim.
    pub asset: AssetId,
    /// Amount in base units.
    pub value: u128,
    /// Owner, who may spend the note.
    pub owner: OwnerId,
    /// Contents that depend on the class; 0 for cash.
    pub aux: Fr,
    /// Blinding of the commitment.
    pub rcm: Fr,
}

impl Note {
    /// Returns a cash note.
    #[must_use]
    pub fn cash(asset: AssetId, value: u128, owner: OwnerId, rcm: Fr) -> Self {
        Self {
            class: NoteClass::Cash,
            asset,
            value,
            owner,
            aux: Fr::zero(),
            rcm,
        }
    }

    /// Returns the packed part: class + asset·2⁸ + value·2²⁴.
    #[must_use]
    pub fn packed(&self) -> Fr {
        pack(self.class, self.asset, self.value)
    }

    /// Returns the inner part: H(NOTE_INNER; owner, aux, rcm).
    #[must_use]
    pub fn inner(&self) -> Fr {
        inner(&self.owner, &self.aux, &self.rcm)
    }

    /// Returns the commitment cm = H(NOTE; packed, inner).
    #[must_use]
    pub fn commitment(&self) -> NoteCommitment {
        commit(&self.packed(), &self.inner())
    }

    /// Returns the nullifier of this note at a leaf of the note tree.
    #[must_use]
    pub fn nullifier(&self, nk: &Fr, leaf_index: u64) -> Nullifier {
        nullifier(nk, &self.commitment(), leaf_index)
    }
}

impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Note(..)")
    }
}

/// Returns class + asset·2⁸ + value·2²⁴.
#[must_use]
pub fn pack(class: NoteClass, asset: AssetId, value: u128) -> Fr {
    fields::CLASS.place(class as u128)
        + fields::ASSET.place(asset.0.into())
        + fields::VALUE.place(value)
}

/// Returns the class, asset and value of a packed part; inverse of [`pack`].
///
/// # Errors
/// [`UnpackError`] if the element is not the packed part of a note.
pub fn unpack(packed: &Fr) -> Result<(NoteClass, AssetId, u128), UnpackError> {
    if !fields::LAYOUT.fits(packed) {
        return Err(UnpackError::TooWide);
    }
    let class = NoteClass::try_from(fields::CLASS.of(packed) as u8)?;
    let asset = AssetId(fields::ASSET.of(packed) as u16);
    Ok((class, asset, fields::VALUE.of(packed)))
}

/// Returns inner = H(NOTE_INNER; owner, aux, rcm).
#[must_use]
pub fn inner(owner: &OwnerId, aux: &Fr, rcm: &Fr) -> Fr {
    poseidon::hash(Domain::NoteInner, &[Fr::from(*owner), *aux, *rcm])
}

/// Returns cm = H(NOTE; packed, inner).
#[must_use]
pub fn commit(packed: &Fr, inner: &Fr) -> NoteCommitment {
    NoteCommitment::new(poseidon::hash(Domain::Note, &[*packed, *inner]))
}

/// Returns nf: the lowest 192 bits of H(NULLIFIER; nk, cm, leaf index).
#[must_use]
pub fn nullifier(nk: &Fr, cm: &NoteCommitment, leaf_index: u64) -> Nullifier {
    let message = [*nk, Fr::from(*cm), Fr::from(leaf_index)];
    Nullifier::of(poseidon::hash(Domain::Nullifier, &message))
}

/// Returns the nullifier that a dummy input publishes: the lowest 192 bits of H(NULLIFIER_DUMMY;
/// nk, cm, leaf index).
#[must_use]
pub fn dummy_nullifier(nk: &Fr, cm: &NoteCommitment, leaf_index: u64) -> Nullifier {
    let message = [*nk, Fr::from(*cm), Fr::from(leaf_index)];
    Nullifier::of(poseidon::hash(Domain::NullifierDummy, &message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::fr_from_u128;
    use ark_ff::One;
    use proptest::prelude::*;

    #[test]
    fn every_field_changes_the_commitment() {
        let note = Note::cash(
            AssetId(3),
            1000,
            OwnerId::new(Fr::from(5u64)),
            Fr::from(6u64),
        );
        let mut seen = vec![note.commitment()];
        let mut check = |changed: Note| {
            let cm = changed.commitment();
            assert!(!seen.contains(&cm));
            seen.push(cm);
        };
        check(Note {
            class: NoteClass::Position,
            ..note
        });
        check(Note {
            asset: AssetId(4),
            ..note
        });
        check(Note {
            value: 1001,
            ..note
        });
        check(Note {
            owner: OwnerId::new(Fr::from(7u64)),
            ..note
        });
        check(Note {
            aux: Fr::one(),
            ..note
        });
        check(Note {
            rcm: Fr::from(8u64),
            ..note
        });
    }

    #[test]
    fn a_dummy_nullifier_is_never_that_of_a_note() {
        let (nk, cm) = (Fr::from(1u64), NoteCommitment::new(Fr::from(2u64)));
        assert_ne!(nullifier(&nk, &cm, 3), dummy_nullifier(&nk, &cm, 3));
        assert_ne!(nullifier(&nk, &cm, 3), nullifier(&nk, &cm, 4));
    }

    #[test]
    fn debug_shows_no_contents() {
        let note = Note::cash(
            AssetId(321),
            987_654_321,
            OwnerId::new(Fr::from(5u64)),
            Fr::from(6u64),
        );
        assert_eq!(format!("{note:?}"), "Note(..)");
    }

    #[test]
    fn unpack_refuses_what_pack_cannot_make() {
        let widest = pack(NoteClass::Position, AssetId(u16::MAX), u128::MAX);
        assert_eq!(
            unpack(&widest),
            Ok((NoteClass::Position, AssetId(u16::MAX), u128::MAX))
        );
        assert_eq!(unpack(&Fr::from(2u64)), Err(UnpackError::Class(2)));
        let above = fr_from_u128(u128::MAX) * Fr::from(1u64 << 24) + Fr::from(1u64 << 24);
        assert_eq!(unpack(&above), Err(UnpackError::TooWide));
        assert_eq!(unpack(&-Fr::one()), Err(UnpackError::TooWide));
    }

    proptest! {
        #[test]
        fn pack_round_trips(asset: u16, value: u128) {
            let packed = pack(NoteClass::Cash, AssetId(asset), value);
            prop_assert_eq!(unpack(&packed), Ok((NoteClass::Cash, AssetId(asset), value)));
        }
    }
}
