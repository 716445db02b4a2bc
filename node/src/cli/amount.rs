//! Amounts as people write them: in the chain's token, with decimals, or in its smallest unit, plank.

use super::CliError;
use quids_core::Balance;
use serde_json::{Map, Value as Json};
use std::fmt::Write;

/// Decimals of Quids' own token, and of every chain's as contracts count: 1 ether is 10^18 wei.
const DECIMALS: u8 = 18;
/// Decimals that any token may have: 10^38 is the largest power of ten of 128 bits.
const DECIMALS_MAX: u8 = 38;

/// What `--help` says of amounts.
pub const AMOUNT_HELP: &str =
    "How much, in the chain's token (`1.5`, `1.5qds`) or in its smallest unit (`100plank`: of 10^18, a QDS)";

/// A chain's token, as its properties have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub symbol: String,
    /// One is 10^decimals plank.
    pub decimals: u8,
}

/// An amount as it was written: how much that is, is up to the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    whole: u128,
    /// Digits behind the point.
    fraction: String,
    unit: Unit,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Unit {
    Plank,
    /// In lower case. `None`: whatever the chain's token is.
    Token(Option<String>),
}

/// Why a text is no amount, or none of a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    #[error("an amount is a decimal number of the chain's token (1.5, 1.5qds) or a whole number of plank (100plank)")]
    Syntax,
    #[error("{symbol} has {most} decimals, these are {found}")]
    Decimals { symbol: String, most: u8, found: usize },
    #[error("a plank cannot be divided")]
    Fraction,
    #[error("the amount is more than 2^128 - 1 plank")]
    Overflow,
    #[error("the chain's token is {token}, not {told}")]
    OtherToken { token: String, told: String },
}

impl From<AmountError> for CliError {
    fn from(error: AmountError) -> Self {
        Self::Usage(error.to_string())
    }
}

/// Quids' own.
impl Default for Token {
    fn default() -> Self {
        Self {
            symbol: "QDS".into(),
            decimals: DECIMALS,
        }
    }
}

impl Token {
    /// By `tokenSymbol` and `tokenDecimals`; Quids' own where they are missing or make no sense.
    pub fn of(properties: &Map<String, Json>) -> Self {
        let known = Self::default();
        let decimals = properties.get("tokenDecimals").and_then(Json::as_u64);
        let decimals = decimals.and_then(|decimals| u8::try_from(decimals).ok());
        Self {
            symbol: properties
                .get("tokenSymbol")
                .and_then(Json::as_str)
                .map_or(known.symbol, Into::into),
            decimals: decimals
                .filter(|decimals| *decimals <= DECIMALS_MAX)
                .unwrap_or(known.decimals),
        }
    }

    /// The same one as contracts and their users count it.
    #[must_use]
    pub fn of_contracts(self) -> Self {
        Self {
            decimals: DECIMALS,
            ..self
        }
    }

    fn plank(&self) -> u128 {
        10u128.pow(self.decimals.min(DECIMALS_MAX).into())
    }

    /// How much an amount is in this token.
    pub fn read(&self, amount: &Amount) -> Result<Balance, AmountError> {
        let told = match &amount.unit {
            Unit::Plank => return Ok(Balance(amount.whole)),
            Unit::Token(told) => told.as_ref(),
        };
        if let Some(told) = told.filter(|told| !told.eq_ignore_ascii_case(&self.symbol)) {
            return Err(AmountError::OtherToken {
                token: self.symbol.clone(),
                told: told.clone(),
            });
        }
        let decimals = usize::from(self.decimals);
        if amount.fraction.len() > decimals {
            return Err(AmountError::Decimals {
                symbol: self.symbol.clone(),
                most: self.decimals,
                found: amount.fraction.len(),
            });
        }
        let below = match decimals {
            0 => 0,
            _ => whole_number(&format!("{:0<decimals$}", amount.fraction))?,
        };
        let plank = amount.whole.checked_mul(self.plank());
        let plank = plank.and_then(|plank| plank.checked_add(below));
        plank.map(Balance).ok_or(AmountError::Overflow)
    }

