//! Places of words in messages and of fields in packed words (spec: *Transaction*, *Batch*,
//! *Notes*, *Collateral*).
//!
//! Each place is stated once, here. The native encoders, both circuits, their tests and the
//! contracts read it: the contracts from `verifier-contract/src/generated/Layouts.sol`, which the
//! example `layouts` generates.
//!
//! | table | holds |
//! |---|---|
//! | [`word`] | the 22 words of a transaction |
//! | [`batch_word`], [`slot_word`] | the data words of a batch: its header, and one slot |
//! | [`snapshot_word`] | the words that the digest of a price snapshot covers |
//! | [`calldata`] | the bytes that L1 receives for a transaction, a deposit and a withdrawal |
//! | [`header`], [`target`] | packed words 3 and 4 of a transaction |
//! | [`info`] | packed word 2 of a batch |
//! | [`note`], [`asset`] | the packed part of a note, and of a leaf of the asset tree |
//! | [`audit`] | what an auditor reads of an output in one word |
//! | [`market`], [`prices`] | a market's parameters, and its two prices |
//! | [`snapshot_times`] | the times of a price snapshot |
//! | [`loan`], [`debt`] | a loan's parameters, and its debt |
//! | [`disclosure_collateral`], [`disclosure_debt`] | plaintexts of a position's next state |
//! | [`disclosure_word`] | a masked word of a position's next state |

mod field;
#[cfg(test)]
mod tests;

pub use field::{Field, Layout};

