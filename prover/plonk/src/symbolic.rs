//! Expressions in normal form, and the linear combination of all identities of a circuit.
//!
//! An expression is a linear form over **atoms**: queries of columns, products, and sums of several
//! terms that are factors of a product. Equal atoms have the same number, so a linear combination
//! of many identities merges the terms they share. In particular, a matrix over the same powers
//! under the same selector becomes one coefficient per power.

use std::collections::{BTreeMap, HashMap};

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

/// Number of an atom.
pub(crate) type Atom = u32;

/// Factors with their exponents, in the order of atoms.
pub(crate) type Factors = Vec<(Atom, u32)>;

/// constant + Σ coefficient·atom.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Linear {
    pub(crate) constant: Fr,
    pub(crate) terms: BTreeMap<Atom, Fr>,
}

impl Linear {
    pub(crate) fn constant(constant: Fr) -> Linear {
        Linear {
            constant,
            terms: BTreeMap::new(),
        }
    }

    pub(crate) fn atom(atom: Atom) -> Linear {
        Linear {
            constant: Fr::ZERO,
            terms: BTreeMap::from([(atom, Fr::ONE)]),
        }
    }

    pub(crate) fn scaled(mut self, factor: Fr) -> Linear {
        if factor == Fr::ZERO {
            return Linear::default();
        }
        self.constant *= factor;
        for coefficient in self.terms.values_mut() {
            *coefficient *= factor;
        }
        self
    }

    /// Adds factor·other.
    pub(crate) fn accumulate(&mut self, factor: Fr, other: &Linear) {
        self.constant += factor * other.constant;
        for (&atom, &coefficient) in &other.terms {
            self.accumulate_atom(factor * coefficient, atom);
        }
    }

    /// Adds factor·atom.
    pub(crate) fn accumulate_atom(&mut self, factor: Fr, atom: Atom) {
        let sum = self.terms.entry(atom).or_default();
        *sum += factor;
        if *sum == Fr::ZERO {
            self.terms.remove(&atom);
        }
    }

    pub(crate) fn plus(mut self, other: &Linear) -> Linear {
        self.accumulate(Fr::ONE, other);
        self
    }

    pub(crate) fn minus(mut self, other: &Linear) -> Linear {
        self.accumulate(-Fr::ONE, other);
        self
    }

    pub(crate) fn plus_constant(mut self, constant: Fr) -> Linear {
        self.constant += constant;
        self
    }
}

/// Definition of an atom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// A column, `rotation` rows further.
    Query { column: u32, rotation: i32 },
    /// At least two factors, counted with exponents. No factor is itself a product.
    Product(Factors),
    /// At least two terms, counting the constant.
    Sum(Fr, Vec<(Atom, Fr)>),
}

/// The atoms of a circuit.
pub(crate) struct Atoms {
    kinds: Vec<Kind>,
    index: HashMap<Kind, Atom>,
    /// Whether the atom depends on columns of the proof, by atom.
    varies: Vec<bool>,
    /// Number of columns of the key, which come first.
    keyed: u32,
}

impl Atoms {
    /// Starts with no atoms. The columns below `keyed` belong to the key; products are grouped by
    /// their factors that depend on these columns only.
    pub(crate) fn new(keyed: usize) -> Atoms {
        Atoms {
            kinds: vec![],
            index: HashMap::new(),
            varies: vec![],
            keyed: keyed as u32,
        }
    }

    pub(crate) fn kind(&self, atom: Atom) -> &Kind {
        &self.kinds[atom as usize]
    }

    pub(crate) fn varies(&self, atom: Atom) -> bool {
        self.varies[atom as usize]
    }

    /// Returns a column, `rotation` rows further.
    pub(crate) fn query(&mut self, column: usize, rotation: i32) -> Linear {
        Linear::atom(self.intern(Kind::Query {
            column: column as u32,
            rotation,
        }))
    }

    /// Multiplies two expressions.
    pub(crate) fn product(&mut self, a: &Linear, b: &Linear) -> Linear {
        if a.terms.is_empty() {
            return b.clone().scaled(a.constant);
        }
        if b.terms.is_empty() {
            return a.clone().scaled(b.constant);
        }
        let (first, mut factors) = self.factors(a);
        let (second, more) = self.factors(b);
        for (atom, exponent) in more {
            match factors.binary_search_by_key(&atom, |factor| factor.0) {
                Ok(place) => factors[place].1 += exponent,
                Err(place) => factors.insert(place, (atom, exponent)),
            }
        }
        Linear::atom(self.product_atom(factors)).scaled(first * second)
    }

    /// Returns the atom of a product of at least one factor.
    pub(crate) fn product_atom(&mut self, factors: Factors) -> Atom {
        match factors[..] {
            [(atom, 1)] => atom,
            _ => self.intern(Kind::Product(factors)),
        }
    }

    /// Returns an atom as a product.
    pub(crate) fn factors_of(&self, atom: Atom) -> Factors {
        match self.kind(atom) {
            Kind::Product(factors) => factors.clone(),
            _ => vec![(atom, 1)],
        }
    }

    /// Adds factor·atom to a linear form, term by term if the atom is a sum.
    pub(crate) fn accumulate(&self, form: &mut Linear, factor: Fr, atom: Atom) {
        if let Kind::Sum(constant, terms) = self.kind(atom) {
            form.constant += factor * constant;
            for &(atom, coefficient) in terms {
                form.accumulate_atom(factor * coefficient, atom);
            }
        } else {
            form.accumulate_atom(factor, atom);
        }
    }

    /// Returns a linear form as coefficient and factors.
    fn factors(&mut self, form: &Linear) -> (Fr, Factors) {
        if form.constant == Fr::ZERO
            && form.terms.len() == 1
            && let Some((&atom, &coefficient)) = form.terms.first_key_value()
        {
            return (coefficient, self.factors_of(atom));
        }
        let terms = form.terms.iter().map(|(&a, &c)| (a, c)).collect();
        (
            Fr::ONE,
            vec![(self.intern(Kind::Sum(form.constant, terms)), 1)],
        )
    }

    fn intern(&mut self, kind: Kind) -> Atom {
        if let Some(&atom) = self.index.get(&kind) {
            return atom;
        }
        let varies = match &kind {
            Kind::Query { column, .. } => *column >= self.keyed,
            Kind::Product(factors) => factors.iter().any(|factor| self.varies(factor.0)),
            Kind::Sum(_, terms) => terms.iter().any(|term| self.varies(term.0)),
        };
        let atom = self.kinds.len() as Atom;
        self.index.insert(kind.clone(), atom);
        self.kinds.push(kind);
        self.varies.push(varies);
        atom
    }
}

/// Returns Σ y^(last − i)·identityᵢ, in the order in which the proof system combines identities.
pub(crate) fn combine(identities: &[Linear], y: Fr) -> Linear {
    let mut sum = Linear::default();
    let mut power = Fr::ONE;
    for identity in identities.iter().rev() {
        sum.accumulate(power, identity);
        power *= y;
    }
    sum
}
