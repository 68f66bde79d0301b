use super::*;
use ark_bn254::Fr;
use ark_ff::PrimeField;
use proptest::prelude::*;

/// Every table of packed fields.
const TABLES: [&Layout; 14] = [
    &header::LAYOUT,
    &target::LAYOUT,
    &info::LAYOUT,
    &note::LAYOUT,
    &audit::LAYOUT,
    &asset::LAYOUT,
    &market::LAYOUT,
    &prices::LAYOUT,
    &snapshot_times::LAYOUT,
    &loan::LAYOUT,
    &debt::LAYOUT,
    &disclosure_collateral::LAYOUT,
    &disclosure_debt::LAYOUT,
    &disclosure_word::LAYOUT,
];

#[test]
fn fields_are_adjacent_and_stay_below_the_modulus() {
    for table in TABLES {
        let mut end = 0;
        for field in table.fields {
            assert_eq!(field.offset, end, "{} {}", table.name, field.name);
            end = field.end();
        }
        assert_eq!(table.bits(), end);
        assert!(end < Fr::MODULUS_BIT_SIZE as usize, "{}", table.name);
    }
}

/// The numbers of the specification, written out.
#[test]
fn widths_are_those_of_the_specification() {
    let widths = |table: &Layout| table.fields.iter().map(|f| f.width).collect::<Vec<_>>();
    assert_eq!(widths(&header::LAYOUT), [8, 16, 96, 40, 40]);
    assert_eq!(widths(&target::LAYOUT), [16, 160]);
    assert_eq!(widths(&info::LAYOUT), [40, 16, 16, 16, 160]);
    assert_eq!(widths(&note::LAYOUT), [8, 16, 128]);
    assert_eq!(widths(&audit::LAYOUT), [8, 16, 128, 101]);
    assert_eq!(widths(&asset::LAYOUT), [16, 160, 5, 16, 16, 27, 13]);
    assert_eq!(widths(&market::LAYOUT), [16, 16, 16, 24, 24, 16, 24]);
    assert_eq!(widths(&prices::LAYOUT), [120, 120]);
    assert_eq!(widths(&loan::LAYOUT), [16, 16, 7, 1, 24, 40, 40]);
    assert_eq!(widths(&debt::LAYOUT), [128, 40, 32]);
    assert_eq!(widths(&disclosure_collateral::LAYOUT), [128, 40, 40]);
    assert_eq!(widths(&disclosure_debt::LAYOUT), [128, 40, 24, 7, 1]);
    assert_eq!(widths(&disclosure_word::LAYOUT), [216, 32]);
}

#[test]
fn slot_words_are_the_published_words_in_their_order() {
    let published: Vec<usize> = word::PUBLISHED.into_iter().flatten().collect();
    assert_eq!(published.len(), slot_word::COUNT);
    assert_eq!(published[slot_word::TARGET], word::TARGET);
    assert_eq!(published[slot_word::AMOUNT], word::AMOUNT);
    assert_eq!(published[slot_word::EPHEMERAL], word::EPHEMERAL);
    for (slot, transaction) in [
        (slot_word::NULLIFIERS, word::NULLIFIERS),
        (slot_word::COMMITMENTS, word::COMMITMENTS),
        (slot_word::AUDIT, word::AUDIT),
        (slot_word::NOTE_DATA, word::NOTE_DATA),
    ] {
        assert!(published[slot].iter().copied().eq(transaction));
    }
    assert_eq!(word::COUNT, 22);
    assert_eq!(slot_word::COUNT, 17);
    assert_eq!(batch_word::COUNT, 8);
    assert_eq!(snapshot_word::COUNT, 18);
}

proptest! {
    #[test]
    fn reading_inverts_placing(
        time in 0u64..1 << TIME_BITS,
        transactions: u16,
        deposits: u16,
        fee_asset: u16,
        fee_recipient: [u8; 20],
    ) {
        let word = info::TIME.place(time.into())
            + info::TRANSACTIONS.place(transactions.into())
            + info::DEPOSITS.place(deposits.into())
            + info::FEE_ASSET.place(fee_asset.into())
            + info::FEE_RECIPIENT.place_address(&fee_recipient);
        prop_assert!(info::LAYOUT.fits(&word));
        prop_assert_eq!(info::TIME.of(&word), u128::from(time));
        prop_assert_eq!(info::TRANSACTIONS.of(&word), u128::from(transactions));
        prop_assert_eq!(info::DEPOSITS.of(&word), u128::from(deposits));
        prop_assert_eq!(info::FEE_ASSET.of(&word), u128::from(fee_asset));
        prop_assert_eq!(info::FEE_RECIPIENT.address_of(&word), fee_recipient);
        let above = word + Field { name: "above", offset: info::LAYOUT.bits(), width: 1 }.place(1);
        prop_assert!(!info::LAYOUT.fits(&above));
    }

    #[test]
    fn wide_fields_read_back(value: u128, accrued in 0u64..1 << TIME_BITS, sequence: u32) {
        let word = debt::AMOUNT.place(value)
            + debt::ACCRUED.place(accrued.into())
            + debt::SEQUENCE.place(sequence.into());
        prop_assert_eq!(debt::AMOUNT.of(&word), value);
        prop_assert_eq!(debt::ACCRUED.of(&word), u128::from(accrued));
        prop_assert_eq!(debt::SEQUENCE.of(&word), u128::from(sequence));
        let noted = note::VALUE.place(value) + note::ASSET.place(7);
        prop_assert_eq!(note::VALUE.of(&noted), value);
        prop_assert_eq!(note::ASSET.of(&noted), 7);
        prop_assert_eq!(note::CLASS.of(&noted), 0);
    }
}