/// Declares a table of fields, low fields first. Each field becomes a constant; `LAYOUT` lists all.
macro_rules! layout {
    (
        $(#[$doc:meta])*
        $table:ident { $($(#[$field_doc:meta])* $field:ident: $width:expr,)+ }
    ) => {
        $(#[$doc])*
        pub mod $table {
            use super::{Field, Layout};

            layout!(@fields 0; $($(#[$field_doc])* $field: $width,)+);

            /// All fields, low fields first.
            pub const LAYOUT: Layout = Layout {
                name: stringify!($table),
                fields: &[$($field),+],
            };
        }
    };
    (@fields $offset:expr;) => {};
    (
        @fields $offset:expr;
        $(#[$doc:meta])* $field:ident: $width:expr, $($rest:tt)*
    ) => {
        $(#[$doc])*
        pub const $field: Field = Field {
            name: stringify!($field),
            offset: $offset,
            width: $width,
        };
        layout!(@fields $field.end(); $($rest)*);
    };
}

/// Bits of an asset's id.
pub const ASSET_BITS: usize = 16;

/// Bits of an amount.
pub const VALUE_BITS: usize = 128;

/// Bits of a nullifier: the lowest ones of a hash.
pub const NULLIFIER_BITS: usize = 192;

/// Bits of a Unix time in seconds.
pub const TIME_BITS: usize = 40;

/// Bits of a Unix time in minutes: up to the year 2225.
pub const MINUTE_BITS: usize = 27;

/// Bits of an L1 address.
pub const ADDRESS_BITS: usize = 160;

/// Bits of a price.
pub const PRICE_BITS: usize = 120;

/// Bits of a margin and of the maximum age of a snapshot.
pub const MARGIN_BITS: usize = 24;

/// Indices of the 22 words of a transaction.
pub mod word {
    use std::ops::Range;

    /// Context word of the deployment.
    pub const CONTEXT: usize = 0;
    /// Note root under which the inputs are members, hashed with a price snapshot.
    pub const ANCHOR: usize = 1;
    /// Root of the asset tree.
    pub const ASSETS_ROOT: usize = 2;
    /// Packed [`header`](super::header).
    pub const HEADER: usize = 3;
    /// Packed [`target`](super::target) of a withdrawal, or 0.
    pub const TARGET: usize = 4;
    /// Amount of a withdrawal, or 0.
    pub const AMOUNT: usize = 5;
    /// Digest of a swap's terms.
    pub const TERMS: usize = 6;
    /// Nullifiers of the inputs, below 2¹⁹².
    pub const NULLIFIERS: Range<usize> = 7..10;
    /// Commitments of the outputs.
    pub const COMMITMENTS: Range<usize> = 10..13;
    /// y of the ephemeral point.
    pub const EPHEMERAL: usize = 13;
    /// Auditor ciphertexts: (packed, owner) of outputs 0 and 1, packed of output 2.
    pub const AUDIT: Range<usize> = 14..19;
    /// Encrypted notes.
    pub const NOTE_DATA: Range<usize> = AUDIT.end..22;
    /// Masked next state of a position, in the first words of the note data.
    pub const DISCLOSURE: Range<usize> = NOTE_DATA.start..NOTE_DATA.start + 2;

    /// Words that a batch publishes, in two runs; the order in a slot is the same.
    pub const PUBLISHED: [Range<usize>; 2] = [TARGET..AMOUNT + 1, NULLIFIERS.start..COUNT];
    /// Number of words.
    pub const COUNT: usize = NOTE_DATA.end;
}

/// Indices of the header words of a batch. The words of the deposit slots and then those of the
/// transaction slots follow.
pub mod batch_word {
    /// Context word of the deployment.
    pub const CONTEXT: usize = 0;
    /// Root of the asset tree.
    pub const ASSETS_ROOT: usize = 1;
    /// Packed [`info`](super::info).
    pub const INFO: usize = 2;
    /// Sum of the fees.
    pub const FEE_TOTAL: usize = 3;
    /// Index of the first deposit in the queue of the vault.
    pub const FIRST_DEPOSIT: usize = 4;
    /// Digest of the price snapshot in the batch's anchors, or 0.
    pub const ORACLE: usize = 5;
    /// Index of the batch.
    pub const BATCH_INDEX: usize = 6;
    /// Index of the first leaf that the batch appends.
    pub const START: usize = 7;

    /// Number of header words.
    pub const COUNT: usize = START + 1;
    /// Number of words of a deposit slot: packed and inner.
    pub const DEPOSIT_COUNT: usize = 2;
}

/// Indices of the words of a transaction slot: the [`word::PUBLISHED`] words of a transaction.
pub mod slot_word {
    use std::ops::Range;

    use super::word;

    /// Unpublished words between the two runs.
    const GAP: usize = word::NULLIFIERS.start - (word::AMOUNT + 1);

    const fn published(index: usize) -> usize {
        if index < word::NULLIFIERS.start {
            index - word::TARGET
        } else {
            index - word::TARGET - GAP
        }
    }

    const fn all(words: &Range<usize>) -> Range<usize> {
        published(words.start)..published(words.end)
    }

    /// Packed [`target`](super::target) of the withdrawal, or 0.
    pub const TARGET: usize = published(word::TARGET);
    /// Amount of the withdrawal, or 0.
    pub const AMOUNT: usize = published(word::AMOUNT);
    /// Nullifiers of the inputs.
    pub const NULLIFIERS: Range<usize> = all(&word::NULLIFIERS);
    /// Commitments of the outputs.
    pub const COMMITMENTS: Range<usize> = all(&word::COMMITMENTS);
    /// y of the ephemeral point.
    pub const EPHEMERAL: usize = published(word::EPHEMERAL);
    /// Auditor ciphertexts.
    pub const AUDIT: Range<usize> = all(&word::AUDIT);
    /// Encrypted notes.
    pub const NOTE_DATA: Range<usize> = all(&word::NOTE_DATA);

    /// Number of words.
    pub const COUNT: usize = NOTE_DATA.end;
}

/// Indices of the words that the digest of a price snapshot covers.
pub mod snapshot_word {
    use std::ops::Range;

    /// Packed [`snapshot_times`](super::snapshot_times).
    pub const TIMES: usize = 0;
    /// Root of the market tree.
    pub const MARKET_ROOT: usize = 1;
    /// Packed [`prices`](super::prices), one word for each market.
    pub const PRICES: Range<usize> = 2..18;

    /// Number of words.
    pub const COUNT: usize = PRICES.end;
}

/// Byte ranges of the calldata that L1 receives with a batch.
pub mod calldata {
    use std::ops::Range;

    /// Bytes of a nullifier.
    pub const NULLIFIER_LEN: usize = super::NULLIFIER_BITS / 8;
    /// Nullifiers of a transaction.
    pub const NULLIFIERS: Range<usize> = 0..3 * NULLIFIER_LEN;
    /// Commitments, ephemeral and auditor words of a transaction, 32 bytes each.
    pub const WORDS: Range<usize> = NULLIFIERS.end..NULLIFIERS.end + 9 * 32;
    /// Note data of a transaction.
    pub const NOTE_DATA: Range<usize> = WORDS.end..WORDS.end + 71;
    /// Bytes of a transaction.
    pub const TRANSACTION_LEN: usize = NOTE_DATA.end;
    /// Bytes of note data in a word: the most that always fit in an element.
    pub const NOTE_DATA_WORD_LEN: usize = 31;

    /// L1 account that deposited.
    pub const DEPOSIT_DEPOSITOR: Range<usize> = 0..20;
    /// Asset of a deposit.
    pub const DEPOSIT_ASSET: Range<usize> = 20..22;
    /// Value of a deposit.
    pub const DEPOSIT_VALUE: Range<usize> = 22..38;
    /// Inner commitment of a deposit.
    pub const DEPOSIT_INNER: Range<usize> = 38..70;
    /// 1 if the deposit is taken back at the batch's time, else 0.
    pub const DEPOSIT_TAKEN_BACK: Range<usize> = 70..71;
    /// Bytes of a deposit.
    pub const DEPOSIT_LEN: usize = DEPOSIT_TAKEN_BACK.end;

    /// Slot of a withdrawal.
    pub const WITHDRAWAL_SLOT: Range<usize> = 0..1;
    /// Asset of a withdrawal.
    pub const WITHDRAWAL_ASSET: Range<usize> = 1..3;
    /// Recipient of a withdrawal.
    pub const WITHDRAWAL_RECIPIENT: Range<usize> = 3..23;
    /// Amount of a withdrawal.
    pub const WITHDRAWAL_AMOUNT: Range<usize> = 23..39;
    /// Bytes of a withdrawal.
    pub const WITHDRAWAL_LEN: usize = WITHDRAWAL_AMOUNT.end;
}

layout! {
    /// Word 3 of a transaction.
    header {
        /// Kind of the transaction.
        KIND: 8,
        /// Asset in which the fee is paid.
        FEE_ASSET: super::ASSET_BITS,
        /// Fee in base units.
        FEE: 96,
        /// Last second at which a batch may contain the transaction.
        EXPIRY: super::TIME_BITS,
        /// First second at which a batch may contain the transaction.
        NOT_BEFORE: super::TIME_BITS,
    }
}

layout! {
    /// Word 4 of a transaction: asset and recipient of a withdrawal.
    target {
        /// Asset that leaves the rollup.
        ASSET: super::ASSET_BITS,
        /// L1 account that is credited.
        RECIPIENT: super::ADDRESS_BITS,
    }
}

layout! {
    /// Word 2 of a batch.
    info {
        /// Unix time of the batch.
        TIME: super::TIME_BITS,
        /// Number of active transaction slots.
        TRANSACTIONS: 16,
        /// Number of active deposit slots.
        DEPOSITS: 16,
        /// Asset of all fees.
        FEE_ASSET: super::ASSET_BITS,
        /// L1 account credited with the fees.
        FEE_RECIPIENT: super::ADDRESS_BITS,
    }
}

layout! {
    /// Packed part of a note.
    note {
        /// Class of the note.
        CLASS: 8,
        /// Asset of the note.
        ASSET: super::ASSET_BITS,
        /// Amount in base units.
        VALUE: super::VALUE_BITS,
    }
}

layout! {
    /// Word of an output that an auditor reads: the note's packed part, and who sent it.
    audit {
        /// Class of the note.
        CLASS: super::note::CLASS.width,
        /// Asset of the note.
        ASSET: super::ASSET_BITS,
        /// Amount in base units.
        VALUE: super::VALUE_BITS,
        /// Lowest bits of the owner of the transaction's inputs.
        SENDER: 101,
    }
}

layout! {
    /// Packed part of a leaf of the asset tree.
    asset {
        /// Id of the asset.
        ID: super::ASSET_BITS,
        /// L1 address of the token.
        TOKEN: super::ADDRESS_BITS,
        /// Flags; bit 0 for named deposits, the others are reserved.
        FLAGS: 5,
        /// Reserved for the chain of the token: 0 for the chain of this deployment, always so far.
        HOME_CHAIN: 16,
        /// Markets in which seizures of the asset are stopped: bit i for market i.
        STOP_MARKETS: crate::market::MARKETS,
        /// First minute of Unix time of the snapshots whose prices seize nothing.
        STOP_FROM: super::MINUTE_BITS,
        /// Minutes from the first second of that minute to the last second.
        STOP_MINUTES: 13,
    }
}

layout! {
    /// Word of a market.
    market {
        /// Collateral asset.
        COLLATERAL: super::ASSET_BITS,
        /// Debt asset.
        DEBT: super::ASSET_BITS,
        /// Part of the collateral's value that does not count, in basis points.
        HAIRCUT: 16,
        /// Margin on originating and releasing, in basis points.
        INITIAL: super::MARGIN_BITS,
        /// Margin below which a lender may liquidate, in basis points.
        MAINTENANCE: super::MARGIN_BITS,
        /// Part that a liquidating lender takes above the debt, in basis points.
        BONUS: 16,
        /// Maximum age of a snapshot in seconds.
        MAX_AGE: super::MARGIN_BITS,
    }
}

layout! {
    /// First word of a price snapshot.
    snapshot_times {
        /// Unix time at which L1 took the snapshot.
        TIME: super::TIME_BITS,
        /// Unix time of the snapshot before it; 0 for the first.
        PREVIOUS: super::TIME_BITS,
    }
}

layout! {
    /// Word of a price snapshot: the two prices of a market.
    prices {
        /// Price at which collateral counts when a loan is opened and when collateral is released.
        LOW: super::PRICE_BITS,
        /// Price at which collateral counts when a lender seizes it; at least the low price.
        HIGH: super::PRICE_BITS,
    }
}

layout! {
    /// Packed parameters of a loan.
    loan {
        /// Collateral asset.
        COLLATERAL: super::ASSET_BITS,
        /// Debt asset.
        DEBT: super::ASSET_BITS,
        /// Number of the market.
        MARKET: 7,
        /// Type of the loan; 0 is the only one. Reserved, so that a loan of another type gets
        /// another digest.
        TYPE: 1,
        /// Interest in millionths a year.
        RATE: 24,
        /// Second from which interest runs.
        START: super::TIME_BITS,
        /// Last second at which the loan is not yet due.
        MATURITY: super::TIME_BITS,
    }
}

layout! {
    /// Packed debt of a position.
    debt {
        /// Amount in base units of the debt asset.
        AMOUNT: super::VALUE_BITS,
        /// Second up to which the amount includes interest.
        ACCRUED: super::TIME_BITS,
        /// Number of steps since the origination.
        SEQUENCE: 32,
    }
}

layout! {
    /// First plaintext of a state disclosure.
    disclosure_collateral {
        /// Value of output 0: the collateral that remains.
        VALUE: super::VALUE_BITS,
        /// Second up to which the debt includes interest.
        ACCRUED: super::TIME_BITS,
        /// Maturity of the loan.
        MATURITY: super::TIME_BITS,
    }
}

layout! {
    /// Second plaintext of a state disclosure.
    disclosure_debt {
        /// Debt that remains.
        DEBT: super::VALUE_BITS,
        /// Start of the loan.
        START: super::TIME_BITS,
        /// Rate of the loan.
        RATE: super::loan::RATE.width,
        /// Market of the loan.
        MARKET: super::loan::MARKET.width,
        /// Type of the loan.
        TYPE: super::loan::TYPE.width,
    }
}

layout! {
    /// Word of a state disclosure as a transaction publishes it.
    disclosure_word {
        /// Sum of plaintext and mask.
        SUM: 216,
        /// Filler above the sum.
        FILLER: 32,
    }
}
