//! Domain tags of the protocol hash (spec: *Notation and hashing*, table of tags).

use ark_bn254::Fr;

/// Declares the domains and their list.
macro_rules! domains {
    ($($(#[$doc:meta])* $domain:ident = $tag:literal,)+) => {
        /// Domain of a hash. The discriminant is the tag of the specification.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u64)]
        pub enum Domain {
            $($(#[$doc])* $domain = $tag,)+
        }

        impl Domain {
            /// Every domain, in the order of the tags.
            pub const ALL: [Self; [$($tag),+].len()] = [$(Self::$domain),+];
        }
    };
}

domains! {
    /// Inner node of any tree: four children.
    Node = 1,
    /// Owner of notes: ak.x, ak.y, nk.
    Owner = 2,
    /// The part of a note that L1 never sees: owner, aux, rcm.
    NoteInner = 3,
    /// Note commitment: packed, inner.
    Note = 4,
    /// Nullifier of a note: nk, cm, leaf index.
    Nullifier = 5,
    /// Nullifier of a dummy input: nk, cm, leaf index.
    NullifierDummy = 6,
    /// Leaf of the asset tree: packed, auditor.x, auditor.y.
    AssetLeaf = 7,
    /// Leaf of the nullifier tree: value, next.
    NullifierLeaf = 8,
    /// Transaction digest: the 22 words.
    Transaction = 9,
    /// Schnorr challenge: R.x, R.y, ak.x, ak.y, digest.
    Signature = 10,
    /// Pads of an auditor ciphertext: T.y, cm; two outputs.
    Audit = 11,
    /// Deployment: chain id, rollup address, version.
    Context = 12,
    /// State commitment: the six words of the state.
    State = 13,
    /// Commitment to the data words of a batch.
    Data = 14,
    /// A client's proof with its digest: packed coordinates, digest.
    ClientProof = 15,
    /// State of the aggregation's transcript: previous state, absorbed value.
    Transcript = 16,
    /// A challenge of the aggregation: state, number.
    Challenge = 17,
    /// Weights of the aggregation's identities: state, number.
    Weights = 18,
    /// Terms of a swap: packed, receiver and aux of leg A, of leg B, expiry, salt.
    Terms = 19,
    /// Blindings of a swap's deliveries: salt, packed of leg A, packed of leg B; two outputs.
    Delivery = 20,
    /// A loan: borrower, lender, packed loan, salt; two outputs.
    Loan = 21,
    /// aux of a position: loan, principal, packed debt.
    Position = 22,
    /// Secrets of a position's step: salt, sequence; three outputs.
    Step = 23,
    /// Masks of a state disclosure: key, cm₀, filler; two outputs.
    Opening = 24,
    /// A price snapshot: times, market root, sixteen words of prices.
    Snapshot = 25,
    /// An anchor: note root, digest of a price snapshot.
    Anchor = 26,
}

impl Domain {
    /// Returns the first element of the state before a message of `len` elements is absorbed: tag +
    /// len·2⁶⁴.
    #[must_use]
    pub fn capacity(self, len: usize) -> Fr {
        Fr::from(u128::from(self as u64) | ((len as u128) << 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_consecutive_from_one() {
        for (i, domain) in Domain::ALL.iter().enumerate() {
            assert_eq!(*domain as usize, i + 1);
        }
    }

    #[test]
    fn capacity_separates_tag_and_length() {
        let mut seen = std::collections::HashSet::new();
        for domain in Domain::ALL {
            for len in 1..40 {
                assert!(seen.insert(domain.capacity(len)));
            }
        }
        assert_eq!(
            Domain::Node.capacity(4),
            Fr::from(1u64) + Fr::from(4u64) * Fr::from(1u128 << 64)
        );
    }
}
