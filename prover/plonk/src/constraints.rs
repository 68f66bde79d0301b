//! The identities of a circuit (gates, copies, lookups) over one numbering of its columns.

use halo2_proofs::plonk::{Any, Column, ConstraintSystem, Expression};
use halo2curves::bn256::Fr;
use halo2curves::ff::{Field, PrimeField};

use crate::EngineError;
use crate::symbolic::{Atoms, Linear};

/// The verifier's challenges that the identities depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Challenges {
    pub(crate) theta: Fr,
    pub(crate) beta: Fr,
    pub(crate) gamma: Fr,
}

/// Numbering of the columns. The key's columns that distinguish rows come first: see
/// [`Atoms::new`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns {
    fixed: usize,
    advice: usize,
    instance: usize,
    copied: usize,
    sets: usize,
    lookups: usize,
}

impl Columns {
    pub(crate) fn new(cs: &ConstraintSystem<Fr>) -> Columns {
        let copied = cs.permutation().get_columns().len();
        Columns {
            fixed: cs.num_fixed_columns(),
            advice: cs.num_advice_columns(),
            instance: cs.num_instance_columns(),
            copied,
            sets: copied.div_ceil(set_length(cs)),
            lookups: cs.lookups().len(),
        }
    }

    pub(crate) fn fixed(&self, index: usize) -> usize {
        index
    }

    /// The Lagrange polynomial of the first row. Its rotations are those of the other rows.
    pub(crate) fn first(&self) -> usize {
        self.fixed
    }

    /// The column that is 1 in every row before the blinding rows, and 0 elsewhere.
    pub(crate) fn active(&self) -> usize {
        self.fixed + 1
    }

    /// The polynomial X.
    pub(crate) fn point(&self) -> usize {
        self.fixed + 2
    }

    /// A permutation column.
    pub(crate) fn sigma(&self, index: usize) -> usize {
        self.fixed + 3 + index
    }

    pub(crate) fn advice(&self, index: usize) -> usize {
        self.sigma(self.copied) + index
    }

    pub(crate) fn instance(&self, index: usize) -> usize {
        self.advice(self.advice) + index
    }

    /// The running product of a set of copied columns.
    pub(crate) fn set(&self, index: usize) -> usize {
        self.instance(self.instance) + index
    }

    /// The first of a lookup's three columns: running product, permuted input, permuted table.
    pub(crate) fn lookup(&self, index: usize) -> usize {
        self.set(self.sets) + 3 * index
    }

    pub(crate) fn count(&self) -> usize {
        self.lookup(self.lookups)
    }

    fn keyed(&self) -> usize {
        self.fixed + 2
    }

    pub(crate) fn any(&self, column: &Column<Any>) -> usize {
        match column.column_type() {
            Any::Fixed => self.fixed(column.index()),
            Any::Advice(_) => self.advice(column.index()),
            Any::Instance => self.instance(column.index()),
        }
    }
}

/// Number of copied columns under one running product.
pub(crate) fn set_length(cs: &ConstraintSystem<Fr>) -> usize {
    cs.degree().max(3) - 2
}

/// Refuses circuits that the engine does not support, and circuits whose declared degree is below
/// the actual one, because their proofs would not verify.
pub(crate) fn check(cs: &ConstraintSystem<Fr>) -> Result<(), EngineError> {
    let unsupported = |what| Err(EngineError::Unsupported(what));
    if cs.num_instance_columns() > 1 {
        return unsupported("more than one instance column");
    }
    if cs.advice_column_phase().iter().any(|&phase| phase > 0) || cs.num_challenges() > 0 {
        return unsupported("advice of a second phase");
    }
    if cs.num_advice_columns() == 0 {
        return unsupported("no advice column");
    }
    let degree = |expressions: &[Expression<Fr>]| {
        let degrees = expressions.iter().map(Expression::degree);
        degrees.max().unwrap_or(0)
    };
    let gates = cs.gates().iter().map(|gate| degree(gate.polynomials()));
    let lookups = cs.lookups().iter().map(|lookup| {
        let input = degree(lookup.input_expressions()).max(1);
        let table = degree(lookup.table_expressions()).max(1);
        2 + input + table
    });
    let actual = gates.chain(lookups).max().unwrap_or(0);
    if actual > cs.degree() {
        return Err(EngineError::Degree {
            declared: cs.degree(),
            actual,
        });
    }
    Ok(())
}

