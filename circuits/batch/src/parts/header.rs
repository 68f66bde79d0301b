//! The header words and the fields of the info word (rules B2, B3, B5, B14).

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use subrosa_protocol::batch::{BatchHeader, HEADER_WORDS};
use subrosa_protocol::encoding::fr_from_address;
use subrosa_protocol::layout::{batch_word, info};

use crate::convert::{at, to_halo2};
use crate::layout::{Layout, Wire};
use crate::rules::Rule;

/// The header words, and the fields of the info word.
pub(crate) struct HeaderWires {
    /// The header words, which are the first data words.
    pub(crate) words: [Wire; HEADER_WORDS],
    /// Unix time in seconds, 40 bits.
    pub(crate) time: Wire,
    /// Asset of all fees, 16 bits.
    pub(crate) fee_asset: Wire,
    fee_recipient: Wire,
}

impl HeaderWires {
    /// Returns the context word of the deployment.
    pub(crate) fn context(&self) -> Wire {
        self.words[batch_word::CONTEXT]
    }

    /// Returns the root of the asset tree.
    pub(crate) fn assets_root(&self) -> Wire {
        self.words[batch_word::ASSETS_ROOT]
    }

    /// Returns the sum of the fees.
    pub(crate) fn fee_total(&self) -> Wire {
        self.words[batch_word::FEE_TOTAL]
    }

    /// Returns the index of the first deposit consumed.
    pub(crate) fn first_deposit(&self) -> Wire {
        self.words[batch_word::FIRST_DEPOSIT]
    }

    /// Returns the digest of the price snapshot in the batch's anchors, or 0.
    pub(crate) fn oracle(&self) -> Wire {
        self.words[batch_word::ORACLE]
    }

    /// Returns the index of the batch.
    pub(crate) fn batch_index(&self) -> Wire {
        self.words[batch_word::BATCH_INDEX]
    }

    /// Returns the index of the first leaf appended.
    pub(crate) fn start(&self) -> Wire {
        self.words[batch_word::START]
    }
}

/// Writes the header words as free words. The data commitment binds all of them. L1 compares
/// context and assets root with its own, and the oracle word with the snapshots it took. The rules
/// below tie the other words to the states and slots.
pub(crate) fn header(layout: &mut Layout<'_>, header: &BatchHeader) -> HeaderWires {
    layout.rule(Rule::B14);
    let words = header.words();
    let words: [Wire; HEADER_WORDS] =
        std::array::from_fn(|i| layout.free_word(to_halo2(&words[i])));
    let recipient = fr_from_address(&header.fee_recipient);
    let fee_recipient = layout.ranged_hint(to_halo2(&recipient), info::FEE_RECIPIENT.width);
    layout.rule(Rule::B5);
    let time = layout.ranged_hint(Fr::from(header.time), info::TIME.width);
    layout.rule(Rule::B3);
    let fee_asset = Fr::from(u64::from(header.fee_asset.0));
    let fee_asset = layout.ranged_hint(fee_asset, info::FEE_ASSET.width);
    HeaderWires {
        words,
        time,
        fee_asset,
        fee_recipient,
    }
}

/// B2: constrains the info word to pack time, number of transactions, number of deposits, fee asset
/// and fee recipient. Both numbers are sums of at most N flags. Returns the number of deposits.
pub(crate) fn counts(
    layout: &mut Layout<'_>,
    header: &HeaderWires,
    active: &[Wire],
    deposited: &[Wire],
) -> Wire {
    layout.rule(Rule::B2);
    let sum = |flags: &[Wire]| {
        flags
            .iter()
            .map(|flag| (Fr::ONE, *flag))
            .collect::<Vec<_>>()
    };
    let transactions = layout.linear(&sum(active), Fr::ZERO);
    let deposits = layout.linear(&sum(deposited), Fr::ZERO);
    layout.assert_linear(
        &[
            (at(info::TIME), header.time),
            (at(info::TRANSACTIONS), transactions),
            (at(info::DEPOSITS), deposits),
            (at(info::FEE_ASSET), header.fee_asset),
            (at(info::FEE_RECIPIENT), header.fee_recipient),
        ],
        Fr::ZERO,
        header.words[batch_word::INFO],
    );
    deposits
}
