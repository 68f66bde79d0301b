//! Writes a trace into the circuit, in three steps.
//!
//! [`Emitter::place`] writes pieces and their multiplicities; from then on the limbs of exposed
//! values are cells. [`Emitter::divide`] needs the weights and writes the quotient and carries of
//! every group. [`Emitter::check`] needs σ and writes evaluations, the multiset argument and the
//! groups.

use std::collections::HashMap;

use halo2curves::bn256::Fr;
use halo2curves::ff::BatchInvert;
use halo2curves::ff::Field;

use crate::aggregation::foreign::bounds::{
    CARRIES, CARRY_BITS, CARRY_OFFSET_BITS, QUOTIENT_LIMBS, QUOTIENT_OFFSET_BITS,
};
use crate::aggregation::foreign::group::{
    Division, Group, divide_all, groups, modulus_limbs, weights,
};
use crate::aggregation::foreign::limbs::{LIMB_BITS, LIMBS, PACKED, integer, pieces};
use crate::aggregation::foreign::trace::{Bit, Chosen, DIGITS, Felt, Operand, Row, Trace};
use crate::config::{Foreign, INSTANCES, PIECES, TABLE_BITS, column};
use crate::convert::power_of_two;
use crate::layout::{Hint, Layout, Selector, Wire};
use crate::rules::Rule;

/// First row of the multiset argument, below the instances.
const LIVE: usize = INSTANCES + 1;
/// First row of the first value; the boundary takes two rows.
const FIRST: usize = LIVE + 2;

/// Quotient and carries of a group as cells, offsets included.
struct DivisionWires {
    quotient: [Wire; QUOTIENT_LIMBS],
    carries: [Wire; CARRIES],
}

/// Writer of one trace.
pub(crate) struct Emitter<'t> {
    trace: &'t Trace,
    groups: Vec<Group>,
    pieces: Vec<[u64; PIECES]>,
    /// Number of occurrences of each table entry among the pieces.
    multiplicities: Vec<u64>,
    divisions: Vec<DivisionWires>,
}

/// Binary digits of all scalars, as cells.
pub(crate) type Digits = Vec<Vec<[Wire; DIGITS]>>;

/// Operands as wires, once σ is known.
struct Operands<'t> {
    trace: &'t Trace,
    powers: Vec<Wire>,
    digits: &'t Digits,
    values: Vec<Wire>,
    cache: HashMap<Operand, Wire>,
}

