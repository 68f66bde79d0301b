//! Points of G1 in affine coordinates, by hinted slopes.
//!
//! The formulas are incomplete: equal or opposite points leave a slope unconstrained. Each caller
//! states why its points are neither.

use ark_bn254::Fq;
use ark_ff::{AdditiveGroup, Field};

use crate::aggregation::foreign::trace::{Bit, Felt, Segment};
use crate::aggregation::pairing::scalar::Scalar;

/// A point that is not the identity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    /// x.
    pub(crate) x: Felt,
    /// y.
    pub(crate) y: Felt,
}

/// The multiples d·P + e·φ(P) for |d|, |e| ∈ {1, 3} and d > 0. Bit 0 of the index means |d| = 3,
/// bit 1 means e < 0, bit 2 means |e| = 3.
pub(crate) type Table = [Point; 8];

/// A table and the multiplier that selects from it.
pub(crate) struct Term<'a> {
    /// Table of multiples.
    pub(crate) table: &'a Table,
    /// Multiplier.
    pub(crate) scalar: &'a Scalar,
    /// Number of the multiplier among all multipliers.
    pub(crate) number: usize,
}

fn ratio(numerator: Fq, denominator: Fq) -> Fq {
    // Only the blank witness of key generation has no inverse here.
    numerator * denominator.inverse().unwrap_or_default()
}

impl Segment {
    /// Records y² = x³ + 3.
    pub(crate) fn on_curve(&mut self, point: &Point) {
        let square = self.value(point.x.value.square());
        self.zero(&[(1, point.x, point.x)], &[(-1, square)], 0);
        self.zero(&[(1, point.y, point.y), (-1, square, point.x)], &[], -3);
    }

    /// Records 2·P; P has odd order.
    pub(crate) fn double(&mut self, p: &Point) -> Point {
        let (x, y) = (p.x.value, p.y.value);
        let slope = self.value(ratio(x.square() * Fq::from(3u64), y.double()));
        self.zero(&[(2, slope, p.y), (-3, p.x, p.x)], &[], 0);
        let x3 = self.value(slope.value.square() - x.double());
        self.zero(&[(1, slope, slope)], &[(-1, x3), (-2, p.x)], 0);
        self.third(p, slope, x3)
    }

    /// Records P + s·Q for s = ±1 and P ≠ ±Q.
    pub(crate) fn add(&mut self, p: &Point, q: &Point, s: i8) -> Point {
        let (slope, x3) = self.chord(p, q, s);
        self.third(p, slope, x3)
    }

    /// Records slope and third x of the line through P and s·Q.
    fn chord(&mut self, p: &Point, q: &Point, s: i8) -> (Felt, Felt) {
        let qy = if s < 0 { -q.y.value } else { q.y.value };
        let slope = self.value(ratio(p.y.value - qy, p.x.value - q.x.value));
        let products = [(1, slope, p.x), (-1, slope, q.x)];
        self.zero(&products, &[(-1, p.y), (s, q.y)], 0);
        let x3 = self.value(slope.value.square() - p.x.value - q.x.value);
        self.zero(&[(1, slope, slope)], &[(-1, x3), (-1, p.x), (-1, q.x)], 0);
        (slope, x3)
    }

    /// Records the sum, given slope and x₃: y₃ = slope·(x − x₃) − y.
    fn third(&mut self, p: &Point, slope: Felt, x3: Felt) -> Point {
        let y3 = self.value(slope.value * (p.x.value - x3.value) - p.y.value);
        let products = [(1, slope, p.x), (-1, slope, x3)];
        self.zero(&products, &[(-1, p.y), (-1, y3)], 0);
        Point { x: x3, y: y3 }
    }

    /// Records (P + Q) + P without the y of P + Q, for P ≠ ±Q and P + Q ≠ ±P.
    fn add_twice(&mut self, p: &Point, q: &Point) -> Point {
        let (first, middle) = self.chord(p, q, 1);
        // Slope of the line through P + Q and P: −first − 2y/(x_(P+Q) − x).
        let step = ratio(p.y.value.double(), middle.value - p.x.value);
        let slope = self.value(-first.value - step);
        let products = [
            (1, first, middle),
            (1, slope, middle),
            (-1, first, p.x),
            (-1, slope, p.x),
        ];
        self.zero(&products, &[(2, p.y)], 0);
        let x3 = self.value(slope.value.square() - p.x.value - middle.value);
        self.zero(
            &[(1, slope, slope)],
            &[(-1, x3), (-1, p.x), (-1, middle)],
            0,
        );
        self.third(p, slope, x3)
    }