/// Builds linear forms of a circuit's expressions.
pub(crate) struct Forms<'a> {
    cs: &'a ConstraintSystem<Fr>,
    pub(crate) columns: Columns,
    pub(crate) atoms: Atoms,
}

impl<'a> Forms<'a> {
    pub(crate) fn new(cs: &'a ConstraintSystem<Fr>) -> Forms<'a> {
        let columns = Columns::new(cs);
        Forms {
            cs,
            columns,
            atoms: Atoms::new(columns.keyed()),
        }
    }

    /// Returns the linear form of an expression.
    pub(crate) fn expression(
        &mut self,
        expression: &Expression<Fr>,
    ) -> Result<Linear, EngineError> {
        Ok(match expression {
            Expression::Constant(value) => Linear::constant(*value),
            Expression::Fixed(query) => self
                .atoms
                .query(self.columns.fixed(query.column_index()), query.rotation().0),
            Expression::Advice(query) => self.atoms.query(
                self.columns.advice(query.column_index()),
                query.rotation().0,
            ),
            Expression::Instance(query) => self.atoms.query(
                self.columns.instance(query.column_index()),
                query.rotation().0,
            ),
            Expression::Negated(inner) => self.expression(inner)?.scaled(-Fr::ONE),
            Expression::Scaled(inner, factor) => self.expression(inner)?.scaled(*factor),
            Expression::Sum(a, b) => {
                let b = self.expression(b)?;
                self.expression(a)?.plus(&b)
            }
            Expression::Product(a, b) => {
                let (a, b) = (self.expression(a)?, self.expression(b)?);
                self.atoms.product(&a, &b)
            }
            Expression::Selector(_) => {
                return Err(EngineError::Unsupported("selector in a key's gates"));
            }
            Expression::Challenge(_) => {
                return Err(EngineError::Unsupported("challenge of a circuit"));
            }
        })
    }

    /// Returns Σ θ^(last − i)·expressionᵢ.
    pub(crate) fn compressed(
        &mut self,
        expressions: &[Expression<Fr>],
        theta: Fr,
    ) -> Result<Linear, EngineError> {
        let mut sum = Linear::default();
        for expression in expressions {
            sum = sum.scaled(theta).plus(&self.expression(expression)?);
        }
        Ok(sum)
    }

    /// Returns the identities of the gates.
    pub(crate) fn gates(&mut self) -> Result<Vec<Linear>, EngineError> {
        let cs = self.cs;
        let polynomials = cs.gates().iter().flat_map(|gate| gate.polynomials());
        polynomials
            .map(|polynomial| self.expression(polynomial))
            .collect()
    }

    /// Returns all identities, in the order of the proof system.
    pub(crate) fn identities(
        &mut self,
        challenges: &Challenges,
    ) -> Result<Vec<Linear>, EngineError> {
        let mut identities = self.gates()?;
        self.copies(challenges, &mut identities);
        for index in 0..self.cs.lookups().len() {
            self.lookup(index, challenges, &mut identities)?;
        }
        Ok(identities)
    }

    /// Returns the Lagrange polynomial of the last row before the blinding rows.
    fn last(&mut self) -> Linear {
        let rotation = self.cs.blinding_factors() as i32 + 1;
        self.atoms.query(self.columns.first(), rotation)
    }

    /// Returns the identities of a running product's ends: 1 in the first row, 0 or 1 in the last.
    fn ends(&mut self, start: &Linear, end: &Linear) -> [Linear; 2] {
        let first = self.atoms.query(self.columns.first(), 0);
        let last = self.last();
        let one = Linear::constant(Fr::ONE);
        let square = self.atoms.product(end, end);
        [
            self.atoms.product(&first, &one.minus(start)),
            self.atoms.product(&last, &square.minus(end)),
        ]
    }

    fn copies(&mut self, challenges: &Challenges, identities: &mut Vec<Linear>) {
        let Challenges { beta, gamma, .. } = *challenges;
        let columns = self.columns;
        let copied = self.cs.permutation().get_columns();
        if copied.is_empty() {
            return;
        }
        let products: Vec<Linear> = (0..columns.sets)
            .map(|set| self.atoms.query(columns.set(set), 0))
            .collect();
        let ends = self.ends(&products[0], &products[columns.sets - 1]);
        identities.extend(ends);
        let first = self.atoms.query(columns.first(), 0);
        let active = self.atoms.query(columns.active(), 0);
        let point = self.atoms.query(columns.point(), 0);
        let end = -(self.cs.blinding_factors() as i32 + 1);
        for (set, product) in products.iter().enumerate().skip(1) {
            let before = self.atoms.query(columns.set(set - 1), end);
            let step = product.clone().minus(&before);
            identities.push(self.atoms.product(&first, &step));
        }
        let mut shift = beta;
        let mut sigma = 0;
        for (set, chunk) in copied.chunks(set_length(self.cs)).enumerate() {
            let mut left = self.atoms.query(columns.set(set), 1);
            let mut right = products[set].clone();
            for column in chunk {
                let value = self
                    .atoms
                    .query(columns.any(column), 0)
                    .plus_constant(gamma);
                let permuted = self.atoms.query(columns.sigma(sigma), 0).scaled(beta);
                left = self.atoms.product(&left, &value.clone().plus(&permuted));
                let own = point.clone().scaled(shift);
                right = self.atoms.product(&right, &value.plus(&own));
                shift *= Fr::DELTA;
                sigma += 1;
            }
            identities.push(self.atoms.product(&active, &left.minus(&right)));
        }
    }

    fn lookup(
        &mut self,
        index: usize,
        challenges: &Challenges,
        identities: &mut Vec<Linear>,
    ) -> Result<(), EngineError> {
        let Challenges {
            theta, beta, gamma, ..
        } = *challenges;
        let cs = self.cs;
        let lookup = &cs.lookups()[index];
        let input = self.compressed(lookup.input_expressions(), theta)?;
        let table = self.compressed(lookup.table_expressions(), theta)?;
        let place = self.columns.lookup(index);
        let product = self.atoms.query(place, 0);
        let product_next = self.atoms.query(place, 1);
        let permuted_input = self.atoms.query(place + 1, 0);
        let permuted_before = self.atoms.query(place + 1, -1);
        let permuted_table = self.atoms.query(place + 2, 0);
        let first = self.atoms.query(self.columns.first(), 0);
        let active = self.atoms.query(self.columns.active(), 0);

        identities.extend(self.ends(&product, &product));
        let permuted = {
            let input = permuted_input.clone().plus_constant(beta);
            let table = permuted_table.clone().plus_constant(gamma);
            let both = self.atoms.product(&input, &table);
            self.atoms.product(&product_next, &both)
        };
        let original = {
            let both = self
                .atoms
                .product(&input.plus_constant(beta), &table.plus_constant(gamma));
            self.atoms.product(&product, &both)
        };
        identities.push(self.atoms.product(&active, &permuted.minus(&original)));
        let difference = permuted_input.clone().minus(&permuted_table);
        identities.push(self.atoms.product(&first, &difference));
        let repeated = permuted_input.minus(&permuted_before);
        let either = self.atoms.product(&difference, &repeated);
        identities.push(self.atoms.product(&active, &either));
        Ok(())
    }
}
