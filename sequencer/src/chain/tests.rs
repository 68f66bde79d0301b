use super::*;

fn block(number: u64, fork: u8) -> Block {
    let hash = |number: u64, fork: u8| {
        let mut bytes = [fork; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        bytes.into()
    };
    Block {
        number,
        hash: hash(number, fork),
        parent: hash(number.wrapping_sub(1), fork),
        timestamp: number * 12,
    }
}

fn seen(blocks: impl IntoIterator<Item = Block>) -> SeenBlocks {
    let mut seen = SeenBlocks::default();
    blocks.into_iter().for_each(|block| seen.note(block));
    seen
}

#[test]
fn the_first_block_and_its_successors_are_next() {
    let mut chain = seen([]);
    for number in 5..9 {
        assert_eq!(chain.relate(&block(number, 0)), Sighting::Next);
        chain.note(block(number, 0));
        assert_eq!(chain.relate(&block(number, 0)), Sighting::Next);
    }
}

#[test]
fn another_block_of_the_same_height_is_a_replacement() {
    let chain = seen([block(5, 0), block(6, 0)]);
    assert_eq!(chain.relate(&block(6, 1)), Sighting::Replaced);
    assert_eq!(chain.relate(&block(5, 1)), Sighting::Replaced);
}

#[test]
fn an_ancestor_is_behind_and_not_a_reorganisation() {
    let chain = seen([block(5, 0), block(6, 0)]);
    assert_eq!(chain.relate(&block(5, 0)), Sighting::Behind { newest: 6 });
    assert_eq!(chain.relate(&block(3, 0)), Sighting::Older { newest: 6 });
}

#[test]
fn a_gap_asks_for_the_newest_block_below_it() {
    let chain = seen([block(5, 0), block(9, 0)]);
    assert_eq!(chain.relate(&block(12, 0)), Sighting::Ask(block(9, 0)));
    assert_eq!(chain.relate(&block(7, 1)), Sighting::Ask(block(5, 0)));
    // A successor with another parent is asked about too.
    assert_eq!(chain.relate(&block(10, 1)), Sighting::Ask(block(9, 0)));
}

#[test]
fn a_noted_block_replaces_those_from_its_height_on() {
    let mut chain = seen([block(5, 0), block(6, 0), block(7, 0)]);
    chain.note(block(6, 1));
    assert_eq!(chain.newest(), Some(&block(6, 1)));
    assert_eq!(chain.relate(&block(5, 0)), Sighting::Behind { newest: 6 });
    chain.forget_from(6);
    assert_eq!(chain.newest(), Some(&block(5, 0)));
}

#[test]
fn memory_is_bounded() {
    let chain = seen((0..1_000).map(|number| block(number, 0)));
    assert_eq!(chain.0.len(), MEMORY);
}
