//! Generation of Poseidon's parameters with the Grain LFSR. The result equals that of the reference
//! script, `generate_parameters_grain.sage 1 0 254 5 8 60 r`, and the parameters that circomlib
//! publishes.

use ark_bn254::Fr;
use ark_ff::{BigInt, BigInteger, Field, PrimeField};

use super::{FULL_ROUNDS, PARTIAL_ROUNDS, Parameters, ROUNDS, WIDTH};

/// Bits of the modulus.
const FIELD_BITS: usize = 254;
/// Bits of the shift register.
const REGISTER: usize = 80;

/// Self-shrinking 80-bit register.
struct Grain {
    bits: [bool; REGISTER],
    /// Index of the oldest bit in the ring.
    head: usize,
}

impl Grain {
    fn new() -> Self {
        let mut bits = Vec::with_capacity(REGISTER);
        // (value, width), most significant bit first: prime field, S-box x^α, then the sizes.
        for (value, width) in [
            (1, 2),
            (0, 4),
            (FIELD_BITS, 12),
            (WIDTH, 12),
            (FULL_ROUNDS, 10),
            (PARTIAL_ROUNDS, 10),
            ((1 << 30) - 1, 30),
        ] {
            bits.extend((0..width).rev().map(|shift| (value >> shift) & 1 == 1));
        }
        let mut register = [false; REGISTER];
        register.copy_from_slice(&bits);
        let mut grain = Self {
            bits: register,
            head: 0,
        };
        for _ in 0..160 {
            grain.step();
        }
        grain
    }

    fn step(&mut self) -> bool {
        let bit = [62, 51, 38, 23, 13, 0].iter().fold(false, |bit, tap| {
            bit ^ self.bits[(self.head + tap) % REGISTER]
        });
        self.bits[self.head] = bit;
        self.head = (self.head + 1) % REGISTER;
        bit
    }

    /// Returns the next output bit. Draws pairs of register bits until the first bit of a pair is
    /// set; the second bit of that pair is the output.
    fn bit(&mut self) -> bool {
        while !self.step() {
            self.step();
        }
        self.step()
    }

    /// Returns 254 bits as an integer, most significant first.
    fn integer(&mut self) -> BigInt<4> {
        let bits: Vec<bool> = (0..FIELD_BITS).map(|_| self.bit()).collect();
        BigInt::from_bits_be(&bits)
    }

    /// Returns the next integer below the modulus.
    fn element(&mut self) -> Fr {
        loop {
            if let Some(element) = Fr::from_bigint(self.integer()) {
                return element;
            }
        }
    }

    /// Returns the next integer, reduced.
    fn element_reduced(&mut self) -> Fr {
        Fr::from_be_bytes_mod_order(&self.integer().to_bytes_be())
    }
}

/// Generates the round constants, then the Cauchy matrix `1 / (xᵢ + yⱼ)`.
///
/// The reference script would reject a matrix with repeated x or y, with a zero sum or with an
/// infinitely long subspace trail. For these parameters the first draw has none of these: the
/// published matrix is the first draw (see the vectors).
pub(super) fn generate() -> Parameters {
    let mut grain = Grain::new();
    let round_constants = (0..ROUNDS)
        .map(|_| std::array::from_fn(|_| grain.element()))
        .collect();
    let xs: [Fr; WIDTH] = std::array::from_fn(|_| grain.element_reduced());
    let ys: [Fr; WIDTH] = std::array::from_fn(|_| grain.element_reduced());
    let mds = xs.map(|x| {
        ys.map(|y| {
            (x + y)
                .inverse()
                .expect("no sum of the fixed matrix is zero")
        })
    });
    Parameters {
        round_constants,
        mds,
    }
}
