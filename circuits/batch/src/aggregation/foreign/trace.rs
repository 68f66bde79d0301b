//! Values and identities modulo q, recorded while they are computed.
//!
//! A [`Trace`] is a list of [`Segment`]s. Segments are recorded independently, and segments of
//! different proofs in parallel. The structure of a segment depends only on its place in the list;
//! key generation, which has no witness, therefore records the same structure.

use ark_bn254::Fq;
use ark_ff::AdditiveGroup;

use crate::aggregation::foreign::limbs::{LIMBS, Limbs, limbs_of};

/// Source of an operand of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operand {
    /// The integer 0.
    Zero,
    /// A recorded value.
    Value {
        /// Number of its segment.
        segment: u16,
        /// Index in the segment.
        index: u32,
    },
    /// A constant of the circuit, by its index in [`Constants`].
    Constant(u32),
    /// An option selected by digits of a scalar.
    Chosen {
        /// Number of its segment.
        segment: u16,
        /// Index in the segment.
        index: u32,
    },
}

/// An element of 𝔽_q and where it is recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Felt {
    /// Value under this witness.
    pub(crate) value: Fq,
    /// Source of the element in a trace.
    pub(crate) at: Operand,
}

/// The integer 0.
pub(crate) const ZERO: Felt = Felt {
    value: Fq::ZERO,
    at: Operand::Zero,
};

/// An element of 𝔽_q² = 𝔽_q\[u\]/(u² + 1).
pub(crate) type Felt2 = [Felt; 2];

/// Binary digits of a window of a scalar: three select among eight elements, the fourth negates.
pub(crate) const DIGITS: usize = 4;

/// One binary digit of a recorded scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bit {
    /// Number of the scalar.
    pub(crate) scalar: usize,
    /// Window of the scalar, least significant first.
    pub(crate) window: usize,
    /// Digit within the window.
    pub(crate) place: usize,
}

/// A selection of one of eight elements, possibly negated as an integer.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    /// Elements to select from; bit i of the index is digit i.
    pub(crate) options: [Operand; 8],
    /// The three digits of the index.
    pub(crate) digits: [Bit; 3],
    /// Digit that negates the element, if any.
    pub(crate) sign: Option<Bit>,
    /// Index under this witness.
    pub(crate) index: usize,
    /// Whether the element is negated under this witness.
    pub(crate) negative: bool,
}

/// One row of an identity:
/// u₀·(p₀·a₀b₀ + p₁·a₁b₁ + l₀·d₀ + l₁·d₁ + c) + u₁·(p₂·(a₀b₁ + a₁b₀) + l₂·d₁).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// p₀, p₁, p₂.
    pub(crate) products: [i8; 3],
    /// l₀, l₁, l₂.
    pub(crate) linear: [i8; 3],
    /// c.
    pub(crate) constant: i8,
    /// a₀, a₁.
    pub(crate) a: [Operand; 2],
    /// b₀, b₁.
    pub(crate) b: [Operand; 2],
    /// d₀, d₁.
    pub(crate) d: [Operand; 2],
}

impl Row {
    const EMPTY: Row = Row {
        products: [0; 3],
        linear: [0; 3],
        constant: 0,
        a: [Operand::Zero; 2],
        b: [Operand::Zero; 2],
        d: [Operand::Zero; 2],
    };

    /// Returns Σ |c| over the products, summed over both identities of 𝔽_q².
    pub(crate) fn weight(&self) -> u64 {
        let [p0, p1, p2] = self.products.map(|p| u64::from(p.unsigned_abs()));
        p0 + p1 + 2 * p2
    }

    /// Returns Σ |c| over the linear terms.
    pub(crate) fn linear_weight(&self) -> u64 {
        let weights = self.linear.map(|c| u64::from(c.unsigned_abs()));
        weights.iter().sum()
    }
}

/// Consecutive rows that sum to 0 modulo q, with one weight a coordinate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    /// First row.
    pub(crate) first: usize,
    /// Number of rows.
    pub(crate) rows: usize,
    /// Number of coordinates: 1 in 𝔽_q, 2 in 𝔽_q².
    pub(crate) weights: usize,
}

