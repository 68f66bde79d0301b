//! The Keccak transcript, which the Solidity verifier can compute cheaply.
//!
//! Points are absorbed and written as x ‖ y, scalars as 32 bytes, big-endian. A challenge is `state
//! := keccak256(state ‖ absorbed)` reduced mod r. Here `absorbed` is everything absorbed since the
//! previous challenge, or the byte 1 if that is empty. The first state is the domain word. halo2
//! absorbs the verifying key's digest and every instance first.
//!
//! The last instance is itself a challenge: the *column challenge* ζ. The committed columns, the
//! first advice columns of a circuit, determine it. The circuit can use it as randomness that does
//! not depend on the other columns, although halo2 sees a circuit of one phase. It is
//! keccak256(domain ‖ digest of the key ‖ the other instances ‖ commitments to the committed
//! columns) mod r, with its own domain word. A verifier reads the commitments from the start of the
//! proof.

use std::io::{self, Read, Write};

use halo2_proofs::transcript::{
    EncodedChallenge, Transcript, TranscriptRead, TranscriptReadBuffer, TranscriptWrite,
    TranscriptWriterBuffer,
};
use halo2curves::bn256::{Fr, G1Affine};
use halo2curves::ff::{Field, PrimeField};
use halo2curves::group::prime::PrimeCurveAffine;
use sha3::{Digest, Keccak256};

use crate::encoding::{point_bytes, point_from_bytes, scalar_bytes, scalar_from_bytes};

/// The first state: ASCII, padded with zeros to a word. `TRANSCRIPT_DOMAIN` in `Layout.sol`.
pub(crate) const DOMAIN: &[u8; 32] = b"subrosa halo2 transcript v1\0\0\0\0\0";

/// First word of the column challenge's preimage: ASCII, padded with zeros.
/// `COLUMN_CHALLENGE_DOMAIN` in `Layout.sol`.
pub(crate) const COLUMN_CHALLENGE_DOMAIN: &[u8; 32] = b"subrosa column challenge v1\0\0\0\0\0";

/// Returns the column challenge: the last instance of a proof under the key with this transcript
/// representation, with these other instances and these commitments to the committed columns.
pub fn column_challenge(representation: &Fr, instances: &[Fr], commitments: &[G1Affine]) -> Fr {
    let mut hasher = Keccak256::new();
    hasher.update(COLUMN_CHALLENGE_DOMAIN);
    hasher.update(scalar_bytes(representation));
    for instance in instances {
        hasher.update(scalar_bytes(instance));
    }
    for commitment in commitments {
        hasher.update(point_bytes(commitment));
    }
    KeccakChallenge::new(&hasher.finalize().into()).get_scalar()
}

/// Returns the column challenge that a verifier computes for a proof. The bytes can be untrusted.
///
/// The proof begins with the commitments to the `committed` columns. Returns `None` if it is too
/// short, or if a commitment is the identity or not the canonical encoding of a point of the curve.
pub fn column_challenge_of_proof(
    representation: &Fr,
    instances: &[Fr],
    committed: usize,
    proof: &[u8],
) -> Option<Fr> {
    let commitments = proof
        .get(..committed.checked_mul(64)?)?
        .chunks_exact(64)
        .map(|bytes| point_from_bytes(bytes.try_into().ok()?))
        .collect::<Option<Vec<_>>>()?;
    Some(column_challenge(representation, instances, &commitments))
}

/// A challenge: the scalar that a hash reduces to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeccakChallenge(Fr);

impl EncodedChallenge<G1Affine> for KeccakChallenge {
    type Input = [u8; 32];

    fn new(hash: &[u8; 32]) -> Self {
        // Horner's rule over 64-bit limbs: the field's own wide reduction uses another byte order.
        let shift = Fr::from_u128(1 << 64);
        let reduced = hash.chunks_exact(8).fold(Fr::ZERO, |sum, limb| {
            let limb = limb
                .iter()
                .fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
            sum * shift + Fr::from(limb)
        });
        Self(reduced)
    }

    fn get_scalar(&self) -> Fr {
        self.0
    }
}