impl<'t> Emitter<'t> {
    /// Writes the columns that ζ is drawn from (the pieces of all values and their multiplicities)
    /// and the limbs of exposed values.
    pub(crate) fn place(layout: &mut Layout<'_>, trace: &'t Trace) -> Emitter<'t> {
        let rows = layout.height() - 2;
        let mut all = vec![[0; PIECES]; rows];
        for (number, (limbs, exposed)) in trace.values().enumerate() {
            for (i, limb) in limbs.iter().enumerate() {
                let row = FIRST + LIMBS * number + i;
                let pieces = pieces(*limb);
                // The layout's own count refuses a circuit that does not fit.
                let Some(place) = all.get_mut(row) else {
                    continue;
                };
                *place = pieces;
                for (place, piece) in pieces.iter().enumerate() {
                    layout.hint(column::PIECE + place, row, Fr::from(*piece), Hint::Piece);
                }
                if exposed {
                    layout.select(Selector::Foreign, row, Fr::from(Foreign::Limb as u64));
                    layout.derived(column::EVALUATION, row, Fr::from(*limb));
                }
            }
        }
        // Rows without a value hold the integer 0, which counts like any other piece.
        let used = FIRST + LIMBS * trace.len();
        for row in (LIVE..FIRST).chain(used..rows) {
            for place in 0..PIECES {
                layout.hint(column::PIECE + place, row, Fr::ZERO, Hint::Piece);
            }
        }
        layout.foreign_rows(used);
        let mut multiplicities = vec![0u64; 1 << TABLE_BITS];
        for piece in all[LIVE..].iter().flatten() {
            multiplicities[*piece as usize] += 1;
        }
        for row in LIVE..rows {
            let count = multiplicities.get(row - LIVE).copied().unwrap_or(0);
            let count = Fr::from(count);
            layout.hint(column::MULTIPLICITY, row, count, Hint::Multiplicity);
        }
        Emitter {
            trace,
            groups: groups(trace),
            pieces: all,
            multiplicities,
            divisions: Vec::new(),
        }
    }

    /// Returns the limbs of an exposed value.
    pub(crate) fn limbs(&self, value: &Felt) -> [Wire; LIMBS] {
        let Operand::Value { segment, index } = value.at else {
            panic!("only values have limbs of their own");
        };
        let first = FIRST + LIMBS * self.trace.place(segment, index);
        let limbs = self.trace.segments[usize::from(segment)].values[index as usize];
        std::array::from_fn(|i| Wire {
            value: Fr::from(limbs[i]),
            column: column::EVALUATION,
            row: first + i,
        })
    }

    /// Returns the number of weights that the groups share.
    pub(crate) fn weights(&self) -> usize {
        weights(&self.groups)
    }

    /// Writes the quotient and carries of every group and returns the words that a challenge must
    /// absorb.
    pub(crate) fn divide(&mut self, layout: &mut Layout<'_>, weights: &[Wire]) -> Vec<Wire> {
        let values: Vec<Fr> = weights.iter().map(|wire| wire.value).collect();
        let divisions: Vec<Division> = divide_all(self.trace, &self.groups, &values);
        let mut absorbed = Vec::new();
        for division in &divisions {
            let quotient = division
                .quotient
                .map(|limb| layout.ranged_hint(limb, LIMB_BITS));
            let carries = division
                .carries
                .map(|carry| layout.ranged_hint(carry, CARRY_BITS));
            absorbed.extend(pack(layout, &quotient));
            absorbed.extend(carries);
            self.divisions.push(DivisionWires { quotient, carries });
        }
        absorbed
    }

    /// Writes everything that depends on σ.
    pub(crate) fn check(
        &self,
        layout: &mut Layout<'_>,
        point: Wire,
        weights: &[Wire],
        digits: &Digits,
    ) {
        layout.rule(Rule::B16);
        self.multiset(layout, point.value);
        self.boundaries(layout, point);
        layout.rule(Rule::B19);
        let mut operands = Operands::new(layout, self.trace, point, digits);
        let end = OffsetWires::new(layout, &operands.powers);
        for (group, division) in self.groups.iter().zip(&self.divisions) {
            let right = end.right_side(layout, &operands.powers, division);
            self.group(layout, group, weights, &mut operands, right);
        }
    }

    /// Writes σ into every row, and the running sum.
    fn multiset(&self, layout: &mut Layout<'_>, point: Fr) {
        let rows = self.pieces.len();
        let mut inverses: Vec<Fr> = (0..1u64 << TABLE_BITS)
            .map(|entry| point + Fr::from(entry))
            .collect();
        inverses.iter_mut().batch_invert();
        let mut balance = Fr::ZERO;
        for row in LIVE..rows {
            let count = self.multiplicities.get(row - LIVE).copied().unwrap_or(0);
            let entry = if row - LIVE < inverses.len() {
                row - LIVE
            } else {
                0
            };
            layout.select(Selector::Live, row, Fr::ONE);
            layout.select_nonzero(Selector::Table, row, Fr::from(entry as u64));
            layout.derived(column::POINT, row, point);
            layout.derived(column::BALANCE, row, balance);
            for piece in self.pieces[row] {
                balance += inverses[piece as usize];
            }
            balance -= Fr::from(count) * inverses[entry];
        }
        layout.derived(column::POINT, rows, point);
        layout.derived(column::BALANCE, rows, balance);
    }

    /// Writes the boundary rows: σ enters at the first one, and the running sum is 0 there and at
    /// the last.
    fn boundaries(&self, layout: &mut Layout<'_>, point: Wire) {
        let zero = layout.zero();
        let last = self.pieces.len();
        for (row, next) in [(LIVE, Some(point)), (last, None)] {
            layout.select(Selector::Foreign, row, Fr::from(Foreign::Boundary as u64));
            layout.copy(column::EVALUATION, row, zero);
            match next {
                Some(point) => layout.copy(column::EVALUATION, row + 1, point),
                None => {
                    layout.derived(column::POINT, row + 1, Fr::ZERO);
                    layout.derived(column::EVALUATION, row + 1, Fr::ZERO)
                }
            };
        }
    }

    /// Writes one group: its weighted rows. The last row subtracts the right side and must leave 0.
    fn group(
        &self,
        layout: &mut Layout<'_>,
        group: &Group,
        weights: &[Wire],
        operands: &mut Operands<'_>,
        right: Wire,
    ) {
        // Selections and constants write rows of their own, so they come first.
        let mut rows = Vec::new();
        for (segment, identity, first) in &group.members {
            let all = &self.trace.segments[*segment].rows;
            for row in &all[identity.first..identity.first + identity.rows] {
                let u = [weights[*first], weights[first + identity.weights - 1]];
                let [a, b, d] = [row.a, row.b, row.d]
                    .map(|pair| pair.map(|operand| operands.wire(layout, operand)));
                rows.push((row, cells(a, b, d, u)));
            }
        }
        let (zero, one) = (layout.zero(), layout.one());
        let end = Row {
            products: [0; 3],
            linear: [-1, 0, 0],
            constant: 0,
            a: [Operand::Zero; 2],
            b: [Operand::Zero; 2],
            d: [Operand::Zero; 2],
        };
        let nothing = [zero; 2];
        rows.push((&end, cells(nothing, nothing, [right, zero], [one; 2])));
        let mut sum = Fr::ZERO;
        let last = rows.len() - 1;
        for (place, (row, cells)) in rows.into_iter().enumerate() {
            let before = (place > 0).then_some(sum);
            sum = layout.weighted_row(row, cells, before, place == last);
        }
    }
}

