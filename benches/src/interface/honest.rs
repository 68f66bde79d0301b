//! Honest clients: valid submissions at a steady pace.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::{CryptoRng, RngCore};
use rayon::prelude::*;
use subrosa_client::SequencerClient;
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetInfo, AssetTree},
    encoding::point_from_bytes,
    keys::{Seed, SpendKey, ViewingKey},
    note::Note,
    transaction::{Header, Kind, Submission},
    tree::NoteTree,
};
use subrosa_prover::groth16::TransactionKeys;
use subrosa_transaction::{Draft, InputWitness, samples};

/// Submissions a second.
pub(super) const PACE: u32 = 2;

/// The deployment that submissions are made for.
pub(super) struct Place {
    context: Fr,
    assets: AssetTree,
}

impl Place {
    /// Asks a sequencer.
    pub(super) async fn of(client: &SequencerClient) -> anyhow::Result<Self> {
        let context = client.info().await?.context()?;
        let mut assets = Vec::new();
        for body in client.assets().await?.assets {
            let bytes = |text: &str| hex::decode(text.trim_start_matches("0x"));
            let auditor: [u8; 32] = bytes(&body.auditor)?.as_slice().try_into()?;
            assets.push(AssetInfo {
                id: AssetId(body.id),
                token: bytes(&body.token)?.as_slice().try_into()?,
                flags: body.flags,
                auditor: point_from_bytes(&auditor)
                    .ok()
                    .context("an auditor's key")?,
                stop: body.stop.map(Into::into).unwrap_or_default(),
            });
        }
        let assets = assets.into_iter().collect();
        Ok(Self { context, assets })
    }

    /// Makes a transfer of nothing with its proof: three dummies, three outputs of value 0, no fee.
    fn submission(
        &self,
        keys: &TransactionKeys,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> anyhow::Result<Vec<u8>> {
        let seed = Seed::random(rng);
        let viewing = ViewingKey::from_seed(&seed);
        let (address, asset) = (viewing.address(), AssetId(0));
        // The sample's inputs beyond the first are dummies of some owner.
        let sample = samples::transfer(rng).witness.inputs.clone();
        let dummy = |input: &InputWitness| InputWitness {
            note: Note::cash(asset, 0, viewing.owner, input.note.rcm),
            ..input.clone()
        };
        let one = dummy(&sample[1]);
        let two = dummy(&sample[2]);
        let three = dummy(&samples::transfer(rng).witness.inputs[1]);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let draft = Draft {
            context: self.context,
            note_root: NoteTree::new().root(),
            prices: Fr::from(0u64),
            header: Header {
                kind: Kind::Transfer,
                fee_asset: asset,
                fee: 0,
                expiry: now.as_secs() + 3_600,
                not_before: 0,
            },
            withdrawal: None,
            inputs: [one, two, three],
            outputs: [(address.owner, asset, 0); 3],
            payee: address.pk,
            assets: [asset; 3],
            memo: Default::default(),
            terms: None,
            loan: None,
        };
        let spend = SpendKey::from_seed(&seed);
        let made = draft.finish(&viewing, &spend, &self.assets, rng);
        let (transaction, witness) = made.context("the transfer cannot be composed")?;
        let words = transaction.words(&self.context);
        let proof = keys.prove(&words, &witness)?;
        Ok(Submission { transaction, proof }.to_bytes())
    }

    /// Makes so many submissions, on all cores.
    pub(super) fn submissions(
        &self,
        keys: &TransactionKeys,
        count: usize,
    ) -> anyhow::Result<Vec<Vec<u8>>> {
        (0..count)
            .into_par_iter()
            .map(|_| self.submission(keys, &mut rand::thread_rng()))
            .collect()
    }
}

/// Sends submissions at the pace, each once, and returns how many a second were accepted.
pub(super) async fn send(client: &SequencerClient, submissions: &[Vec<u8>]) -> f64 {
    let start = Instant::now();
    let mut sent = Vec::new();
    for (place, bytes) in (0u32..).zip(submissions) {
        let due = start + Duration::from_secs(1) * place / PACE;
        tokio::time::sleep_until(due.into()).await;
        let (client, bytes) = (client.clone(), bytes.clone());
        sent.push(tokio::spawn(
            async move { client.submit(bytes).await.is_ok() },
        ));
    }
    let mut accepted = 0u32;
    for submission in sent {
        accepted += u32::from(submission.await.unwrap_or(false));
    }
    // An answer that comes late makes the rate lower.
    let least = Duration::from_secs(1) * submissions.len() as u32 / PACE;
    f64::from(accepted) / start.elapsed().max(least).as_secs_f64()
}
