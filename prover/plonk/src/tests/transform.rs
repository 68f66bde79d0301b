//! Compares transforms with evaluation point by point.

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use crate::domain::{Domain, evaluate};

#[test]
fn cosets_and_back() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    // Include lengths below and above the thresholds at which the transform divides its work.
    for k in [0, 1, 2, 5, 9, 10, 14, 15] {
        let domain = Domain::new(k);
        let coefficients: Vec<Fr> = (0..domain.n).map(|_| Fr::random(&mut rng)).collect();
        let shift = Fr::from(7);
        let mut values = vec![Fr::ZERO; domain.n];
        domain.evaluate_coset(&coefficients, &domain.twiddles(shift), &mut values);
        for row in [0, 1, 2, domain.n / 2, domain.n - 1] {
            let row = row % domain.n;
            let point = domain.rotate(shift, row as i32);
            assert_eq!(
                values[row],
                evaluate(&coefficients, point),
                "k = {k}, row {row}"
            );
        }
        domain.evaluate_coset(&coefficients, &domain.twiddles(Fr::ONE), &mut values);
        domain.interpolate(&mut values);
        assert_eq!(values, coefficients, "k = {k}");
    }
}