/// Returns the cells of a row of a group, in order.
fn cells(a: [Wire; 2], b: [Wire; 2], d: [Wire; 2], u: [Wire; 2]) -> [Wire; 8] {
    [a[0], a[1], b[0], b[1], d[0], d[1], u[0], u[1]]
}

/// Packs limbs, four an element.
pub(crate) fn pack(layout: &mut Layout<'_>, limbs: &[Wire]) -> Vec<Wire> {
    limbs
        .chunks(PACKED)
        .map(|limbs| {
            let terms: Vec<(Fr, Wire)> = limbs
                .iter()
                .enumerate()
                .map(|(i, limb)| (power_of_two(LIMB_BITS * i), *limb))
                .collect();
            layout.linear(&terms, Fr::ZERO)
        })
        .collect()
}

/// Terms that the right sides of all groups share.
struct OffsetWires {
    /// q(σ).
    modulus: Wire,
    /// 2^[`CARRY_OFFSET_BITS`]·Σ σˡ.
    carries: Wire,
    /// σ − 2⁵².
    step: Wire,
}

impl OffsetWires {
    fn new(layout: &mut Layout<'_>, powers: &[Wire]) -> OffsetWires {
        let terms: Vec<(Fr, Wire)> = modulus_limbs()
            .iter()
            .zip(powers)
            .map(|(limb, power)| (Fr::from(*limb), *power))
            .collect();
        let modulus = layout.linear(&terms, Fr::ZERO);
        let offset = power_of_two(CARRY_OFFSET_BITS);
        let terms: Vec<(Fr, Wire)> = powers[..CARRIES]
            .iter()
            .map(|power| (offset, *power))
            .collect();
        let carries = layout.linear(&terms, Fr::ZERO);
        let step = layout.linear(&[(Fr::ONE, powers[1])], -power_of_two(LIMB_BITS));
        OffsetWires {
            modulus,
            carries,
            step,
        }
    }

    /// Returns K(σ)·q(σ) + (σ − 2⁵²)·C(σ).
    fn right_side(
        &self,
        layout: &mut Layout<'_>,
        powers: &[Wire],
        division: &DivisionWires,
    ) -> Wire {
        let quotient = horner(layout, powers[1], &division.quotient);
        let top = QUOTIENT_OFFSET_BITS / LIMB_BITS;
        let offset = power_of_two(QUOTIENT_OFFSET_BITS % LIMB_BITS);
        let quotient = layout.linear(&[(Fr::ONE, quotient), (-offset, powers[top])], Fr::ZERO);
        let carries = horner(layout, powers[1], &division.carries);
        let carries = layout.linear(&[(Fr::ONE, carries), (-Fr::ONE, self.carries)], Fr::ZERO);
        let carries = layout.mul(self.step, carries);
        layout.mul_add(quotient, self.modulus, Some(carries))
    }
}

/// Returns Σ coefficientⱼ·pointʲ.
fn horner(layout: &mut Layout<'_>, point: Wire, coefficients: &[Wire]) -> Wire {
    let (last, rest) = coefficients.split_last().expect("at least one coefficient");
    rest.iter().rev().fold(*last, |sum, coefficient| {
        layout.mul_add(sum, point, Some(*coefficient))
    })
}

