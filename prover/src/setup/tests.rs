use super::bundle::{Bundle, OtherKeys};
use super::*;
use crate::backend::CpuBackend;
use crate::groth16::prover_tests::Powers;
use crate::halo2::tests::Products;
use crate::progress::Silent;
use ark_ff::{Field, UniformRand};
use ark_snark::SNARK;
use halo2curves::bn256;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use subrosa_protocol::element::TransactionDigest;
use tempfile::TempDir;

fn store() -> (TempDir, KeyStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = KeyStore::open(&dir.path().join("keys")).unwrap();
    (dir, store)
}

fn powers(rounds: usize) -> impl Fn() -> Powers + Sync {
    move || Powers { rounds, base: None }
}

fn groth16(store: &KeyStore, rounds: usize) -> Result<(Groth16Prover, bool), SetupError> {
    store.groth16("powers", powers(rounds), &Silent)
}

/// Counts how often each phase begins.
#[derive(Default)]
struct Counting(Mutex<BTreeMap<String, usize>>);

impl Progress for Counting {
    fn phase(&self, name: &str, _: u64, _: u64) {
        *self.0.lock().unwrap().entry(name.to_owned()).or_default() += 1;
    }
}

fn products(constants: &[u64]) -> Products {
    Products {
        constants: constants.to_vec(),
        x: None,
    }
}

fn files(dir: &TempDir, stem: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(dir.path().join("keys"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(stem)
        })
        .collect();
    found.sort();
    found
}

#[test]
fn development_keys_are_made_once_and_read_back() {
    let (_dir, store) = store();
    let counting = Counting::default();
    let (made, unsafe_development) = store.groth16("powers", powers(10), &counting).unwrap();
    assert!(unsafe_development);
    let (read, unsafe_development) = store.groth16("powers", powers(10), &counting).unwrap();
    assert!(unsafe_development);
    assert_eq!(counting.0.lock().unwrap()["transaction setup"], 1);
    assert_eq!(made.vk, read.vk);

    // Keys that were read prove like keys that were made.
    let circuit = Powers {
        rounds: 10,
        base: Some(Fr::from(5u64)),
    };
    let assignment = crate::groth16::assignment(circuit.clone()).unwrap();
    let (r, s) = (Fr::rand(&mut OsRng), Fr::rand(&mut OsRng));
    let proof = read.prove(&CpuBackend, &assignment, &r, &s);
    assert_eq!(proof, made.prove(&CpuBackend, &assignment, &r, &s));
    assert!(Groth16::<Bn254>::verify(&made.vk, &[circuit.output()], &proof).unwrap());
}

#[test]
fn keys_of_an_earlier_circuit_are_never_used() {
    let (dir, store) = store();
    let (old, _) = groth16(&store, 10).unwrap();
    let (new, _) = groth16(&store, 11).unwrap();
    assert_ne!(old.vk, new.vk);
    // The files of the old keys are gone, those of the new keys stay.
    assert_eq!(files(&dir, "powers-pk").len(), 1);
    assert_eq!(groth16(&store, 11).unwrap().0.vk, new.vk);
}

#[test]
fn keys_of_a_ceremony_are_not_replaced_by_development_ones() {
    let (_dir, store) = store();
    groth16(&store, 10).unwrap();
    let held = store.store.exclusive().unwrap();
    let mut entry = store.store.entry("powers").unwrap().unwrap();
    entry.unsafe_development = false;
    store.store.commit(&held, "powers", entry).unwrap();
    drop(held);
    assert!(!groth16(&store, 10).unwrap().1);
    assert!(matches!(
        groth16(&store, 11),
        Err(SetupError::Outdated { name }) if name == "powers"
    ));
}

