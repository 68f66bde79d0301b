//! The arithmetic gate. One row computes `cell5 = cell1·(c1·cell2 + c2·cell3) + c3·cell3 + c4·cell4
//! + c5 + c6·cell6 + c7·cell7 + c8·cell8`.

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

use crate::config::Step;
use crate::layout::{Layout, Wire};

/// Destination of a row's result: a new cell, or a copy of an existing wire.
enum Result {
    New,
    Equal(Wire),
}

/// Product terms of one row: `first·(c1·second + c2·third)`.
struct Product {
    first: Wire,
    second: Wire,
    third: Option<Wire>,
    weights: [Fr; 3],
}

/// Cells that take linear terms; the coefficient is in the constant column of the same number.
const LINEAR: [usize; 5] = [3, 4, 6, 7, 8];

impl Layout<'_> {
    fn gate(
        &mut self,
        product: Option<Product>,
        linear: &[(Fr, Wire)],
        constant: Fr,
        result: Result,
    ) -> Wire {
        let row = self.arithmetic_row();
        self.step(row, Step::Arithmetic);
        let mut value = constant;
        self.constant_cell(5, row, constant);
        let mut places = &LINEAR[..];
        if let Some(product) = product {
            let first = self.copy(1, row, product.first);
            let second = self.copy(2, row, product.second);
            let [c1, c2, c3] = product.weights;
            self.constant_cell(1, row, c1);
            value += first.value * c1 * second.value;
            if let Some(third) = product.third {
                let third = self.copy(3, row, third);
                self.constant_cell(2, row, c2);
                self.constant_cell(3, row, c3);
                value += (first.value * c2 + c3) * third.value;
                places = &LINEAR[1..];
            }
        }
        assert!(linear.len() <= places.len(), "one row holds few terms");
        for (&place, &(weight, wire)) in places.iter().zip(linear) {
            let wire = self.copy(place, row, wire);
            self.constant_cell(place, row, weight);
            value += weight * wire.value;
        }
        match result {
            Result::New => self.derived(5, row, value),
            Result::Equal(wire) => self.copy(5, row, wire),
        }
    }

    /// Returns a wire with a fixed value.
    pub(crate) fn constant(&mut self, value: Fr) -> Wire {
        self.gate(None, &[], value, Result::New)
    }

    fn fold<'t>(&mut self, terms: &'t [(Fr, Wire)]) -> (Option<Wire>, &'t [(Fr, Wire)]) {
        let mut rest = terms;
        let mut sum: Option<Wire> = None;
        // Five terms fit into one row. Longer sums carry a partial sum from row to row.
        while rest.len() + usize::from(sum.is_some()) > LINEAR.len() {
            let take = LINEAR.len() - usize::from(sum.is_some());
            let mut row: Vec<(Fr, Wire)> = sum.iter().map(|wire| (Fr::ONE, *wire)).collect();
            row.extend_from_slice(&rest[..take]);
            sum = Some(self.gate(None, &row, Fr::ZERO, Result::New));
            rest = &rest[take..];
        }
        (sum, rest)
    }

    fn last_row(&mut self, terms: &[(Fr, Wire)], constant: Fr, result: Result) -> Wire {
        let (sum, rest) = self.fold(terms);
        let mut row: Vec<(Fr, Wire)> = sum.iter().map(|wire| (Fr::ONE, *wire)).collect();
        row.extend_from_slice(rest);
        self.gate(None, &row, constant, result)
    }

    /// Returns Σ weightᵢ·wireᵢ + constant.
    pub(crate) fn linear(&mut self, terms: &[(Fr, Wire)], constant: Fr) -> Wire {
        self.last_row(terms, constant, Result::New)
    }

    /// Constrains `out` to Σ weightᵢ·wireᵢ + constant.
    pub(crate) fn assert_linear(&mut self, terms: &[(Fr, Wire)], constant: Fr, out: Wire) {
        self.last_row(terms, constant, Result::Equal(out));
    }

    /// Constrains `value` and `expected` to be equal.
    pub(crate) fn assert_equal(&mut self, value: Wire, expected: Wire) {
        self.assert_linear(&[(Fr::ONE, value)], Fr::ZERO, expected);
    }

    /// Constrains a·b to equal `expected`.
    pub(crate) fn assert_product(&mut self, a: Wire, b: Wire, expected: Wire) {
        self.gate(Some(product(a, b)), &[], Fr::ZERO, Result::Equal(expected));
    }

    /// Returns weight·a·b + Σ weightᵢ·wireᵢ + constant, with at most five linear terms.
    pub(crate) fn combine(
        &mut self,
        (weight, a, b): (Fr, Wire, Wire),
        linear: &[(Fr, Wire)],
        constant: Fr,
    ) -> Wire {
        let mut product = product(a, b);
        product.weights[0] = weight;
        self.gate(Some(product), linear, constant, Result::New)
    }

    /// Returns flag·(a − b) − flag: how many integers lie between b and a if `flag` is 1, else 0.
    pub(crate) fn between_if(&mut self, flag: Wire, a: Wire, b: Wire) -> Wire {
        let product = Product {
            first: flag,
            second: a,
            third: Some(b),
            weights: [Fr::ONE, -Fr::ONE, Fr::ZERO],
        };
        self.gate(Some(product), &[(-Fr::ONE, flag)], Fr::ZERO, Result::New)
    }

    /// Returns a·b.
    pub(crate) fn mul(&mut self, a: Wire, b: Wire) -> Wire {
        self.mul_add(a, b, None)
    }

    /// Returns a·b + c.
    pub(crate) fn mul_add(&mut self, a: Wire, b: Wire, c: Option<Wire>) -> Wire {
        let product = product(a, b);
        let linear: Vec<(Fr, Wire)> = c.iter().map(|wire| (Fr::ONE, *wire)).collect();
        self.gate(Some(product), &linear, Fr::ZERO, Result::New)
    }

    /// Returns c − a·b.
    pub(crate) fn sub_mul(&mut self, c: Wire, a: Wire, b: Wire) -> Wire {
        let mut product = product(a, b);
        product.weights[0] = -Fr::ONE;
        self.gate(Some(product), &[(Fr::ONE, c)], Fr::ZERO, Result::New)
    }

    /// Returns `yes` if `flag` is 1 and `no` if it is 0. Another constraint must make `flag` a bit.
    pub(crate) fn choose(&mut self, flag: Wire, yes: Wire, no: Wire) -> Wire {
        self.gate(Some(choice(flag, yes, no)), &[], Fr::ZERO, Result::New)
    }

    /// Constrains `value` to equal `expected` if `flag` is 1; has no effect if `flag` is 0.
    pub(crate) fn assert_equal_if(&mut self, flag: Wire, value: Wire, expected: Wire) {
        self.gate(
            Some(choice(flag, value, expected)),
            &[],
            Fr::ZERO,
            Result::Equal(expected),
        );
    }

    /// Constrains `value` to be 0 if `flag` is 0.
    pub(crate) fn assert_zero_unless(&mut self, flag: Wire, value: Wire) {
        self.assert_product(flag, value, value);
    }

    /// Constrains `flag` to be 0 or 1, and to be 0 unless the bit `bound` is 1.
    pub(crate) fn assert_flag(&mut self, flag: Wire, bound: Option<Wire>) {
        self.assert_zero_unless(flag, flag);
        if let Some(bound) = bound {
            self.assert_zero_unless(bound, flag);
        }
    }
}

/// Returns the product a·b.
fn product(a: Wire, b: Wire) -> Product {
    Product {
        first: a,
        second: b,
        third: None,
        weights: [Fr::ONE, Fr::ZERO, Fr::ZERO],
    }
}

/// Returns the product flag·(yes − no) + no.
fn choice(flag: Wire, yes: Wire, no: Wire) -> Product {
    Product {
        first: flag,
        second: yes,
        third: Some(no),
        weights: [Fr::ONE, -Fr::ONE, Fr::ONE],
    }
}
