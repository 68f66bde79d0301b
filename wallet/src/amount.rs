//! Amounts as institutions write them: decimal strings in the asset's display unit, never floats.

use thiserror::Error;

/// Reason why a string is not an amount.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum AmountError {
    /// The text is not digits with at most one point between them.
    #[error("write the amount as digits with at most one decimal point, such as 1250.50")]
    Malformed,
    /// The text has more decimals than the asset.
    #[error("the amount has more decimals than the asset, which has {decimals}")]
    TooPrecise {
        /// Decimals of the asset.
        decimals: u8,
    },
    /// The amount is at or above 2¹²⁸ base units.
    #[error("the amount is too large")]
    TooLarge,
    /// The amount is zero.
    #[error("the amount must not be zero")]
    Zero,
}

/// Parses a positive amount in display units into base units, exactly.
///
/// # Errors
/// [`AmountError`]; nothing is rounded.
pub fn parse(text: &str, decimals: u8) -> Result<u128, AmountError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    // 2¹²⁸ has 39 digits, and tokens have up to 18 decimals: longer texts are not amounts.
    if !digits(whole) || !digits(fraction) || text.len() > 80 {
        return Err(AmountError::Malformed);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > usize::from(decimals) {
        return Err(AmountError::TooPrecise { decimals });
    }
    let mut amount: u128 = 0;
    let padding = usize::from(decimals) - fraction.len();
    for digit in whole
        .bytes()
        .chain(fraction.bytes())
        .chain(std::iter::repeat_n(b'0', padding))
    {
        amount = amount
            .checked_mul(10)
            .and_then(|a| a.checked_add(u128::from(digit - b'0')))
            .ok_or(AmountError::TooLarge)?;
    }
    if amount == 0 {
        return Err(AmountError::Zero);
    }
    Ok(amount)
}

/// Formats base units in display units, without trailing zeros after the point.
#[must_use]
pub fn format(amount: u128, decimals: u8) -> String {
    let digits = format!("{amount:0>width$}", width = usize::from(decimals) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(decimals));
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!(parse("1250.50", 6), Ok(1_250_500_000));
        assert_eq!(parse("0.07", 6), Ok(70_000));
        assert_eq!(
            parse("4075.000000000000000001", 18),
            Ok(4_075_000_000_000_000_000_001)
        );
        assert_eq!(parse("7", 0), Ok(7));
        assert_eq!(parse("7.000", 0), Ok(7));
    }

    #[test]
    fn refuses_what_is_not_exact() {
        for text in [
            "", ".", "1.", ".5", "-1", "+1", "1e6", "1,000", " 1", "1.2.3", "0x10", "١",
        ] {
            assert_eq!(parse(text, 6), Err(AmountError::Malformed), "{text}");
        }
        assert_eq!(
            parse("0.0000001", 6),
            Err(AmountError::TooPrecise { decimals: 6 })
        );
        assert_eq!(parse("0.000", 6), Err(AmountError::Zero));
        assert_eq!(
            parse("340282366920938463463374607431768211456", 0),
            Err(AmountError::TooLarge)
        );
        assert_eq!(
            parse("340282366920938463463374607431768211455", 0),
            Ok(u128::MAX)
        );
    }

    proptest! {
        #[test]
        fn format_is_the_inverse(amount in 1u128.., decimals in 0u8..=24) {
            prop_assert_eq!(parse(&format(amount, decimals), decimals), Ok(amount));
        }
    }
}