/// Values and identities that are recorded together.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    number: u16,
    /// Values.
    pub(crate) values: Vec<Limbs>,
    /// Whether the limbs of a value are needed as cells.
    pub(crate) exposed: Vec<bool>,
    /// Selections.
    pub(crate) chosen: Vec<Chosen>,
    /// Rows of identities.
    pub(crate) rows: Vec<Row>,
    /// Identities.
    pub(crate) identities: Vec<Identity>,
    /// Index of the first identity that does not hold under this witness.
    pub(crate) broken: Option<usize>,
}

impl Segment {
    /// Creates an empty segment with its number in the trace.
    pub(crate) fn new(number: usize) -> Segment {
        Segment {
            number: u16::try_from(number).expect("a trace has few segments"),
            values: Vec::new(),
            exposed: Vec::new(),
            chosen: Vec::new(),
            rows: Vec::new(),
            identities: Vec::new(),
            broken: None,
        }
    }

    fn push(&mut self, value: Fq, exposed: bool) -> Felt {
        self.limbs(limbs_of(&value), value, exposed)
    }

    /// Records a value in a given representation.
    pub(crate) fn limbs(&mut self, limbs: Limbs, value: Fq, exposed: bool) -> Felt {
        let index = u32::try_from(self.values.len()).expect("a segment has few values");
        self.values.push(limbs);
        self.exposed.push(exposed);
        Felt {
            value,
            at: Operand::Value {
                segment: self.number,
                index,
            },
        }
    }

    /// Records a value; identities must determine it.
    pub(crate) fn value(&mut self, value: Fq) -> Felt {
        self.push(value, false)
    }

    /// Records a value whose limbs are cells.
    pub(crate) fn exposed(&mut self, value: Fq) -> Felt {
        self.push(value, true)
    }

    /// Records an element of 𝔽_q².
    pub(crate) fn value2(&mut self, value: &ark_bn254::Fq2) -> Felt2 {
        [self.value(value.c0), self.value(value.c1)]
    }

    /// Records a selection among `options`.
    pub(crate) fn choose(
        &mut self,
        options: &[Felt; 8],
        digits: [Bit; 3],
        sign: Option<Bit>,
        index: usize,
        negative: bool,
    ) -> Felt {
        let place = u32::try_from(self.chosen.len()).expect("a segment has few selections");
        self.chosen.push(Chosen {
            options: options.map(|option| option.at),
            digits,
            sign,
            index,
            negative,
        });
        let value = options[index].value;
        Felt {
            value: if negative { -value } else { value },
            at: Operand::Chosen {
                segment: self.number,
                index: place,
            },
        }
    }

    /// Records the identity Σ c·a·b + Σ c·d + constant ≡ 0 in 𝔽_q.
    pub(crate) fn zero(
        &mut self,
        products: &[(i8, Felt, Felt)],
        linear: &[(i8, Felt)],
        constant: i8,
    ) {
        let count = products.len().div_ceil(2).max(linear.len().div_ceil(2));
        let first = self.rows.len();
        self.rows.resize(first + count, Row::EMPTY);
        self.rows[first].constant = constant;
        let mut sum = small(constant);
        for (i, (c, a, b)) in products.iter().enumerate() {
            let row = &mut self.rows[first + i / 2];
            row.products[i % 2] = *c;
            row.a[i % 2] = a.at;
            row.b[i % 2] = b.at;
            sum += small(*c) * a.value * b.value;
        }
        for (i, (c, d)) in linear.iter().enumerate() {
            let row = &mut self.rows[first + i / 2];
            row.linear[i % 2] = *c;
            row.d[i % 2] = d.at;
            sum += small(*c) * d.value;
        }
        self.identity(first, count, 1, sum == Fq::ZERO);
    }

    /// Records the identity Σ c·a·b + Σ c·d ≡ 0 in 𝔽_q².
    pub(crate) fn zero2(&mut self, products: &[(i8, Felt2, Felt2)], linear: &[(i8, Felt2)]) {
        let count = products.len().max(linear.len());
        let first = self.rows.len();
        self.rows.resize(first + count, Row::EMPTY);
        let mut sum = ark_bn254::Fq2::ZERO;
        for (row, (c, a, b)) in self.rows[first..].iter_mut().zip(products) {
            row.products = [*c, -c, *c];
            row.a = a.map(|felt| felt.at);
            row.b = b.map(|felt| felt.at);
            sum += element2(a) * element2(b) * small2(*c);
        }
        for (row, (c, d)) in self.rows[first..].iter_mut().zip(linear) {
            row.linear = [*c, 0, *c];
            row.d = d.map(|felt| felt.at);
            sum += element2(d) * small2(*c);
        }
        self.identity(first, count, 2, sum == ark_bn254::Fq2::ZERO);
    }