    /// Records φ(P) = (β·x, y).
    fn endomorphism(&mut self, p: &Point, beta: Felt) -> Point {
        let x = self.value(p.x.value * beta.value);
        self.zero(&[(1, p.x, beta)], &[(-1, x)], 0);
        Point { x, y: p.y }
    }

    /// Records the table of P, a point of order r. No addition here is exceptional: the summands
    /// are (s + t·λ)·P for different (s, t) whose difference and sum are shorter than the lattice's
    /// vectors.
    pub(crate) fn table(&mut self, p: &Point, beta: Felt) -> Table {
        let two = self.double(p);
        let three = self.add(&two, p, 1);
        let base = [*p, three];
        let image = base.map(|point| self.endomorphism(&point, beta));
        std::array::from_fn(|index| {
            let sign = if index & 2 == 0 { 1 } else { -1 };
            self.add(&base[index & 1], &image[index >> 2], sign)
        })
    }

    /// Records the multiple that a window selects.
    pub(crate) fn select(&mut self, term: &Term<'_>, window: usize) -> Point {
        let [three, minus, e_three, negative] = term.scalar.windows[window];
        let index = usize::from(three) + 2 * usize::from(minus) + 4 * usize::from(e_three);
        let bit = |place| Bit {
            scalar: term.number,
            window,
            place,
        };
        let digits = [bit(0), bit(1), bit(2)];
        let x = term.table.map(|point| point.x);
        let y = term.table.map(|point| point.y);
        Point {
            x: self.choose(&x, digits, None, index, false),
            y: self.choose(&y, digits, Some(bit(3)), index, negative),
        }
    }

    /// Records Σ scalarᵢ·Pᵢ over one or two bases.
    ///
    /// For a random multiplier no addition is exceptional, by parity (see the module `scalar`). The
    /// digits of Σrᵢ are the prover's choice among those of one value, and long enough for a prefix
    /// to reach the lattice. But a prefix that makes an addition exceptional in the last windows
    /// forces Σrᵢ ≡ s + t·λ with small odd s and t. Over an even number of slots, Σrᵢ is s + t·λ
    /// with small *even* s and t. With two bases, an exceptional addition needs the same of the
    /// first base.
    pub(crate) fn multiply(&mut self, terms: &[Term<'_>]) -> Point {
        let windows = terms[0].scalar.windows.len();
        let mut sum = self.select(&terms[0], windows - 1);
        for term in &terms[1..] {
            let point = self.select(term, windows - 1);
            sum = self.add(&sum, &point, 1);
        }
        for window in (0..windows - 1).rev() {
            sum = self.double(&sum);
            let point = self.select(&terms[0], window);
            sum = self.add_twice(&sum, &point);
            for term in &terms[1..] {
                let point = self.select(term, window);
                sum = self.add(&sum, &point, 1);
            }
        }
        sum
    }

    /// Records Σ scalarᵢ·Pᵢ + H for many points of the prover's choice. The ladder starts at H, a
    /// point that is drawn after them, and every window subtracts 3·H again. Every point that is
    /// added to a sum therefore differs from it by a multiple of H.
    pub(crate) fn sum(&mut self, terms: &[Term<'_>], offset: &Point) -> Point {
        let windows = terms[0].scalar.windows.len();
        let two = self.double(offset);
        let three = self.add(&two, offset, 1);
        let mut sum = *offset;
        for window in (0..windows).rev() {
            if window + 1 < windows {
                sum = self.double(&sum);
                sum = self.double(&sum);
                sum = self.add(&sum, &three, -1);
            }
            for term in terms {
                let point = self.select(term, window);
                sum = self.add(&sum, &point, 1);
            }
        }
        sum
    }
}
