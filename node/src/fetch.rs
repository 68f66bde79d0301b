//! Transaction keys for a wallet that has none, from its sequencer.
//!
//! The files are named by their hashes, and checked as those of any bundle
//! ([`subrosa_prover::setup::bundle`]). The hash of the verifying key is the sequencer's word: L1
//! holds it only inside the verifying keys of the batch circuit. A wrong key cannot spend or reveal
//! a note, because every proof is blinded and verified before it leaves the wallet; the rollup
//! refuses its proofs, or the wallet makes none (spec: *Threat model*).

use std::{fs::OpenOptions, io::Write as _, path::Path, time::Duration};

use anyhow::{Context as _, bail, ensure};
use indicatif::{MultiProgress, ProgressBar};
use subrosa_client::{
    ClientError, Proxy, SequencerClient, StatusCode,
    sequencer::{KeyFileBody, KeysBody},
};
use subrosa_prover::setup::{
    KeyStore,
    bundle::{KeyFile, OtherKeys, TransactionFiles},
};

use crate::{
    Keys,
    progress::{Phases, bytes},
};

/// Attempts to reach the sequencer, and to go on with a file that broke off.
const ATTEMPTS: u32 = 5;
/// First pause between attempts. It doubles each time.
const PAUSE: Duration = Duration::from_millis(500);
/// Length beyond which a file is refused. The proving key has some 21 MB.
const LONGEST: u64 = 256 << 20;
/// Files that the keys consist of.
const ROLES: [&str; 2] = ["pk", "vk"];

/// Makes sure that the key directory has transaction keys: fetches those of the sequencer at `url`
/// if it has none, or only development keys of an older circuit. Other keys are never replaced. The
/// wallet compares them with the sequencer's when it starts. With a proxy, the sequencer is reached
/// in no other way.
///
/// # Errors
/// If there are no keys, and `allowed` is false or the sequencer offers none. Nothing changes then.
pub async fn ensure_transaction_keys(
    keys: &Keys,
    url: &str,
    proxy: Option<&Proxy>,
    allowed: bool,
    bars: &MultiProgress,
) -> anyhow::Result<()> {
    let present = keys.open()?.transaction_files()?;
    if let Some(present) = &present
        && !(present.unsafe_development && present.circuit != KeyStore::circuit()?)
    {
        return Ok(());
    }
    let directory = keys.directory.display();
    ensure!(
        allowed,
        "{directory} has no keys of the transaction circuit: import a bundle with `subrosa setup \
         keys import`, or add --fetch-keys to take those of the sequencer"
    );
    let client = match proxy {
        Some(proxy) => SequencerClient::through(url, &proxy.apart())?,
        None => SequencerClient::new(url)?,
    };
    let offered = offer(&client).await.with_context(|| {
        format!(
            "{directory} has no keys of the transaction circuit, and the sequencer gives none: \
             import a bundle with `subrosa setup keys import`, or name the right directory with \
             --keys"
        )
    })?;
    let circuit = KeyStore::circuit()?;
    ensure!(
        offered.circuit == format!("0x{circuit}"),
        "the sequencer's keys belong to another version of the circuit: use the release that it \
         runs"
    );
    let others = match present {
        Some(_) => OtherKeys::Replace,
        None => OtherKeys::Keep,
    };
    fetch(keys, &client, &offered, others, bars).await
}

/// Asks for the description of the sequencer's keys, and checks it.
async fn offer(client: &SequencerClient) -> anyhow::Result<KeysBody> {
    let hash = patiently(|| async { Ok(client.info().await?.transaction_key_hash) }).await?;
    ensure!(word(&hash).is_some(), "it states a malformed hash");
    let offered = patiently(|| client.keys(&hash)).await?;
    let offered = offered.context("it does not offer its keys")?;
    ensure!(offered.hash == hash, "it describes other keys");
    ensure!(word(&offered.circuit).is_some(), "its circuit is malformed");
    let mut roles: Vec<&str> = offered.files.iter().map(|file| &*file.role).collect();
    roles.sort_unstable();
    ensure!(roles == ROLES, "it describes other files than {ROLES:?}");
    for file in &offered.files {
        ensure!(word(&file.sha256).is_some(), "a file's hash is malformed");
        ensure!(file.bytes <= LONGEST, "{} is too long", file.role);
        // The verifying key's hash is the hash of its file.
        ensure!(
            file.role != "vk" || file.sha256 == hash,
            "its verifying key does not have the hash of its keys"
        );
    }
    Ok(offered)
}

/// Returns the 64 lower-case digits of a hash in `0x` hex.
fn word(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("0x")?;
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digits.len() == 64 && digits.bytes().all(hex)).then_some(digits)
}

