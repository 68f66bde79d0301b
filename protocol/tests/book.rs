//! The values of the book's test vectors (spec: *Test vectors*) are those of the code.

use subrosa_protocol::{
    Fr,
    asset::AssetId,
    domain::Domain,
    element::OwnerId,
    encoding::fr_to_hex,
    ledger::Ledger,
    note::Note,
    nullifier_tree::maximum,
    poseidon::{hash, hash3},
    transaction::Context,
    tree::empty_root,
};

const BOOK: &str = include_str!("../../spec/src/vectors.md");
const BATCH: &str = include_str!("../vectors/batch.json");
const KEYS: &str = include_str!("../vectors/keys.json");

/// Asserts that a row of the book whose first column starts with `label` has this value.
fn row(label: &str, value: &Fr) {
    let value = fr_to_hex(value);
    let found = BOOK
        .lines()
        .any(|line| line.starts_with(&format!("| {label}")) && line.contains(&value));
    assert!(found, "{label}: {value}");
}

fn numbers<const N: usize>() -> [Fr; N] {
    std::array::from_fn(|i| Fr::from(1 + i as u64))
}

#[test]
fn hashes_and_notes_of_the_book_are_computed() {
    row(
        "H(NODE; 0, 0, 0, 0)",
        &hash(Domain::Node, &[Fr::from(0u64); 4]),
    );
    row("H(NODE; 1, 2, 3, 4)", &hash(Domain::Node, &numbers::<4>()));
    row(
        "H(STATE; 1, 2, 3, 4, 5, 6)",
        &hash(Domain::State, &numbers::<6>()),
    );
    let [first, second, _] = hash3(Domain::Delivery, &numbers::<3>());
    row("H(DELIVERY; 1, 2, 3), first", &first);
    row("H(DELIVERY; 1, 2, 3), second", &second);
    let context = Context {
        chain_id: 31_337,
        rollup: [0x5b; 20],
    };
    row("H(CONTEXT;", &context.word());
    let note = Note::cash(
        AssetId(2),
        1000,
        OwnerId::new(Fr::from(1u64)),
        Fr::from(2u64),
    );
    row("cm of the cash note", note.commitment().element());
}

#[test]
fn the_genesis_state_of_the_book_is_the_ledgers() {
    let ledger = Ledger::new();
    let [notes, nullifiers, history, ..] = ledger.state().words();
    row("note root", &notes);
    row("nullifier root", &nullifiers);
    row("history root", &history);
    row("state", &ledger.state().commitment());
    let leaf = [Fr::from(0u64), maximum()];
    row("leaf 0", &hash(Domain::NullifierLeaf, &leaf));
    row("root of an asset tree", &empty_root(8));
}

#[test]
fn keys_and_the_batch_of_the_book_are_those_of_the_files() {
    for section in ["## Keys", "## A batch"] {
        let start = BOOK.find(section).expect("the section exists");
        let text = BOOK[start + 3..].split("\n## ").next().unwrap();
        let values: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split('|').nth(2))
            .map(str::trim)
            .filter(|value| value.len() >= 64)
            .collect();
        assert!(values.len() >= 8, "{section}");
        for value in values {
            assert!(BATCH.contains(value) || KEYS.contains(value), "{value}");
        }
    }
}
