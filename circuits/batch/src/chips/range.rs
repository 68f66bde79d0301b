//! Ranges. Running quotients in one column cut a value into 13-bit pieces: `z₀ = value, zᵢ₊₁ = (zᵢ
//! − pieceᵢ) / 2^13`. Each piece and the last quotient is looked up. If the width is not a multiple
//! of 13, the last quotient is looked up once more, scaled to fill the table.

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

use crate::config::TABLE_BITS;
use crate::convert::{bits, power_of_two};
use crate::layout::{Hint, Input, Layout, Selector, Wire};

impl Layout<'_> {
    /// Constrains `value` to `0 … 2^width − 1` as an integer. `width` is from 1 to 247, so that the
    /// recomposition cannot wrap the modulus.
    pub(crate) fn range(&mut self, value: Input, width: usize) -> Wire {
        assert!((1..=247).contains(&width), "a range below the modulus");
        let pieces = width.div_ceil(TABLE_BITS);
        let rest = width - TABLE_BITS * (pieces - 1);
        let scaled = rest < TABLE_BITS;
        let first = self.range_rows(pieces + usize::from(scaled));
        let wire = self.input(9, first, value);
        let mut last = wire;
        for piece in 0..pieces {
            let row = first + piece;
            if piece > 0 {
                let quotient = bits(&wire.value, TABLE_BITS * piece, 254 - TABLE_BITS * piece);
                last = self.hint(9, row, quotient, Hint::Ranged);
            }
            self.select(Selector::Range, row, Fr::ONE);
            if piece + 1 < pieces {
                self.constant_cell(9, row, power_of_two(TABLE_BITS));
            }
        }
        if scaled {
            let row = first + pieces;
            self.copy(9, row, last);
            self.select(Selector::Range, row, power_of_two(TABLE_BITS - rest));
        }
        wire
    }

    /// Writes a fresh witness of `width` bits.
    pub(crate) fn ranged_hint(&mut self, value: Fr, width: usize) -> Wire {
        self.range(Input::Hint(value, Hint::Ranged), width)
    }
}
