//! The layer between the gadgets and the constraint system.
//!
//! `ark-relations` stores rows. This layer adds what gadgets need around them: values that travel
//! with linear combinations, constant folding, and a record of the rule of each constraint.

use crate::Rule;
use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};
use ark_relations::gr1cs::{ConstraintSystemRef, LinearCombination, SynthesisError, Variable};
use std::ops::Range;

/// Result of a synthesis step.
pub(crate) type Synthesis<T> = Result<T, SynthesisError>;

/// A linear combination of wires and its value.
///
/// Terms are collected only while matrices are built. They stay empty for a proof, which needs only
/// the assignment. Whether a number is constant depends neither on that nor on values, so every
/// synthesis allocates the same wires.
#[derive(Clone)]
pub(crate) struct Num {
    value: Fr,
    constant: bool,
    terms: Vec<(Fr, Variable)>,
}

impl Num {
    /// Returns the value under the present assignment.
    pub(crate) fn value(&self) -> Fr {
        self.value
    }

    /// Whether no wire occurs.
    pub(crate) fn is_constant(&self) -> bool {
        self.constant
    }

    /// Returns `self + other`.
    pub(crate) fn plus(&self, other: &Num) -> Num {
        let mut sum = self.clone();
        sum.value += other.value;
        sum.constant &= other.constant;
        sum.terms.extend_from_slice(&other.terms);
        sum
    }

    /// Returns `self − other`.
    pub(crate) fn minus(&self, other: &Num) -> Num {
        let mut difference = self.clone();
        difference.value -= other.value;
        difference.constant &= other.constant;
        difference
            .terms
            .extend(other.terms.iter().map(|(c, v)| (-*c, *v)));
        difference
    }

    /// Returns `factor · self`.
    pub(crate) fn times(&self, factor: Fr) -> Num {
        Num {
            value: self.value * factor,
            constant: self.constant,
            terms: self.terms.iter().map(|(c, v)| (*c * factor, *v)).collect(),
        }
    }

    /// Returns `−self`.
    pub(crate) fn negated(&self) -> Num {
        self.times(-Fr::one())
    }

    fn combination(&self) -> LinearCombination<Fr> {
        let mut row = LinearCombination(self.terms.clone());
        row.compactify();
        row.0.retain(|(coefficient, _)| !coefficient.is_zero());
        row
    }
}

/// Writer of constraints into a constraint system; it records the rule of each.
pub(crate) struct Builder {
    cs: ConstraintSystemRef<Fr>,
    matrices: bool,
    rule: Rule,
    constraints: usize,
    spans: Vec<(Rule, Range<usize>)>,
}

impl Builder {
    /// Creates a builder on an empty constraint system.
    pub(crate) fn new(cs: ConstraintSystemRef<Fr>) -> Self {
        let matrices = cs.should_construct_matrices();
        Self {
            cs,
            matrices,
            rule: Rule::T1,
            constraints: 0,
            spans: Vec::new(),
        }
    }

    /// Sets the rule of the following constraints.
    pub(crate) fn enter(&mut self, rule: Rule) {
        self.rule = rule;
    }

    /// Returns ranges of constraint indices by rule, in the order of writing.
    pub(crate) fn into_spans(self) -> Vec<(Rule, Range<usize>)> {
        self.spans
    }

    /// Returns a constant.
    pub(crate) fn constant(&self, value: Fr) -> Num {
        let terms = if self.matrices && !value.is_zero() {
            vec![(value, Variable::One)]
        } else {
            Vec::new()
        };
        Num {
            value,
            constant: true,
            terms,
        }
    }

    /// Returns the constant one.
    pub(crate) fn one(&self) -> Num {
        self.constant(Fr::one())
    }

    fn wire(&self, value: Fr, variable: Variable) -> Num {
        let terms = if self.matrices {
            vec![(Fr::one(), variable)]
        } else {
            Vec::new()
        };
        Num {
            value,
            constant: false,
            terms,
        }
    }

    /// Creates a witness wire: a hint until a constraint binds it.
    pub(crate) fn witness(&mut self, value: Fr) -> Synthesis<Num> {
        let variable = self.cs.new_witness_variable(|| Ok(value))?;
        Ok(self.wire(value, variable))
    }

