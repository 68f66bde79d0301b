//! Size of the circuit for a shape, pinned by `cells.json`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use subrosa_protocol::batch::Shape;

use crate::circuit::BatchCircuit;
use crate::client::ClientKey;
use crate::config::{PIECES, TABLE_BITS};
use crate::layout::Blank;
use crate::schedule::COLUMNS;

/// Rows, cells and gadgets of the circuit of one shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Number of transaction slots.
    pub slots: usize,
    /// log₂ of the number of rows.
    pub k: u32,
    /// Rows of permutations, counted from the top.
    pub permutation_rows: usize,
    /// Rows of arithmetic and ranges, counted from the bottom.
    pub arithmetic_rows: usize,
    /// Rows of values modulo q, counted from the top of columns of their own.
    pub foreign_rows: usize,
    /// Cells of all rows in use: the general columns of permutations, arithmetic and ranges, the
    /// pieces and evaluations of values modulo q, and the full height of the three columns of the
    /// multiset argument.
    pub area: usize,
    /// Cells of this area that the clients' proofs take.
    pub proofs_area: usize,
    /// Number of advice cells written.
    pub cells: usize,
    /// Number of advice cells that are copies of other cells.
    pub copies: usize,
    /// Number of Poseidon permutations.
    pub permutations: usize,
    /// Number of looked-up pieces of 13 bits.
    pub lookups: usize,
    /// Number of rows with an arithmetic gate.
    pub arithmetic: usize,
    /// Number of arithmetic rows that hold a weighted product.
    pub weighted: usize,
    /// Number of cells written for each part of the statement.
    pub parts: Vec<(String, usize)>,
}

impl Counts {
    /// Bits of the lookup table.
    pub const TABLE_BITS: usize = TABLE_BITS;

    /// Measures the circuit of a shape.
    ///
    /// # Panics
    /// If the circuit does not fit its number of rows; a test excludes this for each shape.
    pub fn of(shape: Shape, key: Arc<ClientKey>) -> Counts {
        let mut sheet = Blank;
        let written = BatchCircuit::blank(shape, key)
            .write(&mut sheet)
            .expect("the circuit of each shape fits its rows");
        let census = written.layout.census();
        let (top, bottom) = written.layout.rows();
        let foreign = written.layout.foreign_height();
        let multiset = 3 << BatchCircuit::k(shape);
        let own = (PIECES + 1) * foreign + multiset;
        let (before_top, before_bottom) = written.transition_rows;
        Counts {
            slots: shape.slots(),
            k: BatchCircuit::k(shape),
            permutation_rows: top,
            arithmetic_rows: bottom,
            foreign_rows: foreign,
            area: (top + bottom) * COLUMNS + own,
            proofs_area: (top - before_top + bottom - before_bottom) * COLUMNS + own,
            cells: census.cells(),
            copies: census.copies,
            permutations: census.permutations,
            lookups: census.lookups,
            arithmetic: census.arithmetic,
            weighted: census.weighted,
            parts: written
                .parts
                .cells
                .iter()
                .map(|(name, cells)| (name.to_string(), *cells))
                .collect(),
        }
    }
}
