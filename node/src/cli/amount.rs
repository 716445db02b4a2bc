//! Amounts as people write them: QDS with decimals, or whole plank.

use quids_core::Balance;
use std::fmt::Write;

/// Decimals of a QDS: one plank is 10^-18 QDS.
const DECIMALS: usize = 18;
const PLANK_PER_QDS: u128 = 10u128.pow(DECIMALS as u32);

/// What `--help` says of amounts.
pub const AMOUNT_HELP: &str = "How much, in QDS (`1.5`, `1.5qds`) or in the smallest unit, 10^-18 QDS (`100plank`)";

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    #[error("an amount is a decimal number of QDS (1.5, 1.5qds) or a whole number of plank (100plank)")]
    Syntax,
    #[error("a QDS has 18 decimals, these are {0}")]
    Decimals(usize),
    #[error("a plank cannot be divided")]
    Fraction,
    #[error("the amount is more than 2^128 - 1 plank")]
    Overflow,
}

/// Reads an amount. A number without a unit is QDS.
pub fn parse_amount(text: &str) -> Result<Balance, AmountError> {
    let lower = text.trim().to_ascii_lowercase();
    if let Some(plank) = lower.strip_suffix("plank") {
        let (whole, fraction) = split(plank.trim_end())?;
        return if fraction.is_some() {
            Err(AmountError::Fraction)
        } else {
            whole_number(whole).map(Balance)
        };
    }
    let (whole, fraction) = split(lower.strip_suffix("qds").unwrap_or(&lower).trim_end())?;
    let fraction = fraction.unwrap_or("0");
    if fraction.len() > DECIMALS {
        return Err(AmountError::Decimals(fraction.len()));
    }
    let plank = whole_number(whole)?
        .checked_mul(PLANK_PER_QDS)
        .ok_or(AmountError::Overflow)?;
    let below = whole_number(&format!("{fraction:0<DECIMALS$}"))?;
    plank.checked_add(below).map(Balance).ok_or(AmountError::Overflow)
}

/// Digits before the point and, if there is a point, those behind it; neither is empty.
fn split(number: &str) -> Result<(&str, Option<&str>), AmountError> {
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(whole) && fraction.is_none_or(digits) {
        Ok((whole, fraction))
    } else {
        Err(AmountError::Syntax)
    }
}

fn whole_number(digits: &str) -> Result<u128, AmountError> {
    digits.parse().map_err(|_| AmountError::Overflow)
}

/// Writes an amount so that `parse_amount` reads it back: `1.5 QDS`.
pub fn format_amount(amount: Balance) -> String {
    let (whole, below) = (amount.0 / PLANK_PER_QDS, amount.0 % PLANK_PER_QDS);
    let mut text = whole.to_string();
    if below != 0 {
        let digits = format!("{below:0DECIMALS$}");
        // UNWRAP: writing to a String does not fail.
        write!(text, ".{}", digits.trim_end_matches('0')).unwrap();
    }
    text + " QDS"
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_qds_unless_they_say_plank() {
        let cases = [
            ("1", Ok(PLANK_PER_QDS)),
            ("1.5", Ok(1_500_000_000_000_000_000)),
            ("0.000000000000000001", Ok(1)),
            ("1.5qds", Ok(1_500_000_000_000_000_000)),
            (" 2 QDS ", Ok(2 * PLANK_PER_QDS)),
            ("100plank", Ok(100)),
            ("100 plank", Ok(100)),
            ("340282366920938463463.374607431768211455", Ok(u128::MAX)),
            ("340282366920938463463.374607431768211456", Err(AmountError::Overflow)),
            (
                "340282366920938463463374607431768211456plank",
                Err(AmountError::Overflow),
            ),
            ("0.0000000000000000001", Err(AmountError::Decimals(19))),
            ("1.5plank", Err(AmountError::Fraction)),
            ("", Err(AmountError::Syntax)),
            ("plank", Err(AmountError::Syntax)),
            (".5", Err(AmountError::Syntax)),
            ("5.", Err(AmountError::Syntax)),
            ("-1", Err(AmountError::Syntax)),
            ("+1", Err(AmountError::Syntax)),
            ("1e3", Err(AmountError::Syntax)),
            ("1,5", Err(AmountError::Syntax)),
            ("1.2.3", Err(AmountError::Syntax)),
            ("1eth", Err(AmountError::Syntax)),
        ];
        for (text, plank) in cases {
            assert_eq!(parse_amount(text), plank.map(Balance), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(plank in any::<u128>()) {
            prop_assert_eq!(parse_amount(&format_amount(Balance(plank))), Ok(Balance(plank)));
            prop_assert_eq!(parse_amount(&format!("{plank}plank")), Ok(Balance(plank)));
        }

        #[test]
        fn any_text_is_an_amount_or_an_error(text in "\\PC{0,40}") {
            let _ = parse_amount(&text);
        }
    }
}
