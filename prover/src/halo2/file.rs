//! A proving key in files: the verifying key, whose commitments are what key generation spends its
//! time on, and the columns that the circuit fixes, by value. Their coefficients, which are as much
//! again, are a Fourier transform each and made on reading.
//!
//! The columns stand one after the other, fixed ones first, then the permutation's: 2ᵏ cells each,
//! a cell as 32 bytes, little-endian limbs of its Montgomery form. How many there are follows from
//! the verifying key, so that no length is read from a file whose hash is not yet known.

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

/// Bytes of a cell.
const CELL: usize = 32;

/// Cells that are written at a time.
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

/// What the files hold of a key.
pub(crate) struct Stored {
    vk: VerifyingKey<G1Affine>,
    fixed: Vec<Polynomial<Fr, LagrangeCoeff>>,
    permuted: Vec<Polynomial<Fr, LagrangeCoeff>>,
}

impl Stored {
    /// Reads a key of this circuit. The bytes of `vk` are known to be good; `columns` may turn out not
    /// to be.
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

    /// The key, once the files are known to be good.
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

/// The polynomials that are 1 in the first row; in the last usable one; and in those before it.
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