#[test]
fn a_corrupted_file_is_detected() {
    for stem in ["powers-pk", "powers-vk"] {
        let (dir, store) = store();
        groth16(&store, 10).unwrap();
        let path = files(&dir, stem).remove(0);
        let good = fs::read(&path).unwrap();
        for place in [0, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[place] ^= 4;
            fs::write(&path, bad).unwrap();
            assert!(matches!(
                groth16(&store, 10),
                Err(SetupError::Corrupted { .. })
            ));
        }
        fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert!(matches!(
            groth16(&store, 10),
            Err(SetupError::Corrupted { .. })
        ));
        fs::remove_file(&path).unwrap();
        assert!(matches!(groth16(&store, 10), Err(SetupError::Io { .. })));
        fs::write(&path, good).unwrap();
        assert!(groth16(&store, 10).is_ok());
    }
}

#[test]
fn a_verifying_key_of_another_setup_is_detected() {
    let (_dir, store) = store();
    groth16(&store, 10).unwrap();
    store.groth16("other", powers(10), &Silent).unwrap();
    let held = store.store.exclusive().unwrap();
    let other = store.store.entry("other").unwrap().unwrap();
    let mut entry = store.store.entry("powers").unwrap().unwrap();
    entry
        .files
        .insert("vk".to_owned(), other.files["vk"].clone());
    store.store.commit(&held, "powers", entry).unwrap();
    drop(held);
    assert!(matches!(
        groth16(&store, 10),
        Err(SetupError::Corrupted { .. })
    ));
}

#[test]
fn a_manifest_is_understood_or_refused() {
    let (dir, store) = store();
    groth16(&store, 10).unwrap();
    let keys = dir.path().join("keys");
    let path = keys.join("manifest.json");
    let good = fs::read_to_string(&path).unwrap();
    let pk = files(&dir, "powers-pk").remove(0);
    let name = pk.file_name().unwrap().to_str().unwrap();
    for bad in [
        good[..good.len() / 2].to_owned(),
        good.replacen("\"version\": 1", "\"version\": 2", 1),
        good.replacen("\"version\"", "\"verzion\"", 1),
    ] {
        fs::write(&path, bad).unwrap();
        assert!(matches!(
            KeyStore::open(&keys),
            Err(SetupError::Manifest { .. })
        ));
    }
    // A manifest cannot name files outside its directory.
    fs::write(&path, good.replace(name, "../outside")).unwrap();
    assert!(matches!(
        groth16(&store, 10),
        Err(SetupError::Manifest { .. })
    ));
}

