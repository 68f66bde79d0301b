//! The values of the book's test vectors (spec: *Test vectors*) are those of the code.

use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetInfo, AssetTree, Stop},
    domain::Domain,
    element::{Anchor, OwnerId},
    encoding::{fr_from_bytes, fr_to_bytes, fr_to_hex, scalar_to_bytes},
    encryption::{
        AuditRecord, AuditWords, EphemeralKey, PublishedOutputs, Sent, audit_encrypt, audit_packed,
        auditor_shared, trial_decrypt,
    },
    keys::{AuditorKey, Seed, ViewingKey},
    ledger::Ledger,
    note::{Note, dummy_nullifier, nullifier},
    nullifier_tree::maximum,
    poseidon::{hash, hash3},
    transaction::{Context, Header, Kind, Transaction},
    tree::{NoteTree, empty_root},
};

const BOOK: &str = include_str!("../../spec/src/vectors.md");
const BATCH: &str = include_str!("../vectors/batch.json");
const KEYS: &str = include_str!("../vectors/keys.json");

/// The rollup of the book's examples.
const CONTEXT: Context = Context {
    chain_id: 31_337,
    rollup: [0x5b; 20],
};

/// Asserts that a row of the book whose first column starts with `label` has this value.
fn row(label: &str, value: &Fr) {
    text(label, &fr_to_hex(value));
}

/// Asserts the same of a value that is no element.
fn text(label: &str, value: &str) {
    let found = BOOK
        .lines()
        .any(|line| line.starts_with(&format!("| {label}")) && line.contains(value));
    assert!(found, "{label}: {value}");
}

fn numbers<const N: usize>() -> [Fr; N] {
    std::array::from_fn(|i| Fr::from(1 + i as u64))
}