    /// Writes an amount so that it is read back: `1.5 QDS`.
    pub fn show(&self, amount: Balance) -> String {
        let (whole, below) = (amount.0 / self.plank(), amount.0 % self.plank());
        let mut text = whole.to_string();
        if below != 0 {
            let digits = format!("{below:0width$}", width = usize::from(self.decimals));
            // UNWRAP: writing to a String does not fail.
            write!(text, ".{}", digits.trim_end_matches('0')).unwrap();
        }
        text + " " + &self.symbol
    }
}

/// Reads an amount. A number without a unit is of the chain's token.
pub fn parse_amount(text: &str) -> Result<Amount, AmountError> {
    let text = text.trim();
    let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = text[number.len()..].to_ascii_lowercase();
    let (whole, fraction) = split(number.trim_end())?;
    let unit = match unit.as_str() {
        "plank" if fraction.is_some() => return Err(AmountError::Fraction),
        "plank" => Unit::Plank,
        "" => Unit::Token(None),
        _ => Unit::Token(Some(unit)),
    };
    Ok(Amount {
        whole: whole_number(whole)?,
        fraction: fraction.unwrap_or_default().into(),
        unit,
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QDS: u128 = 10u128.pow(18);

    fn token(symbol: &str, decimals: u8) -> Token {
        Token {
            symbol: symbol.into(),
            decimals,
        }
    }

    fn read(text: &str, token: &Token) -> Result<Balance, AmountError> {
        token.read(&parse_amount(text)?)
    }

    #[test]
    fn amounts_are_of_the_chains_token_unless_they_say_plank() {
        let decimals = |symbol: &str, most, found| {
            Err(AmountError::Decimals {
                symbol: symbol.into(),
                most,
                found,
            })
        };
        let other = |token: &str, told: &str| {
            Err(AmountError::OtherToken {
                token: token.into(),
                told: told.into(),
            })
        };
        let of_qds = [
            ("1", Ok(QDS)),
            ("1.5", Ok(1_500_000_000_000_000_000)),
            ("0.000000000000000001", Ok(1)),
            ("1.5qds", Ok(1_500_000_000_000_000_000)),
            (" 2 QDS ", Ok(2 * QDS)),
            ("100plank", Ok(100)),
            ("100 plank", Ok(100)),
            ("340282366920938463463.374607431768211455", Ok(u128::MAX)),
            ("340282366920938463463.374607431768211456", Err(AmountError::Overflow)),
            (
                "340282366920938463463374607431768211456plank",
                Err(AmountError::Overflow),
            ),
            ("0.0000000000000000001", decimals("QDS", 18, 19)),
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
            ("1eth", other("QDS", "eth")),
        ];
        let of_sap = [
            ("1", Ok(1_000)),
            ("1.5 Sap", Ok(1_500)),
            ("1.0005", decimals("SAP", 3, 4)),
            ("1qds", other("SAP", "qds")),
            ("7plank", Ok(7)),
        ];
        let of_bit = [("3", Ok(3)), ("3bit", Ok(3)), ("3.0", decimals("BIT", 0, 1))];
        for (token, cases) in [
            (Token::default(), &of_qds[..]),
            (token("SAP", 3), &of_sap),
            (token("BIT", 0), &of_bit),
        ] {
            for (text, plank) in cases {
                assert_eq!(read(text, &token), plank.clone().map(Balance), "{text:?} of {token:?}");
            }
        }
    }

    #[test]
    fn a_token_is_what_the_properties_say() {
        let of = |properties: Json| Token::of(properties.as_object().unwrap());
        for (properties, expected) in [
            (serde_json::json!({}), Token::default()),
            (
                serde_json::json!({ "tokenSymbol": "SAP", "tokenDecimals": 12 }),
                token("SAP", 12),
            ),
            (
                serde_json::json!({ "tokenSymbol": 1, "tokenDecimals": 39 }),
                Token::default(),
            ),
            (serde_json::json!({ "tokenDecimals": [12] }), Token::default()),
        ] {
            assert_eq!(of(properties.clone()), expected, "{properties}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(plank in any::<u128>(), decimals in 0..=DECIMALS_MAX) {
            let token = token("SAP", decimals);
            prop_assert_eq!(read(&token.show(Balance(plank)), &token), Ok(Balance(plank)));
            prop_assert_eq!(read(&format!("{plank}plank"), &token), Ok(Balance(plank)));
        }

        #[test]
        fn any_text_is_an_amount_or_an_error(text in "\\PC{0,40}") {
            let _ = read(&text, &Token::default());
        }
    }
}
