//! Gadgets at their edges: comparisons, ranges and Merkle steps.

use halo2curves::ff::Field;

use crate::Rule;
use crate::convert::from_halo2;
use crate::tests::grid::Grid;

/// The comparison v < nf < n of B7 at the edges of its widths and of the field, for every v that
/// the tree can hold.
#[test]
fn b7_comparison_is_that_of_integers() {
    use crate::convert::power_of_two;
    use halo2curves::bn256::Fr;
    let top = -Fr::ONE;
    let two = Fr::from(2);
    let half = two.invert().unwrap();
    let end = power_of_two(192);
    let values = [
        Fr::ZERO,
        Fr::ONE,
        two,
        power_of_two(130),
        end - Fr::ONE,
        end,
        end + Fr::ONE,
        power_of_two(193),
        half,
        top,
    ];
    let integer = |value: &Fr| ark_ff::PrimeField::into_bigint(from_halo2(value));
    let fits = |value: &Fr| integer(value) < integer(&end);
    for low in values.iter().filter(|low| fits(low)) {
        for nullifier in &values {
            for next in &values {
                let between =
                    integer(low) < integer(nullifier) && integer(nullifier) < integer(next);
                let near = fits(&(*next - nullifier - Fr::ONE));
                for active in [false, true] {
                    let grid = Grid::build(200, |layout| {
                        layout.rule(Rule::B7);
                        let active = layout.free_flag(active);
                        let [low, nullifier, next] =
                            [low, nullifier, next].map(|value| layout.free_word(*value));
                        crate::parts::nullifiers::compare(layout, active, low, nullifier, next);
                    });
                    let holds = fits(nullifier) && (!active || (between && near));
                    assert_eq!(grid.failures(&[]).is_empty(), holds);
                }
            }
        }
    }
}

/// Ranges at their edges.
#[test]
fn ranges_hold_their_width() {
    use crate::layout::{Hint, Input};
    use halo2curves::bn256::Fr;
    for width in [1, 4, 6, 8, 12, 13, 14, 16, 26, 40, 96, 130, 160, 192, 247] {
        let end = crate::convert::power_of_two(width);
        let cases = [
            (Fr::ZERO, true),
            (end - Fr::ONE, true),
            (end, false),
            (end + Fr::ONE, false),
            (-Fr::ONE, false),
            (Fr::from(2).invert().unwrap(), false),
        ];
        for (value, holds) in cases {
            let grid = Grid::build(60, |layout| {
                layout.range(Input::Hint(value, Hint::Ranged), width);
            });
            assert_eq!(grid.failures(&[]).is_empty(), holds, "{width} bits");
        }
    }
}

/// A Merkle step places the child as the protocol does, and its bits are bits.
#[test]
fn merkle_places() {
    use crate::chips::merkle::hinted_path;
    use halo2curves::bn256::Fr;
    let siblings: Vec<[Fr; 3]> = (0..4)
        .map(|level| [1, 2, 3].map(|i| Fr::from(10 * level + i)))
        .collect();
    let ark: Vec<[ark_bn254::Fr; 3]> = siblings
        .iter()
        .map(|level| level.map(|sibling| from_halo2(&sibling)))
        .collect();
    let leaf = Fr::from(99);
    for index in 0..256u64 {
        let mut root = Fr::ZERO;
        let grid = Grid::build(100, |layout| {
            let leaf = layout.free_word(leaf);
            root = layout.climb(leaf, &hinted_path(index, &siblings)).0.value;
        });
        assert!(grid.failures(&[]).is_empty());
        let expected = subrosa_protocol::tree::fold(index, from_halo2(&leaf), &ark);
        assert_eq!(from_halo2(&root), expected);
    }
    // 2 is not a bit.
    for bit in 0..2 {
        let mut path = hinted_path(0, &siblings);
        path[1].bits[bit] = crate::layout::Input::Hint(Fr::from(2), crate::layout::Hint::Bit);
        let grid = Grid::build(100, |layout| {
            let leaf = layout.free_word(leaf);
            layout.climb(leaf, &path);
        });
        assert!(!grid.failures(&[]).is_empty());
    }
}