/// Asserts the outputs of a hash of the first numbers, which have one row each.
fn outputs<const N: usize>(domain: Domain, label: &str, names: &[&str]) {
    for (name, output) in names.iter().zip(hash3(domain, &numbers::<N>())) {
        row(&format!("{label}, {name} output"), &output);
    }
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
    let pair = ["first", "second"];
    outputs::<3>(Domain::Delivery, "H(DELIVERY; 1, 2, 3)", &pair);
    outputs::<4>(Domain::Loan, "H(LOAN; 1, 2, 3, 4)", &pair);
    outputs::<4>(Domain::Opening, "H(OPENING; 1, 2, 3, 4)", &pair);
    let three = ["first", "second", "third"];
    outputs::<2>(Domain::Step, "H(STEP; 1, 2)", &three);
    row(
        "H(ASSET_LEAF; 1, 2, 3)",
        &hash(Domain::AssetLeaf, &numbers::<3>()),
    );
    row("H(TERMS; 1, 2, 3, ", &hash(Domain::Terms, &numbers::<8>()));
    row(
        "H(POSITION; 1, 2, 3)",
        &hash(Domain::Position, &numbers::<3>()),
    );
    row(
        "H(SNAPSHOT; 1, 2, 3, ",
        &hash(Domain::Snapshot, &numbers::<18>()),
    );
    row("H(CONTEXT;", &CONTEXT.word());
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

/// The payment of the book, from seed 00… to seed 01…, audited by seed ff….
#[test]
fn the_payment_of_the_book_is_the_codes() {
    let asset = AssetId(2);
    let [sender, payee] = [0, 1].map(|byte| ViewingKey::from_seed(&Seed::from_bytes([byte; 32])));
    let auditor = AuditorKey::from_seed(&Seed::from_bytes([0xff; 32]));
    let input = Note::cash(asset, 1030, sender.owner, sender.deposit_rcm(7));
    let dummy = |rcm: u64| Note::cash(asset, 0, sender.owner, Fr::from(rcm));
    let spent = [input, dummy(1), dummy(2)].map(|note| note.commitment());
    for (i, commitment) in spent.iter().enumerate() {
        row(&format!("commitment of input {i}"), commitment.element());
    }
    let [first, second, third] = spent;
    let message = [sender.nk, first.into(), Fr::from(3u64)];
    row(
        "H(NULLIFIER; nk, cm of input 0, 3)",
        &hash(Domain::Nullifier, &message),
    );
    for (i, commitment) in [(1, second), (2, third)] {
        let message = [sender.nk, commitment.into(), Fr::from(0u64)];
        row(
            &format!("H(NULLIFIER_DUMMY; nk, cm of input {i}, 0)"),
            &hash(Domain::NullifierDummy, &message),
        );
    }
    let nullifiers = [
        nullifier(&sender.nk, &first, 3),
        dummy_nullifier(&sender.nk, &second, 0),
        dummy_nullifier(&sender.nk, &third, 0),
    ];
    for (i, nullifier) in ["₀", "₁", "₂"].into_iter().zip(nullifiers) {
        text(&format!("nf{i}"), &nullifier.to_string());
    }

    let ephemeral = EphemeralKey::new(&sender.ovk, &nullifiers);
    let esk = fr_from_bytes(&scalar_to_bytes(ephemeral.scalar())).unwrap();
    row("esk", &esk);
    row("E.y", &ephemeral.y());
    row("S₀.y", &ephemeral.shared(&payee.pk));
    row("T.y", &ephemeral.shared(&auditor.public()));
    let memo = "invoice 2026-11".parse().unwrap();
    let notes = [
        ephemeral.payment(payee.owner, asset, 1000, &memo),
        ephemeral.change(1, sender.owner, asset, 23),
        ephemeral.change(2, sender.owner, asset, 0),
    ];
    let tag = sender.owner.tag();
    for (i, (digit, note)) in ["₀", "₁", "₂"].into_iter().zip(&notes).enumerate() {
        row(&format!("rcm{digit}"), &note.rcm);
        row(&format!("cm{digit}"), note.commitment().element());
        row(&format!("plaintext of A{digit}"), &audit_packed(note, tag));
        let ciphertext = audit_encrypt(&ephemeral, &auditor.public(), note, tag);
        row(&format!("A{digit}"), &ciphertext.note);
        if i < 2 {
            row(&format!("O{digit}"), &ciphertext.owner);
        }
    }
    text("sender's bits", &tag.to_string());
    let audit = AuditWords::join(
        notes
            .each_ref()
            .map(|note| audit_encrypt(&ephemeral, &auditor.public(), note, tag)),
    );
    let note_data = ephemeral.seal(&payee.pk, &notes[0], &memo);
    for (i, word) in ["₀", "₁", "₂"].into_iter().zip(note_data.to_words()) {
        row(&format!("P{i}"), &word);
    }

    // The calldata, line by line as the book prints them.
    let published = PublishedOutputs {
        ephemeral: ephemeral.y(),
        nullifiers,
        commitments: notes.each_ref().map(Note::commitment),
        audit,
        note_data,
    };
    let mut lines: Vec<Vec<u8>> = nullifiers.map(|nf| nf.to_bytes().to_vec()).to_vec();
    lines.extend(published.commitments.map(|cm| cm.to_bytes().to_vec()));
    lines.push(fr_to_bytes(&published.ephemeral).to_vec());
    lines.extend(audit.0.map(|word| fr_to_bytes(&word).to_vec()));
    lines.extend(note_data.0.chunks(31).map(<[u8]>::to_vec));
    assert_eq!(lines.concat().len(), 431);
    let text: Vec<String> = lines.iter().map(hex::encode).collect();
    assert!(BOOK.contains(&text.join("\n")), "{}", text.join("\n"));

    // The words that L1 does not see, and the digest.
    let zero = Fr::from(0u64);
    let info = AssetInfo {
        id: asset,
        token: [0x22; 20],
        flags: 0,
        auditor: auditor.public(),
        stop: Stop::default(),
    };
    row("packed of the asset", &info.packed());
    row("leaf of the asset", &info.leaf());
    let tree = NoteTree::from_leaves(vec![zero, zero, zero, first.into()]).unwrap();
    row("note root", &tree.root());
    let header = Header::new(Kind::Transfer, asset, 7, 1_800_000_600).unwrap();
    let transaction = Transaction {
        anchor: Anchor::of(&tree.root(), &zero),
        assets_root: AssetTree::from_iter([info]).root(),
        header: header.valid_from(1_800_000_000).unwrap(),
        withdrawal: None,
        terms: Fr::from(6u64),
        nullifiers,
        commitments: published.commitments,
        ephemeral: published.ephemeral,
        audit,
        note_data,
    };
    let words = transaction.words(&CONTEXT.word());
    for (i, word) in words.iter().take(7).enumerate() {
        row(&format!("word {i}, "), word);
    }
    let digest = transaction.digest(&CONTEXT.word());
    row("digest x of the 22 words", &digest.into());

    // Each party reads its part.
    let found = trial_decrypt(&payee, &published).unwrap();
    assert_eq!((found.note, found.memo), (notes[0], memo));
    let sent = Sent::read(&sender, &published, &[auditor.public()]).unwrap();
    assert_eq!(sent.change(), [Some(notes[1]), Some(notes[2])]);
    assert_eq!(sent.payment().unwrap().note, notes[0]);
    let shared = auditor_shared(&auditor, &published.ephemeral).unwrap();
    for (i, commitment) in published.commitments.iter().enumerate() {
        let record = AuditRecord::open(&shared, asset, 1030, i, commitment, &audit).unwrap();
        assert_eq!((record.value, record.sender), (notes[i].value, tag));
    }
}
