//! Encoding of batch witnesses, which the sequencer stores as proving jobs.

use ark_bn254::Fr;

use super::published::read_shape;
use super::{BatchHeader, BatchWitness, LinkWitness, Shape, SlotWitness};
use crate::encoding::{CodecError, Reader, Writer};
use crate::state::State;
use crate::transaction::WORDS;
use crate::tree::{DEPTH, MerklePath};

/// First byte of an encoded witness.
const VERSION: u8 = 3;

const STATE_LEN: usize = 3 * 32 + 3 * 8;
const HEADER_LEN: usize = 167;
const PATH_LEN: usize = 8 + 3 * 32 * DEPTH;
const LINK_LEN: usize = 3 * 32 + PATH_LEN;
const SLOT_LEN: usize = 1 + 32 * WORDS + PATH_LEN + 3 * LINK_LEN;

impl BatchWitness {
    /// Returns the length of the encoding of a witness of this shape.
    #[must_use]
    pub fn encoded_len(shape: Shape) -> usize {
        let subtree = 3 * 32 * (DEPTH - shape.subtree_level());
        2 + 2 * STATE_LEN
            + HEADER_LEN
            + shape.slots() * (64 + SLOT_LEN)
            + 2 * subtree
            + 2 * PATH_LEN
    }

    /// Encodes the witness with a version; integers and elements are big-endian. All witnesses of a
    /// shape have the same length.
    ///
    /// # Panics
    /// If a list does not have the length that the shape requires, or the time is 2⁴⁰ or more.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let len = Self::encoded_len(self.shape);
        let mut out = Writer::with_capacity(len);
        out.bytes(&[VERSION, self.shape.slots() as u8]);
        write_state(&mut out, &self.old);
        write_state(&mut out, &self.new);
        self.header.write(&mut out);
        out.elements(self.deposits.as_flattened());
        for slot in &self.slots {
            out.bytes(&[u8::from(slot.active)]);
            out.elements(&slot.words);
            write_path(&mut out, &slot.anchor_path);
            for link in &slot.links {
                out.elements([&link.low_value, &link.low_next, &link.hint]);
                write_path(&mut out, &link.path);
            }
        }
        out.elements(self.nullifier_subtree_path.as_flattened());
        out.elements(self.note_subtree_path.as_flattened());
        for path in &self.history_paths {
            write_path(&mut out, path);
        }
        let bytes = out.finish();
        assert_eq!(bytes.len(), len, "lists have the lengths of the shape");
        bytes
    }

    /// Decodes a witness; inverse of [`BatchWitness::to_bytes`]. Checks the form, not the truth of
    /// the witness.
    ///
    /// # Errors
    /// [`CodecError`] for a wrong version, shape or length, and for elements that are not
    /// canonical.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut input = Reader::new(bytes);
        let version = input.u8()?;
        if version != VERSION {
            return Err(CodecError::Version(version));
        }
        let shape = read_shape(&mut input)?;
        if bytes.len() != Self::encoded_len(shape) {
            return Err(CodecError::Length {
                expected: Self::encoded_len(shape),
                found: bytes.len(),
            });
        }
        let old = read_state(&mut input)?;
        let new = read_state(&mut input)?;
        let header = BatchHeader::read(&mut input)?;
        let deposits = (0..shape.slots())
            .map(|_| input.elements("deposit"))
            .collect::<Result<_, _>>()?;
        let slots = (0..shape.slots())
            .map(|_| read_slot(&mut input))
            .collect::<Result<_, _>>()?;
        let above = DEPTH - shape.subtree_level();
        let nullifier_subtree_path = read_siblings(&mut input, above)?;
        let note_subtree_path = read_siblings(&mut input, above)?;
        let history_paths = [read_path(&mut input)?, read_path(&mut input)?];
        input.finish()?;
        Ok(Self {
            shape,
            old,
            new,
            header,
            deposits,
            slots,
            nullifier_subtree_path,
            note_subtree_path,
            history_paths,
        })
    }
}

fn write_state(out: &mut Writer, state: &State) {
    out.elements([&state.note_root, &state.nullifier_root, &state.history_root]);
    out.integer(state.leaf_count.into(), 8);
    out.integer(state.batch_index.into(), 8);
    out.integer(state.deposit_count.into(), 8);
}

fn read_state(input: &mut Reader<'_>) -> Result<State, CodecError> {
    Ok(State {
        note_root: input.element("note root")?,
        nullifier_root: input.element("nullifier root")?,
        history_root: input.element("history root")?,
        leaf_count: input.u64()?,
        batch_index: input.u64()?,
        deposit_count: input.u64()?,
    })
}

fn write_path(out: &mut Writer, path: &MerklePath<DEPTH>) {
    out.integer(path.index.into(), 8);
    out.elements(path.siblings.as_flattened());
}

fn read_path(input: &mut Reader<'_>) -> Result<MerklePath<DEPTH>, CodecError> {
    let index = input.u64()?;
    let mut siblings = [[Fr::from(0u64); 3]; DEPTH];
    for level in &mut siblings {
        *level = input.elements("path")?;
    }
    Ok(MerklePath { index, siblings })
}

fn read_siblings(input: &mut Reader<'_>, levels: usize) -> Result<Vec<[Fr; 3]>, CodecError> {
    (0..levels)
        .map(|_| input.elements("subtree path"))
        .collect()
}

fn read_slot(input: &mut Reader<'_>) -> Result<SlotWitness, CodecError> {
    Ok(SlotWitness {
        active: input.flag("active")?,
        words: input.elements("words")?,
        anchor_path: read_path(input)?,
        links: [read_link(input)?, read_link(input)?, read_link(input)?],
    })
}

fn read_link(input: &mut Reader<'_>) -> Result<LinkWitness, CodecError> {
    Ok(LinkWitness {
        low_value: input.element("low value")?,
        low_next: input.element("low next")?,
        hint: input.element("hint")?,
        path: read_path(input)?,
    })
}