/// The state and the bytes absorbed since the last challenge, the same for prover and verifier.
#[derive(Clone, Debug)]
struct Absorber {
    state: [u8; 32],
    absorbed: Vec<u8>,
}

impl Absorber {
    fn new() -> Self {
        Self {
            state: *DOMAIN,
            absorbed: Vec::new(),
        }
    }

    fn point(&mut self, point: &G1Affine) -> io::Result<()> {
        if bool::from(point.is_identity()) {
            return Err(invalid("the identity cannot be absorbed"));
        }
        self.absorbed.extend_from_slice(&point_bytes(point));
        Ok(())
    }

    fn scalar(&mut self, scalar: &Fr) {
        self.absorbed.extend_from_slice(&scalar_bytes(scalar));
    }

    fn challenge(&mut self) -> KeccakChallenge {
        if self.absorbed.is_empty() {
            self.absorbed.push(1);
        }
        let mut hasher = Keccak256::new();
        hasher.update(self.state);
        hasher.update(&self.absorbed);
        self.state = hasher.finalize().into();
        self.absorbed.clear();
        KeccakChallenge::new(&self.state)
    }
}

/// The prover's transcript: writes the proof to `W`.
#[derive(Clone, Debug)]
pub struct KeccakWrite<W> {
    absorber: Absorber,
    writer: W,
}

/// The verifier's transcript: reads the proof from `R`. Accepts canonical encodings only.
#[derive(Clone, Debug)]
pub struct KeccakRead<R> {
    absorber: Absorber,
    reader: R,
}

impl<R: Read> KeccakRead<R> {
    /// Ends the reading.
    ///
    /// # Errors
    /// If bytes follow the proof. halo2 itself ignores them; the contract refuses them.
    pub fn finish(mut self) -> io::Result<()> {
        match self.reader.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(invalid("bytes after the proof")),
        }
    }
}

impl<W: Write> Transcript<G1Affine, KeccakChallenge> for KeccakWrite<W> {
    fn squeeze_challenge(&mut self) -> KeccakChallenge {
        self.absorber.challenge()
    }

    fn common_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.absorber.point(&point)
    }

    fn common_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.absorber.scalar(&scalar);
        Ok(())
    }
}

impl<W: Write> TranscriptWrite<G1Affine, KeccakChallenge> for KeccakWrite<W> {
    fn write_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.common_point(point)?;
        self.writer.write_all(&point_bytes(&point))
    }

    fn write_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.common_scalar(scalar)?;
        self.writer.write_all(&scalar_bytes(&scalar))
    }
}

impl<W: Write> TranscriptWriterBuffer<W, G1Affine, KeccakChallenge> for KeccakWrite<W> {
    fn init(writer: W) -> Self {
        Self {
            absorber: Absorber::new(),
            writer,
        }
    }

    fn finalize(self) -> W {
        self.writer
    }
}

impl<R: Read> Transcript<G1Affine, KeccakChallenge> for KeccakRead<R> {
    fn squeeze_challenge(&mut self) -> KeccakChallenge {
        self.absorber.challenge()
    }

    fn common_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.absorber.point(&point)
    }

    fn common_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.absorber.scalar(&scalar);
        Ok(())
    }
}

impl<R: Read> TranscriptRead<G1Affine, KeccakChallenge> for KeccakRead<R> {
    fn read_point(&mut self) -> io::Result<G1Affine> {
        let mut bytes = [0; 64];
        self.reader.read_exact(&mut bytes)?;
        let point = point_from_bytes(&bytes).ok_or_else(|| invalid("not a canonical point"))?;
        self.common_point(point)?;
        Ok(point)
    }

    fn read_scalar(&mut self) -> io::Result<Fr> {
        let mut bytes = [0; 32];
        self.reader.read_exact(&mut bytes)?;
        let scalar = scalar_from_bytes(&bytes).ok_or_else(|| invalid("not a canonical scalar"))?;
        self.common_scalar(scalar)?;
        Ok(scalar)
    }
}

