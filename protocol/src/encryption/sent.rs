//! A transaction, read back by the sender's later self.

use std::fmt;

use ark_ed_on_bn254::EdwardsAffine;

use super::payload;
use super::receive::note_of;
use super::{AuditRecord, EphemeralKey, PublishedOutputs, audit_decrypt};
use crate::element::OwnerId;
use crate::encoding::fr_to_bytes;
use crate::keys::ViewingKey;
use crate::memo::Memo;
use crate::note::{Note, NoteClass};
use crate::swap::{Delivery, Leg};

/// A transaction of a viewing key, read back from published data and auditors' public keys. Its
/// `Debug` form shows nothing.
pub struct Sent<'a> {
    published: &'a PublishedOutputs,
    ephemeral: EphemeralKey,
    owner: OwnerId,
    records: [Option<AuditRecord>; 3],
}

/// A payment of a viewing key, reopened from published data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingNote {
    /// Owner of output 0.
    pub recipient: OwnerId,
    /// The note. Its commitment was checked.
    pub note: Note,
    /// Memo to the recipient.
    pub memo: Memo,
    /// Exchange behind the note, if it is the delivery of a swap's leg.
    pub delivery: Option<Delivery>,
}

impl<'a> Sent<'a> {
    /// Reads a transaction back. `None` if it is not from `keys`.
    ///
    /// `auditors` holds the auditor keys to try: those that the assets of the outputs have had. The
    /// sender knows the secret that it shares with each of them. Put the likely ones first.
    #[must_use]
    pub fn read<'k>(
        keys: &ViewingKey,
        published: &'a PublishedOutputs,
        auditors: impl IntoIterator<Item = &'k EdwardsAffine>,
    ) -> Option<Self> {
        let ephemeral = EphemeralKey::new(&keys.ovk, &published.nullifiers);
        if ephemeral.y() != published.ephemeral {
            return None;
        }
        let own = keys.owner.tag();
        let mut records = [None; 3];
        for auditor in auditors {
            if records.iter().all(Option::is_some) {
                break;
            }
            let shared = ephemeral.shared(auditor);
            for (i, record) in records.iter_mut().enumerate() {
                // A wrong key passes with probability 2⁻¹⁰⁸, because our own tag is expected.
                if record.is_none() {
                    *record =
                        audit_decrypt(&shared, i, &published.commitments[i], &published.audit)
                            .filter(|record| record.sender == own);
                }
            }
        }
        Some(Self {
            published,
            ephemeral,
            owner: keys.owner,
            records,
        })
    }

    /// Whether a key opened every output. Otherwise an auditor's key is missing, and change may be.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.records.iter().all(Option::is_some)
    }

    /// Returns asset, amount and owner of output 0.
    #[must_use]
    pub fn first(&self) -> Option<&AuditRecord> {
        self.records[0].as_ref()
    }

    /// Returns the published outputs that were read.
    #[must_use]
    pub fn published(&self) -> &'a PublishedOutputs {
        self.published
    }

    /// Returns the owner of output 0 and what it holds, if it is a position: the lender and the
    /// collateral.
    pub(crate) fn secured(&self) -> Option<(OwnerId, Leg)> {
        let record = self.first()?;
        let leg = Leg {
            class: record.class,
            asset: record.asset,
            value: record.value,
        };
        (leg.class == NoteClass::Position).then_some((record.recipient?, leg))
    }

    /// Returns the sender's change in outputs 1 and 2. `None` in the place of an output that is not
    /// change: a repayment, or a payment to somebody else.
    #[must_use]
    pub fn change(&self) -> [Option<Note>; 2] {
        [1u8, 2].map(|index| {
            let at = usize::from(index);
            let record = self.records[at].as_ref()?;
            let note = self
                .ephemeral
                .change(index, self.owner, record.asset, record.value);
            (note.commitment() == self.published.commitments[at]).then_some(note)
        })
    }

    /// Reopens output 0, if it is cash.
    #[must_use]
    pub fn payment(&self) -> Option<OutgoingNote> {
        let record = self
            .first()
            .filter(|record| record.class == NoteClass::Cash)?;
        let recipient = record.recipient?;
        let published = self.published;
        let key = self
            .ephemeral
            .payload_key(&recipient, record.asset, record.value);
        let ephemeral = fr_to_bytes(&published.ephemeral);
        let cm0 = &published.commitments[0];
        let payload = payload::open(&published.note_data, &key, &ephemeral, cm0);
        let (note, delivery) = note_of(published, &key, &payload, &recipient)?;
        Some(OutgoingNote {
            recipient,
            note,
            memo: payload.memo,
            delivery,
        })
    }
}

impl fmt::Debug for Sent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sent(..)")
    }
}