impl<'t> Operands<'t> {
    /// Writes the evaluations of all values that are not exposed.
    fn new(layout: &mut Layout<'_>, trace: &'t Trace, point: Wire, digits: &'t Digits) -> Self {
        let mut powers = vec![layout.one(), point];
        while powers.len() < CARRIES.max(LIMBS) {
            powers.push(layout.mul(powers[powers.len() - 1], point));
        }
        let mut values = Vec::with_capacity(trace.len());
        for (number, (limbs, exposed)) in trace.values().enumerate() {
            let first = FIRST + LIMBS * number;
            if exposed {
                let limbs: [Wire; LIMBS] = std::array::from_fn(|i| Wire {
                    value: Fr::from(limbs[i]),
                    column: column::EVALUATION,
                    row: first + i,
                });
                values.push(horner(layout, point, &limbs));
                continue;
            }
            let mut sum = Fr::ZERO;
            let mut wire = None;
            for (i, limb) in limbs.iter().enumerate().rev() {
                sum = sum * point.value + Fr::from(*limb);
                let kind = if i + 1 < LIMBS {
                    Foreign::Chained
                } else {
                    Foreign::Limb
                };
                layout.select(Selector::Foreign, first + i, Fr::from(kind as u64));
                let cell = layout.derived(column::EVALUATION, first + i, sum);
                sum = cell.value;
                wire = Some(cell);
            }
            values.push(wire.expect("a value has limbs"));
        }
        Operands {
            trace,
            powers,
            digits,
            values,
            cache: HashMap::new(),
        }
    }

    fn wire(&mut self, layout: &mut Layout<'_>, operand: Operand) -> Wire {
        match operand {
            Operand::Zero => layout.zero(),
            Operand::Value { segment, index } => self.values[self.trace.place(segment, index)],
            Operand::Constant(_) | Operand::Chosen { .. } => {
                if let Some(wire) = self.cache.get(&operand) {
                    return *wire;
                }
                let wire = match operand {
                    Operand::Chosen { segment, index } => {
                        let chosen =
                            &self.trace.segments[usize::from(segment)].chosen[index as usize];
                        self.chosen(layout, chosen)
                    }
                    _ => self.constant(layout, operand),
                };
                self.cache.insert(operand, wire);
                wire
            }
        }
    }

    fn constant(&self, layout: &mut Layout<'_>, operand: Operand) -> Wire {
        let limbs = self.trace.limbs(operand);
        let element = |limb: &i64| integer(i128::from(*limb));
        let terms: Vec<(Fr, Wire)> = limbs[1..]
            .iter()
            .zip(&self.powers[1..])
            .filter(|(limb, _)| **limb != 0)
            .map(|(limb, power)| (element(limb), *power))
            .collect();
        layout.linear(&terms, element(&limbs[0]))
    }

    fn digit(&self, bit: Bit) -> Wire {
        self.digits[bit.scalar][bit.window][bit.place]
    }

    fn chosen(&mut self, layout: &mut Layout<'_>, chosen: &Chosen) -> Wire {
        let mut options: Vec<Wire> = chosen
            .options
            .iter()
            .map(|operand| self.wire(layout, *operand))
            .collect();
        for digit in chosen.digits {
            let digit = self.digit(digit);
            options = options
                .chunks(2)
                .map(|pair| layout.choose(digit, pair[1], pair[0]))
                .collect();
        }
        match chosen.sign {
            Some(sign) => {
                let sign = self.digit(sign);
                let two = -Fr::from(2);
                layout.combine((two, sign, options[0]), &[(Fr::ONE, options[0])], Fr::ZERO)
            }
            None => options[0],
        }
    }
}

impl Layout<'_> {
    /// Writes a row of a group (see [`Row`]) with the cells of a, b, d and u, and returns the sum.
    /// `before` is the sum of the group's earlier rows, held in the row below. The last row must
    /// leave 0.
    fn weighted_row(&mut self, row: &Row, cells: [Wire; 8], before: Option<Fr>, last: bool) -> Fr {
        let at = self.arithmetic_row();
        self.count_weighted();
        self.select(Selector::Weighted, at, Fr::ONE);
        let copies = cells.map(|wire| wire.value);
        for (place, wire) in cells.into_iter().enumerate() {
            self.copy(1 + place, at, wire);
        }
        let small = |value: i8| integer(i128::from(value));
        let [p0, p1, p2] = row.products.map(small);
        let [l0, l1, l2] = row.linear.map(small);
        let constant = small(row.constant);
        let carried = if before.is_some() { Fr::ONE } else { Fr::ZERO };
        let kept = if last { Fr::ZERO } else { Fr::ONE };
        for (place, value) in [carried, p0, p1, p2, l0, l1, l2, constant, kept]
            .into_iter()
            .enumerate()
        {
            self.constant_cell(place, at, value);
        }
        let [a0, a1, b0, b1, d0, d1, u0, u1] = copies;
        let first = p0 * a0 * b0 + p1 * a1 * b1 + l0 * d0 + l1 * d1 + constant;
        let second = p2 * (a0 * b1 + a1 * b0) + l2 * d1;
        let sum = before.unwrap_or(Fr::ZERO) + u0 * first + u1 * second;
        // The gate of the last row forces its sum to be 0; there is no cell for it.
        if last {
            return Fr::ZERO;
        }
        self.derived(0, at, sum).value
    }
}