impl<R: Read> TranscriptReadBuffer<R, G1Affine, KeccakChallenge> for KeccakRead<R> {
    fn init(reader: R) -> Self {
        Self {
            absorber: Absorber::new(),
            reader,
        }
    }
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenge_is_the_hash_mod_r() {
        // The hash 2^256 − 1, reduced mod r.
        let challenge = KeccakChallenge::new(&[0xff; 32]).get_scalar();
        let expected = Fr::from(2).pow_vartime([256]) - Fr::ONE;
        assert_eq!(challenge, expected);
        assert_eq!(
            KeccakChallenge::new(&scalar_bytes(&-Fr::ONE)).get_scalar(),
            -Fr::ONE
        );
    }

    #[test]
    fn both_sides_draw_the_same_and_every_byte_counts() {
        let point = G1Affine::generator();
        let mut write = KeccakWrite::init(Vec::new());
        write.common_scalar(Fr::from(7)).expect("scalar");
        write.write_point(point).expect("point");
        write.write_scalar(Fr::from(9)).expect("scalar");
        let first = write.squeeze_challenge();
        let second = write.squeeze_challenge();
        assert_ne!(first, second);
        let proof = write.finalize();
        assert_eq!(proof.len(), 96);

        let draw = |seed: u64, proof: &[u8]| -> io::Result<[KeccakChallenge; 2]> {
            let mut read = KeccakRead::init(proof);
            read.common_scalar(Fr::from(seed))?;
            read.read_point()?;
            read.read_scalar()?;
            let drawn = [read.squeeze_challenge(), read.squeeze_challenge()];
            read.finish()?;
            Ok(drawn)
        };
        assert_eq!(draw(7, &proof).expect("valid"), [first, second]);
        assert_ne!(draw(8, &proof).expect("valid"), [first, second]);
        let mut altered = proof.clone();
        altered[95] ^= 1;
        assert_ne!(draw(7, &altered).expect("valid"), [first, second]);
        altered[63] ^= 1;
        assert!(draw(7, &altered).is_err());
        assert!(draw(7, &proof[..95]).is_err());
        assert!(draw(7, &[&proof[..], &[0]].concat()).is_err());
    }

    #[test]
    fn the_column_challenge_is_the_hash_of_all_its_parts() {
        let (representation, instances) = (Fr::from(3), [4, 5, 6, 7, 8].map(Fr::from));
        let generator = G1Affine::generator();
        let commitments = [generator, (generator + generator).into()];
        let challenge = column_challenge(&representation, &instances, &commitments);

        // Word by word, as in the contract.
        let mut words = b"subrosa column challenge v1\0\0\0\0\0".to_vec();
        for number in 3..=8 {
            words.extend_from_slice(&scalar_bytes(&Fr::from(number)));
        }
        let proof: Vec<u8> = commitments.iter().flat_map(point_bytes).collect();
        words.extend_from_slice(&proof);
        let hash: [u8; 32] = Keccak256::digest(&words).into();
        assert_eq!(challenge, KeccakChallenge::new(&hash).get_scalar());

        // The proof continues after the commitments.
        let of_proof = |committed, proof: &[u8]| {
            column_challenge_of_proof(&representation, &instances, committed, proof)
        };
        let longer = [&proof[..], &[0; 64]].concat();
        assert_eq!(of_proof(2, &longer), Some(challenge));
        let without_points = column_challenge(&representation, &instances, &[]);
        assert_eq!(of_proof(0, &[]), Some(without_points));

        let others = [
            column_challenge(&Fr::from(2), &instances, &commitments),
            column_challenge(
                &representation,
                &[5, 4, 6, 7, 8].map(Fr::from),
                &commitments,
            ),
            column_challenge(&representation, &instances, &commitments[..1]),
            column_challenge(&representation, &instances, &[commitments[1], generator]),
            without_points,
        ];
        assert!(!others.contains(&challenge));

        // Too short, the identity, off the curve.
        assert_eq!(of_proof(2, &proof[..127]), None);
        assert_eq!(of_proof(3, &longer), None);
        assert_eq!(of_proof(usize::MAX, &proof), None);
        let mut altered = proof;
        altered[63] = 3;
        assert_eq!(of_proof(2, &altered), None);
    }

    #[test]
    fn the_identity_is_refused() {
        let mut write = KeccakWrite::init(Vec::new());
        assert!(write.write_point(G1Affine::identity()).is_err());
    }
}
