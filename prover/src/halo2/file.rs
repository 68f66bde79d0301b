//! A proving key in files: the verifying key, whose commitments dominate the time of key
//! generation, and the values of the columns that the circuit fixes. Reading computes the
//! coefficients, one Fourier transform a column; storing them would double the size.
//!
//! The columns follow each other, the fixed ones first, then those of the permutation: 2ᵏ cells
//! each, 32 bytes a cell, little-endian limbs of its Montgomery form. The verifying key determines
//! their number, so that no length is read from a file whose hash is not yet known.

use std::io::{self, Read, Write};
use std::sync::Arc;

use halo2_proofs::SerdeFormat;
use halo2_proofs::plonk::{Circuit, ProvingKey, VerifyingKey, permutation};
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2_proofs::poly::{Coeff, EvaluationDomain, LagrangeCoeff, Polynomial};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use halo2curves::ff::Field;
use halo2curves::serde::SerdeObject;
use rayon::prelude::*;

use super::PlonkKeys;

/// Size of a cell in bytes.
const CELL: usize = 32;

/// Number of cells written at a time.
const CHUNK: usize = 1 << 15;

impl PlonkKeys {
    /// Writes the verifying key: a few kilobytes.
    pub(crate) fn write_vk(&self, mut writer: &mut dyn Write) -> io::Result<()> {
        self.vk().write(&mut writer, SerdeFormat::RawBytesUnchecked)
    }

    /// Writes the columns.
    pub(crate) fn write_columns(&self, writer: &mut dyn Write) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(CHUNK * CELL);
        let permuted = self.pk.permutation().permutations();
        for column in self.pk.fixed_values().iter().chain(permuted) {
            for cells in column.chunks(CHUNK) {
                bytes.clear();
                for cell in cells {
                    cell.write_raw(&mut bytes)?;
                }
                writer.write_all(&bytes)?;
            }
        }
        Ok(())
    }
}

/// The contents of a key's files.
pub(crate) struct Stored {
    vk: VerifyingKey<G1Affine>,
    fixed: Vec<Polynomial<Fr, LagrangeCoeff>>,
    permuted: Vec<Polynomial<Fr, LagrangeCoeff>>,
}

impl Stored {
    /// Reads a key of this circuit. `vk` must have been checked against its hash; the hash of
    /// `columns` may turn out wrong afterwards.
    pub(crate) fn read<C>(circuit: &C, mut vk: &[u8], columns: &mut dyn Read) -> io::Result<Self>
    where
        C: Circuit<Fr>,
    {
        let vk = VerifyingKey::<G1Affine>::read::<_, C>(
            &mut vk,
            SerdeFormat::RawBytesUnchecked,
            circuit.params(),
        )?;
        let domain = vk.get_domain();
        let fixed = read_columns(domain, vk.fixed_commitments().len(), columns)?;
        let permuted = read_columns(domain, vk.permutation().commitments().len(), columns)?;
        Ok(Self {
            vk,
            fixed,
            permuted,
        })
    }

    /// Assembles the key, after all hashes have been checked.
    pub(crate) fn assemble(self, params: Arc<ParamsKZG<Bn256>>, committed: usize) -> PlonkKeys {
        let Self {
            vk,
            fixed,
            permuted,
        } = self;
        let domain = vk.get_domain();
        let [l0, l_last, l_active] = selectors(&vk);
        let fixed_polys = coefficients(domain, &fixed);
        let permuted_polys = coefficients(domain, &permuted);
        let permutation = permutation::ProvingKey::from_parts(permuted, permuted_polys);
        let pk = ProvingKey::from_parts(vk, l0, l_last, l_active, fixed, fixed_polys, permutation);
        PlonkKeys::new(params, pk, committed)
    }
}

fn read_columns(
    domain: &EvaluationDomain<Fr>,
    count: usize,
    reader: &mut dyn Read,
) -> io::Result<Vec<Polynomial<Fr, LagrangeCoeff>>> {
    let mut bytes = vec![0; CELL << domain.k()];
    (0..count)
        .map(|_| {
            reader.read_exact(&mut bytes)?;
            let cells = bytes
                .par_chunks_exact(CELL)
                .map(Fr::from_raw_bytes_unchecked)
                .collect();
            Ok(domain.lagrange_from_vec(cells))
        })
        .collect()
}

fn coefficients(
    domain: &EvaluationDomain<Fr>,
    columns: &[Polynomial<Fr, LagrangeCoeff>],
) -> Vec<Polynomial<Fr, Coeff>> {
    columns
        .par_iter()
        .map(|column| domain.lagrange_to_coeff(column.clone()))
        .collect()
}

/// Returns the polynomials that are 1 in the first row, in the last usable row, and in the rows
/// before that one.
fn selectors(vk: &VerifyingKey<G1Affine>) -> [Polynomial<Fr, Coeff>; 3] {
    let domain = vk.get_domain();
    let last = (1 << domain.k()) - vk.cs().blinding_factors() - 1;
    [0..1, last..last + 1, 0..last].map(|ones| {
        let mut column = domain.empty_lagrange();
        for cell in &mut column[ones] {
            *cell = Fr::ONE;
        }
        domain.lagrange_to_coeff(column)
    })
}