/// Downloads the files to a directory beside the keys, and imports them.
async fn fetch(
    keys: &Keys,
    client: &SequencerClient,
    offered: &KeysBody,
    others: OtherKeys,
    bars: &MultiProgress,
) -> anyhow::Result<()> {
    let digits = word(&offered.hash).context("a malformed hash")?.to_owned();
    // A download that broke off goes on here at the next start.
    let incoming = keys.directory.join(format!(".incoming-{}", &digits[..16]));
    std::fs::create_dir_all(&incoming)?;
    let total = offered.files.iter().map(|file| file.bytes).sum();
    let bar = bytes(bars, "keys of the transaction circuit", total);
    let mut files = Vec::new();
    for file in &offered.files {
        let path = incoming.join(TransactionFiles::name(&file.role));
        download(client, &offered.hash, file, &path, &bar).await?;
        files.push(KeyFile {
            role: file.role.clone(),
            sha256: word(&file.sha256).context("a malformed hash")?.to_owned(),
            bytes: file.bytes,
            path,
        });
    }
    bar.finish_and_clear();
    let described = TransactionFiles {
        key_hash: [0; 32],
        circuit: word(&offered.circuit)
            .context("a malformed hash")?
            .to_owned(),
        unsafe_development: offered.unsafe_development,
        files,
    };
    let (keys, bars) = (keys.clone(), bars.clone());
    tokio::task::spawn_blocking(move || {
        let phases = Phases::new(&bars, "keys of the transaction circuit");
        let imported = described.write_manifest(&incoming).and_then(|()| {
            let store = KeyStore::open(&keys.directory)?;
            store.import(&incoming, None, others, &phases)
        });
        // Wrong files must not be taken up again at the next start.
        std::fs::remove_dir_all(&incoming)?;
        imported.context("the sequencer's keys are refused")?;
        phases.finish("fetched from the sequencer");
        tracing::info!(
            hash = digits,
            "the keys of the transaction circuit were fetched"
        );
        Ok(())
    })
    .await?
}

/// Downloads a file, or the rest of it. Goes on where an answer broke off, a bounded number of
/// times.
async fn download(
    client: &SequencerClient,
    hash: &str,
    file: &KeyFileBody,
    path: &Path,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let mut attempt = 0;
    let before = bar.position();
    loop {
        let held = std::fs::metadata(path).map_or(0, |found| found.len());
        bar.set_position(before + held);
        if held == file.bytes {
            return Ok(());
        }
        let from = if held > file.bytes { 0 } else { held };
        match receive(client, hash, file, path, from, bar).await {
            Ok(()) => {}
            Err(error) if attempt < ATTEMPTS && error.is_transient() => {
                tracing::warn!(role = file.role, "the download broke off: {error}");
                tokio::time::sleep(PAUSE * 2u32.pow(attempt)).await;
            }
            Err(error) => return Err(error).context("the keys could not be downloaded"),
        }
        attempt += 1;
        if attempt > ATTEMPTS {
            bail!("the keys could not be downloaded: the answers are too short");
        }
    }
}

/// Appends one answer to the file.
async fn receive(
    client: &SequencerClient,
    hash: &str,
    file: &KeyFileBody,
    path: &Path,
    from: u64,
    bar: &ProgressBar,
) -> Result<(), ClientError> {
    let mut answer = client.key_file(hash, &file.role, from).await?;
    let goes_on = answer.status() == StatusCode::PARTIAL_CONTENT;
    let disk = |error: std::io::Error| ClientError::Protocol(format!("storing it: {error}"));
    let mut target = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(!goes_on)
        .append(goes_on)
        .open(path)
        .map_err(disk)?;
    let mut held = if goes_on { from } else { 0 };
    while let Some(chunk) = answer.chunk().await? {
        held += chunk.len() as u64;
        if held > file.bytes {
            return Err(ClientError::Protocol(
                "the file is longer than stated".into(),
            ));
        }
        target.write_all(&chunk).map_err(disk)?;
        bar.inc(chunk.len() as u64);
    }
    Ok(())
}

/// Asks again after transient failures, a bounded number of times.
async fn patiently<T, F: Future<Output = Result<T, ClientError>>>(
    mut ask: impl FnMut() -> F,
) -> Result<T, ClientError> {
    let mut attempt = 0;
    loop {
        match ask().await {
            Err(error) if error.is_transient() && attempt < ATTEMPTS => {
                tracing::warn!("the sequencer does not answer: {error}");
                tokio::time::sleep(PAUSE * 2u32.pow(attempt)).await;
                attempt += 1;
            }
            answer => return answer,
        }
    }
}