    /// Creates the public input.
    pub(crate) fn input(&mut self, value: Fr) -> Synthesis<Num> {
        let variable = self.cs.new_input_variable(|| Ok(value))?;
        Ok(self.wire(value, variable))
    }

    /// Returns Σ coefficient · number + constant; the caller knows and passes the value.
    pub(crate) fn linear<'a>(
        &self,
        constant: Fr,
        terms: impl Iterator<Item = (Fr, &'a Num)>,
        value: Fr,
    ) -> Num {
        let mut combined = Vec::new();
        if self.matrices {
            if !constant.is_zero() {
                combined.push((constant, Variable::One));
            }
            for (coefficient, number) in terms {
                combined.extend(number.terms.iter().map(|(c, v)| (*c * coefficient, *v)));
            }
        }
        Num {
            value,
            constant: false,
            terms: combined,
        }
    }

    /// Constrains a · b = c.
    pub(crate) fn enforce(&mut self, a: &Num, b: &Num, c: &Num) -> Synthesis<()> {
        let index = self.constraints;
        self.constraints += 1;
        match self.spans.last_mut() {
            Some((rule, span)) if *rule == self.rule => span.end = index + 1,
            _ => self.spans.push((self.rule, index..index + 1)),
        }
        if self.matrices {
            self.cs.enforce_r1cs_constraint(
                || a.combination(),
                || b.combination(),
                || c.combination(),
            )?;
        }
        Ok(())
    }

    /// Constrains a = b. The row lies in the third matrix alone, where it costs the prover nothing.
    pub(crate) fn equal(&mut self, a: &Num, b: &Num) -> Synthesis<()> {
        let zero = self.constant(Fr::zero());
        self.enforce(&zero, &zero, &a.minus(b))
    }

    /// Constrains a = 0.
    pub(crate) fn zero(&mut self, a: &Num) -> Synthesis<()> {
        let zero = self.constant(Fr::zero());
        self.enforce(&zero, &zero, a)
    }

    /// Returns the product: one constraint, or none if a factor is constant.
    pub(crate) fn mul(&mut self, a: &Num, b: &Num) -> Synthesis<Num> {
        if a.constant {
            return Ok(b.times(a.value));
        }
        if b.constant {
            return Ok(a.times(b.value));
        }
        let product = self.witness(a.value * b.value)?;
        self.enforce(a, b, &product)?;
        Ok(product)
    }

    /// Creates a wire for `numerator / denominator`, given its value. The caller guarantees that
    /// the denominator is never zero; a zero denominator would leave the quotient undetermined.
    pub(crate) fn quotient(
        &mut self,
        numerator: &Num,
        denominator: &Num,
        value: Fr,
    ) -> Synthesis<Num> {
        let quotient = self.witness(value)?;
        self.enforce(&quotient, denominator, numerator)?;
        Ok(quotient)
    }

    /// Constrains bit ∈ {0, 1}.
    pub(crate) fn boolean(&mut self, bit: &Num) -> Synthesis<()> {
        self.enforce(bit, bit, bit)
    }

    /// Returns `if_zero` or `if_one`, by a number already known to be 0 or 1.
    pub(crate) fn select(&mut self, bit: &Num, if_one: &Num, if_zero: &Num) -> Synthesis<Num> {
        let step = self.mul(bit, &if_one.minus(if_zero))?;
        Ok(if_zero.plus(&step))
    }
}

/// Returns 1 unless the number is 0. All wires are determined.
pub(crate) fn nonzero(b: &mut Builder, number: &Num) -> Synthesis<Num> {
    let zero = b.constant(Fr::zero());
    let inverse = b.witness(inverse_or_zero(number.value()))?;
    let flag = b.mul(number, &inverse)?;
    let not = b.one().minus(&flag);
    b.enforce(number, &not, &zero)?;
    b.enforce(&inverse, &not, &zero)?;
    Ok(flag)
}

/// Returns the inverse, or zero for zero. Hints must be total, because a blank synthesis has only
/// zeros.
pub(crate) fn inverse_or_zero(value: Fr) -> Fr {
    value.inverse().unwrap_or_default()
}