    fn identity(&mut self, first: usize, rows: usize, weights: usize, holds: bool) {
        if !holds && self.broken.is_none() {
            self.broken = Some(self.identities.len());
        }
        self.identities.push(Identity {
            first,
            rows,
            weights,
        });
    }
}

/// Converts a small integer to an element of 𝔽_q.
pub(crate) fn small(value: i8) -> Fq {
    let magnitude = Fq::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

fn small2(value: i8) -> ark_bn254::Fq2 {
    ark_bn254::Fq2::new(small(value), Fq::ZERO)
}

/// Returns the value of an element of 𝔽_q².
pub(crate) fn element2(felt: &Felt2) -> ark_bn254::Fq2 {
    ark_bn254::Fq2::new(felt[0].value, felt[1].value)
}

/// Constants of 𝔽_q that a circuit fixes, each listed once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Constants {
    values: Vec<Fq>,
    places: std::collections::HashMap<Fq, u32>,
}

impl Constants {
    /// Returns the element as a constant.
    pub(crate) fn of(&mut self, value: Fq) -> Felt {
        if value == Fq::ZERO {
            return ZERO;
        }
        let values = &mut self.values;
        let place = *self.places.entry(value).or_insert_with(|| {
            values.push(value);
            values.len() as u32 - 1
        });
        Felt {
            value,
            at: Operand::Constant(place),
        }
    }

    /// Returns the element of 𝔽_q² as two constants.
    pub(crate) fn of2(&mut self, value: &ark_bn254::Fq2) -> Felt2 {
        [self.of(value.c0), self.of(value.c1)]
    }

    /// Returns all constants in order.
    pub(crate) fn values(&self) -> &[Fq] {
        &self.values
    }
}

/// A complete recording.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    /// Segments, in the order of their numbers.
    pub(crate) segments: Vec<Segment>,
    /// Limbs of the constants.
    pub(crate) constants: Vec<Limbs>,
    /// Number of values before each segment.
    offsets: Vec<usize>,
}

impl Trace {
    /// Joins segments.
    ///
    /// # Panics
    /// If a segment's number is not its place in the list, which is a defect.
    pub(crate) fn new(segments: Vec<Segment>, constants: &Constants) -> Trace {
        let mut offsets = Vec::with_capacity(segments.len() + 1);
        let mut values = 0;
        for (place, segment) in segments.iter().enumerate() {
            assert_eq!(usize::from(segment.number), place, "segments in order");
            offsets.push(values);
            values += segment.values.len();
        }
        offsets.push(values);
        Trace {
            segments,
            constants: constants.values().iter().map(limbs_of).collect(),
            offsets,
        }
    }

    /// Returns the number of values.
    pub(crate) fn len(&self) -> usize {
        self.offsets[self.segments.len()]
    }

    /// Returns the index of a value among all values.
    pub(crate) fn place(&self, segment: u16, index: u32) -> usize {
        self.offsets[usize::from(segment)] + index as usize
    }

    /// Returns the values in order, each with whether its limbs are exposed.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&Limbs, bool)> {
        self.segments
            .iter()
            .flat_map(|segment| segment.values.iter().zip(segment.exposed.iter().copied()))
    }

    /// Returns the integer polynomial of an operand.
    pub(crate) fn limbs(&self, operand: Operand) -> [i64; LIMBS] {
        match operand {
            Operand::Zero => [0; LIMBS],
            Operand::Constant(place) => self.constants[place as usize].map(|limb| limb as i64),
            Operand::Value { segment, index } => {
                self.segments[usize::from(segment)].values[index as usize].map(|limb| limb as i64)
            }
            Operand::Chosen { segment, index } => {
                let chosen = &self.segments[usize::from(segment)].chosen[index as usize];
                let limbs = self.limbs(chosen.options[chosen.index]);
                if chosen.negative {
                    limbs.map(|limb| -limb)
                } else {
                    limbs
                }
            }
        }
    }
}
