//! Runs halo2's prover under parameters that record the committed columns, and reads its random
//! choices from them.

use std::io;
use std::sync::{Arc, Mutex};

use halo2_proofs::plonk::{ProvingKey, create_proof_from_advice};
use halo2_proofs::poly::commitment::{
    Blind, CommitmentScheme, Params, ParamsProver, ParamsVerifier, Prover,
};
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::ProverSHPLONK;
use halo2_proofs::poly::{Coeff, LagrangeCoeff, Polynomial, ProverQuery};
use halo2_proofs::transcript::{
    Blake2bWrite, Challenge255, EncodedChallenge, TranscriptWrite, TranscriptWriterBuffer,
};
use halo2curves::bn256::{Bn256, Fr, G1, G1Affine};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::prove::Choices;

/// KZG parameters that record everything committed to.
#[derive(Clone, Debug)]
struct Recorder {
    params: ParamsKZG<Bn256>,
    values: Arc<Mutex<Vec<Vec<Fr>>>>,
    polynomials: Arc<Mutex<Vec<Vec<Fr>>>>,
}

impl Recorder {
    fn of(params: ParamsKZG<Bn256>) -> Recorder {
        Recorder {
            params,
            values: Arc::default(),
            polynomials: Arc::default(),
        }
    }
}

impl<'p> Params<'p, G1Affine> for Recorder {
    type MSM = <ParamsKZG<Bn256> as Params<'p, G1Affine>>::MSM;

    fn k(&self) -> u32 {
        self.params.k()
    }

    fn n(&self) -> u64 {
        self.params.n()
    }

    fn downsize(&mut self, k: u32) {
        self.params.downsize(k);
    }

    fn empty_msm(&'p self) -> Self::MSM {
        self.params.empty_msm()
    }

    fn commit_lagrange(&self, values: &Polynomial<Fr, LagrangeCoeff>, blind: Blind<Fr>) -> G1 {
        self.values.lock().unwrap().push(values.to_vec());
        self.params.commit_lagrange(values, blind)
    }

    fn write<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        self.params.write(writer)
    }

    fn read<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        Ok(Recorder::of(Params::read(reader)?))
    }
}

impl ParamsVerifier<'_, G1Affine> for Recorder {}

impl<'p> ParamsProver<'p, G1Affine> for Recorder {
    type ParamsVerifier = Recorder;

    fn new(k: u32) -> Self {
        Recorder::of(ParamsKZG::new(k))
    }

    fn commit(&self, polynomial: &Polynomial<Fr, Coeff>, blind: Blind<Fr>) -> G1 {
        self.polynomials.lock().unwrap().push(polynomial.to_vec());
        self.params.commit(polynomial, blind)
    }

    fn get_g(&self) -> &[G1Affine] {
        self.params.get_g()
    }

    fn verifier_params(&'p self) -> &'p Recorder {
        self
    }
}

struct Scheme;

impl CommitmentScheme for Scheme {
    type Scalar = Fr;
    type Curve = G1Affine;
    type ParamsProver = Recorder;
    type ParamsVerifier = Recorder;

    fn new_params(k: u32) -> Recorder {
        ParamsProver::new(k)
    }

    fn read_params<R: io::Read>(reader: &mut R) -> io::Result<Recorder> {
        Params::read(reader)
    }
}

/// SHPLONK under the recorded parameters.
struct Opener<'p>(&'p Recorder);

impl<'p> Prover<'p, Scheme> for Opener<'p> {
    const QUERY_INSTANCE: bool = false;

    fn new(params: &'p Recorder) -> Self {
        Opener(params)
    }

    fn create_proof<'com, E, T, R, I>(
        &self,
        rng: R,
        transcript: &mut T,
        queries: I,
    ) -> io::Result<()>
    where
        E: EncodedChallenge<G1Affine>,
        T: TranscriptWrite<G1Affine, E>,
        I: IntoIterator<Item = ProverQuery<'com, G1Affine>> + Clone,
        R: RngCore,
    {
        let prover =
            <ProverSHPLONK<'_, Bn256> as Prover<KZGCommitmentScheme<Bn256>>>::new(&self.0.params);
        Prover::<KZGCommitmentScheme<Bn256>>::create_proof(&prover, rng, transcript, queries)
    }
}

/// Makes a proof with halo2, and returns it with halo2's random choices.
pub(super) fn halo2(
    params: &ParamsKZG<Bn256>,
    pk: &ProvingKey<G1Affine>,
    instances: &[Fr],
    advice: Vec<Vec<Fr>>,
    seed: u64,
) -> (Vec<u8>, Choices<'static>) {
    let recorder = Recorder::of(params.clone());
    let mut transcript = Blake2bWrite::<_, G1Affine, Challenge255<_>>::init(vec![]);
    create_proof_from_advice::<Scheme, Opener<'_>, _, _, _>(
        &recorder,
        pk,
        &[instances],
        advice,
        ChaCha20Rng::seed_from_u64(seed),
        &mut transcript,
    )
    .unwrap();
    let cs = pk.get_vk().cs();
    let values = recorder.values.lock().unwrap();
    let usable = params.n() as usize - (cs.blinding_factors() + 1);
    // The advice columns are followed by two columns for each lookup, the input first.
    let orders = (0..cs.lookups().len()).map(|lookup| {
        let mut order = values[cs.num_advice_columns() + 2 * lookup][..usable].to_vec();
        order.dedup();
        order
    });
    let choices = Choices {
        key: None,
        random: Some(recorder.polynomials.lock().unwrap()[0].clone()),
        orders: Some(orders.collect()),
    };
    (transcript.finalize(), choices)
}
