//! The journal in a file.

use alloy_primitives::{Address, B256};

use super::{
    super::{FileJournal, Journal as _, JournalError, Repeat, node::Identity},
    world::{CHAIN_ID, World, request},
};

const CHAIN: Identity = Identity {
    chain_id: CHAIN_ID,
    genesis: B256::repeat_byte(1),
};
const ACCOUNT: Address = Address::repeat_byte(2);

#[tokio::test]
async fn a_file_journal_holds_what_was_stored() {
    let world = World::new();
    let mut engine = world.engine();
    engine
        .submit(&request("deposit/1", Repeat::Never))
        .await
        .unwrap();
    world.mine(1);
    engine
        .submit(&request("settle/1", Repeat::UntilDone))
        .await
        .unwrap();
    let book = world.journal.load().unwrap();

    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("transactions");
    let journal = FileJournal::open(&home, CHAIN, ACCOUNT).unwrap();
    assert!(journal.load().unwrap().open.is_empty());
    journal.save(&book).unwrap();
    drop(journal);
    let files = || {
        std::fs::read_dir(&home)
            .unwrap()
            .map(|entry| entry.unwrap().path())
    };
    let file = files()
        .find(|path| path.extension().is_some_and(|e| e == "json"))
        .unwrap();
    let journal = FileJournal::open(&home, CHAIN, ACCOUNT).unwrap();
    let loaded = journal.load().unwrap();
    assert_eq!(
        serde_json::to_value(&loaded).unwrap(),
        serde_json::to_value(&book).unwrap()
    );
    journal.save(&loaded).unwrap();
    #[cfg(unix)]
    for path in files() {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
    }
    // No key is in it.
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"));
}

#[test]
fn one_process_holds_a_file_journal() {
    let directory = tempfile::tempdir().unwrap();
    let first = FileJournal::open(directory.path(), CHAIN, ACCOUNT).unwrap();
    let second = FileJournal::open(directory.path(), CHAIN, ACCOUNT);
    assert!(matches!(second, Err(JournalError::Locked(_))));
    // Another account, and another chain with the same id, have journals of their own.
    FileJournal::open(directory.path(), CHAIN, Address::repeat_byte(3)).unwrap();
    let other = Identity {
        genesis: B256::repeat_byte(9),
        ..CHAIN
    };
    FileJournal::open(directory.path(), other, ACCOUNT).unwrap();
    drop(first);
    FileJournal::open(directory.path(), CHAIN, ACCOUNT).unwrap();
}

#[test]
fn a_damaged_or_newer_journal_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let journal = FileJournal::open(directory.path(), CHAIN, ACCOUNT).unwrap();
    journal.save(&Default::default()).unwrap();
    let mut files = std::fs::read_dir(directory.path()).unwrap();
    let file = files
        .find_map(|entry| {
            let path = entry.unwrap().path();
            path.extension()
                .is_some_and(|e| e == "json")
                .then_some(path)
        })
        .unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    for damaged in [
        text.replace("\"version\":1", "\"version\":2"),
        text.replace("\"chain_id\":31337", "\"chain_id\":1"),
        text[..text.len() / 2].to_owned(),
    ] {
        assert_ne!(damaged, text);
        std::fs::write(&file, damaged).unwrap();
        let refused = journal.load();
        assert!(matches!(refused, Err(JournalError::Malformed(_))));
    }
}