#[test]
fn concurrent_first_use_makes_one_key() {
    let (dir, _) = store();
    let keys = dir.path().join("keys");
    let setups = AtomicUsize::new(0);
    struct Setups<'a>(&'a AtomicUsize);
    impl Progress for Setups<'_> {
        fn phase(&self, name: &str, _: u64, _: u64) {
            if name == "transaction setup" {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
    let made: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let store = KeyStore::open(&keys).unwrap();
                    let progress = Setups(&setups);
                    store.groth16("powers", powers(30), &progress).unwrap().0.vk
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(made.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(setups.load(Ordering::SeqCst), 1);
}

#[test]
fn setup_stops_when_asked() {
    struct Stop;
    impl Progress for Stop {
        fn phase(&self, _: &str, _: u64, _: u64) {}
        fn cancelled(&self) -> bool {
            true
        }
    }
    let (dir, store) = store();
    assert!(matches!(
        store.groth16("powers", powers(10), &Stop),
        Err(SetupError::Cancelled)
    ));
    assert!(files(&dir, "powers").is_empty());
}

#[test]
fn halo2_keys_follow_circuit_and_parameters() {
    let (_dir, store) = store();
    let counting = Counting::default();
    let made = || counting.0.lock().unwrap()["making batch keys"];
    let circuit = products(&[1, 2, 3]);
    let keys = |store: &KeyStore, circuit: &Products| {
        store.halo2("products", circuit, 6, 1, &counting).unwrap()
    };

    let (first, unsafe_development) = keys(&store, &circuit);
    assert!(unsafe_development);
    let (read, _) = keys(&store, &circuit);
    assert_eq!(made(), 1);
    assert_eq!(first.vk().transcript_repr(), read.vk().transcript_repr());

    // Another circuit with the same columns and gates.
    keys(&store, &products(&[1, 2, 4]));
    assert_eq!(made(), 2);

    // Public parameters, cut from a larger file, replace development parameters.
    let path = _dir.path().join("public.srs");
    fs::write(&path, srs::generate(8)).unwrap();
    assert_eq!(store.import_srs(&path).unwrap(), 8);
    let (public, unsafe_development) = keys(&store, &products(&[1, 2, 4]));
    assert!(!unsafe_development);
    assert_eq!(made(), 3);
    assert!(!keys(&store, &products(&[1, 2, 4])).1);
    assert_eq!(made(), 3);

    let mut circuit = products(&[1, 2, 4]);
    circuit.x = Some(bn256::Fr::from(3));
    let output = circuit.output();
    let proof = circuit.prove(&public);
    assert!(public.verify(&[output], &proof));
    assert!(!first.verify(&[output], &proof));
}

#[test]
fn corrupted_batch_keys_and_parameters_are_detected() {
    for stem in ["products-vk", "products-columns", "kzg-6"] {
        let (dir, store) = store();
        let load = || {
            store
                .halo2("products", &products(&[1, 2]), 6, 1, &Silent)
                .map(drop)
        };
        load().unwrap();
        let path = files(&dir, stem).remove(0);
        let good = fs::read(&path).unwrap();
        for place in [0, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[place] ^= 4;
            fs::write(&path, bad).unwrap();
            assert!(matches!(load(), Err(SetupError::Corrupted { .. })));
        }
        for bad in [&good[..good.len() - 1], &[&good[..], &[0]].concat()] {
            fs::write(&path, bad).unwrap();
            assert!(matches!(load(), Err(SetupError::Corrupted { .. })));
        }
        fs::write(&path, good).unwrap();
        load().unwrap();
    }
}

#[test]
fn the_padding_proof_is_made_once_and_verified_each_time() {
    let (dir, store) = store();
    let counting = Counting::default();
    let made = || counting.0.lock().unwrap()["padding proof"];
    let padding = |store: &KeyStore| store.clients(&mut Loaded::default(), &counting);
    let first = padding(&store).unwrap();
    let again = padding(&KeyStore::open(&dir.path().join("keys")).unwrap()).unwrap();
    assert_eq!(made(), 1);
    assert_eq!(first.key(), again.key());
    let (words, _) = subrosa_transaction::padding_statement();
    assert_eq!(
        first.key().padding,
        subrosa_protocol::transaction::digest(&words)
    );

    // A file with the right hash that does not contain a proof.
    let held = store.store.exclusive().unwrap();
    let mut entry = store.store.entry("padding").unwrap().unwrap();
    let file = store
        .store
        .write(&held, "padding", |writer| writer.write_all(&[0; 128]))
        .unwrap();
    entry.files.insert("proof".to_owned(), file);
    store.store.commit(&held, "padding", entry.clone()).unwrap();
    drop(held);
    assert!(matches!(padding(&store), Err(SetupError::Corrupted { .. })));

    // A proof for another transaction key or another statement is replaced.
    let held = store.store.exclusive().unwrap();
    entry.fingerprint = "of another key".to_owned();
    store.store.commit(&held, "padding", entry).unwrap();
    drop(held);
    assert_eq!(padding(&store).unwrap().key(), first.key());
    assert_eq!(made(), 2);
}

#[test]
fn another_client_key_is_another_batch_circuit() {
    let (_dir, store) = store();
    let clients = store.clients(&mut Loaded::default(), &Silent).unwrap();
    let of = |key: subrosa_batch::ClientKey| {
        let circuit = BatchCircuit::blank(Shape::S4, Arc::new(key));
        crate::halo2::fingerprint(&circuit, BatchCircuit::k(Shape::S4)).unwrap()
    };
    let key = clients.key();
    let original = of((**key).clone());
    assert_eq!(original, of((**key).clone()));
    let change = |change: fn(&mut subrosa_batch::ClientKey)| {
        let mut key = (**key).clone();
        change(&mut key);
        assert_ne!(of(key), original);
    };
    change(|key| key.alpha = -key.alpha);
    change(|key| key.beta = -key.beta);
    change(|key| key.gamma = -key.gamma);
    change(|key| key.delta = -key.delta);
    change(|key| key.inputs[0] = -key.inputs[0]);
    change(|key| key.inputs[1] = -key.inputs[1]);
    change(|key| key.padding = TransactionDigest::new(Fr::from(key.padding) + Fr::ONE));
}

#[test]
fn tampered_parameters_are_not_imported() {
    let (dir, store) = store();
    let path = dir.path().join("public.srs");
    let mut bytes = srs::generate(7);
    // Exchange two powers: all points are valid, only their order is wrong.
    let (a, b) = (4 + 64 * 10, 4 + 64 * 11);
    let point = bytes[a..a + 64].to_vec();
    bytes.copy_within(b..b + 64, a);
    bytes[b..b + 64].copy_from_slice(&point);
    fs::write(&path, bytes).unwrap();
    assert!(matches!(
        store.import_srs(&path),
        Err(SetupError::Parameters {
            reason: SrsError::Powers,
            ..
        })
    ));
    assert!(store.store.manifest().unwrap().entries.is_empty());
}

/// `cargo test --release -p subrosa-prover -- --ignored --nocapture parameter_times`.
#[test]
#[ignore = "a measurement, not a check"]
fn parameter_times() {
    for k in [14, 16, 18] {
        let start = std::time::Instant::now();
        let bytes = srs::generate(k);
        let generated = start.elapsed();
        let start = std::time::Instant::now();
        srs::read(&bytes).unwrap();
        let read = start.elapsed();
        let start = std::time::Instant::now();
        srs::read_checked(&bytes).unwrap();
        println!(
            "k = {k}: generated in {generated:?}, read in {read:?}, checked in {:?}",
            start.elapsed()
        );
    }
    let _ = Fr::ONE;
}

/// Makes a store with two small keys, `powers` and `other`.
fn two_keys() -> (TempDir, KeyStore) {
    let (dir, store) = store();
    groth16(&store, 10).unwrap();
    store.groth16("other", powers(7), &Silent).unwrap();
    (dir, store)
}

fn import(store: &KeyStore, from: &Path, others: OtherKeys) -> Result<Bundle, SetupError> {
    store.import(from, None, others, &Silent)
}

#[test]
fn a_bundle_carries_keys_to_another_directory() {
    let (dir, source) = two_keys();
    let path = dir.path().join("bundle");
    let exported = source.export(&path, true).unwrap();
    assert_eq!(exported.names, ["other", "powers"]);
    // Without the wish for all keys, a bundle holds those of the transaction circuit.
    assert!(matches!(
        source.export(&dir.path().join("none"), false),
        Err(SetupError::Bundle { .. })
    ));
    assert!(matches!(
        source.export(&path, true),
        Err(SetupError::Bundle { reason }) if reason.contains("exists")
    ));

    let (_there, target) = store();
    let hash = format!("0x{}", exported.hash.to_uppercase());
    let imported = target.import(&path, Some(&hash), OtherKeys::Keep, &Silent);
    assert_eq!(imported.unwrap(), exported);
    let counting = Counting::default();
    let (keys, _) = target.groth16("powers", powers(10), &counting).unwrap();
    assert_eq!(keys.vk, groth16(&source, 10).unwrap().0.vk);
    assert!(!counting.0.lock().unwrap().contains_key("transaction setup"));
    // The same again changes nothing, and the target's bundle has the same hash.
    assert_eq!(import(&target, &path, OtherKeys::Keep).unwrap(), exported);
    assert_eq!(
        target.export(&dir.path().join("again"), true).unwrap(),
        exported
    );
}

#[test]
fn an_import_replaces_other_keys_only_on_request() {
    let (dir, source) = two_keys();
    let path = dir.path().join("bundle");
    source.export(&path, true).unwrap();
    let (there, target) = store();
    let own = groth16(&target, 10).unwrap().0;
    let before = fs::read(there.path().join("keys/manifest.json")).unwrap();
    assert!(matches!(
        import(&target, &path, OtherKeys::Keep),
        Err(SetupError::Exists { name }) if name == "powers"
    ));
    // Nothing was put in place, not even the keys that were missing.
    assert_eq!(
        fs::read(there.path().join("keys/manifest.json")).unwrap(),
        before
    );
    assert!(files(&there, "other").is_empty());
    assert_eq!(groth16(&target, 10).unwrap().0.vk, own.vk);

    import(&target, &path, OtherKeys::Replace).unwrap();
    let theirs = groth16(&source, 10).unwrap().0;
    assert_eq!(groth16(&target, 10).unwrap().0.vk, theirs.vk);
    assert_eq!(files(&there, "powers-pk").len(), 1);
}

#[test]
fn a_changed_bundle_is_refused_and_changes_nothing() {
    let (dir, source) = two_keys();
    let path = dir.path().join("bundle");
    let exported = source.export(&path, true).unwrap();
    let (there, target) = store();
    let refuses = || {
        let refused = import(&target, &path, OtherKeys::Replace).unwrap_err();
        assert!(!there.path().join("keys/manifest.json").exists());
        assert!(files(&there, "p").is_empty() && files(&there, "o").is_empty());
        refused
    };
    for name in ["powers-pk.bin", "powers-vk.bin", "other-pk.bin"] {
        let file = path.join(name);
        let good = fs::read(&file).unwrap();
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 1;
        fs::write(&file, bad).unwrap();
        assert!(matches!(refuses(), SetupError::Corrupted { .. }));
        fs::write(&file, &good[1..]).unwrap();
        assert!(matches!(refuses(), SetupError::Corrupted { .. }));
        fs::remove_file(&file).unwrap();
        assert!(matches!(refuses(), SetupError::Io { .. }));
        fs::write(&file, good).unwrap();
    }
    let wrong = target.import(&path, Some(&"0".repeat(64)), OtherKeys::Keep, &Silent);
    assert!(matches!(wrong, Err(SetupError::Bundle { .. })));
    let manifest = path.join("manifest.json");
    let good = fs::read_to_string(&manifest).unwrap();
    for (from, to) in [
        ("powers-pk.bin", "../powers-pk.bin"),
        ("\"powers\"", "\"../powers\""),
        ("\"version\": 1", "\"version\": 2"),
    ] {
        assert!(good.contains(from));
        fs::write(&manifest, good.replace(from, to)).unwrap();
        assert!(matches!(
            refuses(),
            SetupError::Manifest { .. } | SetupError::Bundle { .. }
        ));
    }
    fs::remove_file(&manifest).unwrap();
    assert!(matches!(refuses(), SetupError::Bundle { .. }));
    fs::write(&manifest, good).unwrap();
    assert_eq!(import(&target, &path, OtherKeys::Keep).unwrap(), exported);
}

#[test]
fn keys_of_another_circuit_are_no_transaction_keys() {
    let (dir, source) = two_keys();
    let held = source.store.exclusive().unwrap();
    let entry = source.store.entry("powers").unwrap().unwrap();
    source.store.commit(&held, "transaction", entry).unwrap();
    drop(held);
    let path = dir.path().join("bundle");
    source.export(&path, false).unwrap();
    let (_there, target) = store();
    assert!(matches!(
        import(&target, &path, OtherKeys::Keep),
        Err(SetupError::Bundle { reason }) if reason.contains("circuit")
    ));
    assert!(target.transaction_files().unwrap().is_none());
}
