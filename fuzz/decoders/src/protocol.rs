//! Decoders of the protocol's formats.

use std::sync::LazyLock;

use ark_ff::PrimeField;
use rand::{RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use subrosa_protocol::{
    Fr,
    batch::{BatchHeader, BatchWitness, PublishedBatch, Shape},
    encryption::{NoteData, PublishedOutputs, Scanner, Sent, trial_decrypt},
    keys::{ADDRESS_LEN, Address, AuditorKey, Network, Seed, ViewingKey},
    market::{MARKETS, Markets, PriceSnapshot},
    message::{self, MESSAGE_LEN, SealedMessage},
    transaction::{Submission, Transaction},
};

/// Key of the recipient that decrypts in the targets.
pub(crate) static RECIPIENT: LazyLock<ViewingKey> =
    LazyLock::new(|| ViewingKey::from_seed(&Seed::from_bytes([7; 32])));

/// A transaction with its proof, as a sequencer receives it.
///
/// # Panics
/// If a decoder accepts a second encoding.
pub fn submission(data: &[u8]) {
    if let Ok(transaction) = Transaction::from_bytes(data) {
        assert_eq!(transaction.to_bytes(), data, "transaction");
        let words = transaction.words(&Fr::from(1u64));
        let read = Transaction::from_words(&words).expect("words of a transaction are readable");
        assert!(read.1 == transaction, "words");
    }
    if let Ok(submission) = Submission::from_bytes(data) {
        assert_eq!(submission.to_bytes(), data, "submission");
    }
}

/// A published batch, as a wallet downloads it, and its words.
///
/// # Panics
/// If a decoder accepts a second encoding, or words and bytes disagree.
pub fn published_batch(data: &[u8]) {
    let Ok(batch) = PublishedBatch::from_bytes(data) else {
        return;
    };
    assert_eq!(batch.to_bytes(), data, "batch");
    let again = PublishedBatch::from_words(batch.shape, &batch.words());
    assert_eq!(
        again.map(|b| b.to_bytes()).ok().as_deref(),
        Some(data),
        "words"
    );
}

/// The witness of a batch, as a prover reads it from a file or from a sequencer.
///
/// # Panics
/// If the decoder accepts a second encoding.
pub fn batch_witness(data: &[u8]) {
    if let Ok(witness) = BatchWitness::from_bytes(data) {
        assert_eq!(witness.to_bytes(), data, "witness");
    }
}

/// Ciphertexts of a transaction: trial decryption by a recipient, recovery by the sender, and the
/// form in words.
///
/// # Panics
/// If scanning and trial decryption disagree, or words are not canonical.
pub fn note_data(data: &[u8]) {
    let words = elements::<3>(data);
    if let Ok(note_data) = NoteData::from_words(&words) {
        assert!(note_data.to_words() == words, "note data words");
    }
    let Ok(transaction) = Transaction::from_bytes(data) else {
        return;
    };
    let published = PublishedOutputs {
        ephemeral: transaction.ephemeral,
        nullifiers: transaction.nullifiers,
        commitments: transaction.commitments,
        audit: transaction.audit,
        note_data: transaction.note_data,
    };
    let one = trial_decrypt(&RECIPIENT, &published);
    let scanned = Scanner::new(&RECIPIENT).scan(std::slice::from_ref(&published));
    assert!(one.as_slice() == scanned, "scan");
    let auditor = AuditorKey::from_seed(&Seed::from_bytes([9; 32]));
    if let Some(sent) = Sent::read(&RECIPIENT, &published, &[auditor.public()]) {
        let _ = (sent.change(), sent.payment());
    }
}

/// An address: text in bech32m, or 64 bytes.
///
/// # Panics
/// If the decoder accepts a second encoding.
pub fn address(data: &[u8]) {
    if let Ok(bytes) = <&[u8; ADDRESS_LEN]>::try_from(data)
        && let Ok(address) = Address::from_bytes(bytes)
    {
        assert_eq!(&address.to_bytes(), bytes, "address bytes");
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for network in [Network::Development, Network::Production] {
        if let Ok(address) = Address::decode(text, network) {
            assert!(text.eq_ignore_ascii_case(&address.encode(network)), "text");
        }
    }
}

/// A sealed message for the recipient: the bytes as they come, and as the payload of a message that
/// is sealed properly.
///
/// # Panics
/// If a sealed payload does not come out as it went in.
pub fn sealed_message(data: &[u8]) {
    let mut bytes = [0; MESSAGE_LEN];
    for (to, from) in bytes.iter_mut().zip(data) {
        *to = *from;
    }
    let _ = message::open(&RECIPIENT, &SealedMessage(bytes));

    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let sender = ViewingKey::from_seed(&Seed::from_bytes([8; 32]));
    if let Ok(mut sealed) = message::seal(&sender, &RECIPIENT.address(), data, &mut rng) {
        let opened = message::open(&RECIPIENT, &sealed).expect("a proper message opens");
        assert_eq!(opened.payload, data, "payload");
        let at = rng.next_u32() as usize % MESSAGE_LEN;
        sealed.0[at] ^= 1;
        assert!(
            message::open(&RECIPIENT, &sealed).is_none(),
            "altered message"
        );
    }
}

/// Words as L1 returns them: batches, headers, markets and prices.
///
/// # Panics
/// If a decoder accepts words that it would not write.
pub fn l1_words(data: &[u8]) {
    let words: Vec<Fr> = data.chunks(32).map(element).collect();
    for shape in Shape::ALL {
        let mut padded = words.clone();
        padded.resize(shape.words_len(), Fr::from(0u64));
        if let Ok(batch) = PublishedBatch::from_words(shape, &padded) {
            assert!(batch.words() == padded, "batch words");
        }
    }
    let header = elements(data);
    if let Ok(read) = BatchHeader::from_words(&header) {
        assert!(read.words() == header, "header words");
    }
    let markets = elements::<MARKETS>(data);
    if let Ok(read) = Markets::from_words(&markets) {
        assert!(read.words() == markets, "market words");
    }
    let prices = elements::<MARKETS>(data);
    let _ = PriceSnapshot::prices_from_words(&prices);
}

/// The bytes as an element, big-endian, reduced.
fn element(bytes: &[u8]) -> Fr {
    Fr::from_be_bytes_mod_order(bytes)
}

/// The first `N` pieces of 32 bytes as elements; 0 where the bytes end.
fn elements<const N: usize>(data: &[u8]) -> [Fr; N] {
    let mut pieces = data.chunks(32);
    std::array::from_fn(|_| pieces.next().map_or_else(|| Fr::from(0u64), element))
}
