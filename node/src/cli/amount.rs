//! Amounts as people write them: in the chain's token, with decimals, or in its smallest unit, plank; contracts call that wei.

use super::CliError;
use quids_core::Balance;
use serde_json::{Map, Value as Json};
use std::fmt::Write;

/// Of Quids' own token, and where a chain's properties say nothing.
const DECIMALS: u8 = 18;
/// Decimals that any token may have: 10^38 is the largest power of ten of 128 bits.
const DECIMALS_MAX: u8 = 38;
const GWEI: u128 = 1_000_000_000;

/// What `--help` says of amounts.
pub const AMOUNT_HELP: &str =
    "How much, in the chain's token (`1.5`, `1.5qds`), or of its smallest unit (`100plank`, `100wei`, `30gwei`)";

/// Units that are no token's symbol.
pub const SMALL_UNITS: [&str; 3] = ["plank", "wei", "gwei"];

/// A chain's token, as its properties have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub symbol: String,
    /// One is 10^decimals plank. `None`: the properties do not say it in a way that can be read.
    pub decimals: Option<u8>,
}

/// An amount as it was written: how much that is, is up to the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amount {
    Plank(u128),
    Token {
        whole: u128,
        /// Digits behind the point.
        fraction: String,
        /// `None`: whatever the chain's token is.
        symbol: Option<String>,
    },
}

/// Why a text is no amount, or none of a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    #[error(
        "an amount is a decimal number of the chain's token (1.5, 1.5qds), or a whole number of its smallest unit (100plank, 100wei, 30gwei)"
    )]
    Syntax,
    #[error("{symbol} has {most} decimals, these are {found}")]
    Decimals { symbol: String, most: u8, found: usize },
    #[error("a plank cannot be divided")]
    Fraction,
    #[error("the amount is more than 2^128 - 1 plank")]
    Overflow,
    #[error("the chain's token is {token}, not {told}")]
    OtherToken { token: String, told: String },
    #[error("the chain's properties say no tokenDecimals up to 38: give the amount in plank")]
    NoDecimals,
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
            decimals: Some(DECIMALS),
        }
    }
}

impl Token {
    /// By `tokenSymbol` and `tokenDecimals`, which some chains have as lists of one; Quids' own where there are none.
    pub fn of(properties: &Map<String, Json>) -> Self {
        let property = |name| match properties.get(name) {
            Some(Json::Array(items)) if items.len() == 1 => items.first(),
            other => other,
        };
        let known = Self::default();
        let symbol = property("tokenSymbol").and_then(Json::as_str);
        Self {
            symbol: symbol.map_or(known.symbol, Into::into),
            decimals: match property("tokenDecimals") {
                None => known.decimals,
                Some(told) => told
                    .as_u64()
                    .and_then(|told| u8::try_from(told).ok())
                    .filter(|told| *told <= DECIMALS_MAX),
            },
        }
    }

    /// How much an amount is in this token.
    pub fn read(&self, amount: &Amount) -> Result<Balance, AmountError> {
        let (whole, fraction, symbol) = match amount {
            Amount::Plank(plank) => return Ok(Balance(*plank)),
            // Nothing is nothing of any token.
            Amount::Token {
                whole: 0,
                fraction,
                symbol: None,
            } if fraction.is_empty() => return Ok(Balance::ZERO),
            Amount::Token {
                whole,
                fraction,
                symbol,
            } => (whole, fraction, symbol),
        };
        if let Some(told) = symbol.as_ref().filter(|told| !told.eq_ignore_ascii_case(&self.symbol)) {
            return Err(AmountError::OtherToken {
                token: self.symbol.clone(),
                told: told.clone(),
            });
        }
        let most = self.decimals.ok_or(AmountError::NoDecimals)?;
        let decimals = usize::from(most);
        if fraction.len() > decimals {
            return Err(AmountError::Decimals {
                symbol: self.symbol.clone(),
                most,
                found: fraction.len(),
            });
        }
        let below = match decimals {
            0 => 0,
            _ => whole_number(&format!("{fraction:0<decimals$}"))?,
        };
        let plank = whole.checked_mul(10u128.pow(most.into()));
        let plank = plank.and_then(|plank| plank.checked_add(below));
        plank.map(Balance).ok_or(AmountError::Overflow)
    }

    /// Writes an amount so that it is read back: `1.5 QDS`.
    pub fn show(&self, amount: Balance) -> String {
        let Some(decimals) = self.decimals else {
            return format!("{amount} plank");
        };
        let one = 10u128.pow(decimals.into());
        let (whole, below) = (amount.0 / one, amount.0 % one);
        let mut text = whole.to_string();
        if below != 0 {
            let digits = format!("{below:0width$}", width = usize::from(decimals));
            // UNWRAP: writing to a String does not fail.
            write!(text, ".{}", digits.trim_end_matches('0')).unwrap();
        }
        text + " " + &self.symbol
    }
}

/// Reads an amount. A number without a unit is of the chain's token.
pub fn parse_amount(text: &str) -> Result<Amount, AmountError> {
    let text = text.trim();
    let is_of_number = |letter: char| letter.is_ascii_digit() || letter == '.';
    let end = text.find(|letter| !is_of_number(letter)).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim().to_ascii_lowercase();
    if !unit.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(AmountError::Syntax);
    }
    let (whole, fraction) = split(number)?;
    let whole = whole_number(whole)?;
    let times = match unit.as_str() {
        "plank" | "wei" => 1,
        "gwei" => GWEI,
        _ => {
            return Ok(Amount::Token {
                whole,
                fraction: fraction.unwrap_or_default().into(),
                symbol: (!unit.is_empty()).then_some(unit),
            });
        }
    };
    match fraction {
        Some(_) => Err(AmountError::Fraction),
        None => whole.checked_mul(times).map(Amount::Plank).ok_or(AmountError::Overflow),
    }
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
            decimals: Some(decimals),
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
            ("1e3", other("QDS", "e3")),
            ("30gwei", Ok(30_000_000_000)),
            ("30 Gwei", Ok(30_000_000_000)),
            ("7wei", Ok(7)),
            ("1.5gwei", Err(AmountError::Fraction)),
            ("wei", Err(AmountError::Syntax)),
            ("340282366920938463463374607432gwei", Err(AmountError::Overflow)),
            ("1 q-ds", Err(AmountError::Syntax)),
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
            (token("WEB3", 2), &[("1.5 web3", Ok(150)), ("1.5WEB3", Ok(150))]),
            (
                Token {
                    decimals: None,
                    ..Token::default()
                },
                &[("1", Err(AmountError::NoDecimals)), ("0", Ok(0)), ("1plank", Ok(1))],
            ),
        ] {
            for (text, plank) in cases {
                assert_eq!(read(text, &token), plank.clone().map(Balance), "{text:?} of {token:?}");
            }
        }
    }

    #[test]
    fn a_token_is_what_the_properties_say() {
        let unreadable = || Token {
            decimals: None,
            ..Token::default()
        };
        let of = |properties: Json| Token::of(properties.as_object().unwrap());
        for (properties, expected) in [
            (serde_json::json!({}), Token::default()),
            (
                serde_json::json!({ "tokenSymbol": "SAP", "tokenDecimals": 12 }),
                token("SAP", 12),
            ),
            (
                serde_json::json!({ "tokenSymbol": ["SAP"], "tokenDecimals": [12] }),
                token("SAP", 12),
            ),
            (serde_json::json!({ "tokenDecimals": 39 }), unreadable()),
            (serde_json::json!({ "tokenDecimals": "12" }), unreadable()),
            (serde_json::json!({ "tokenDecimals": [12, 18] }), unreadable()),
        ] {
            assert_eq!(of(properties.clone()), expected, "{properties}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(plank in any::<u128>(), decimals in 0..=DECIMALS_MAX, symbol in "[A-Za-z0-9]{1,12}") {
            prop_assume!(!SMALL_UNITS.contains(&&*symbol.to_ascii_lowercase()));
            let token = token(&symbol, decimals);
            prop_assert_eq!(read(&token.show(Balance(plank)), &token), Ok(Balance(plank)));
            prop_assert_eq!(read(&format!("{plank}plank"), &token), Ok(Balance(plank)));
        }

        #[test]
        fn any_text_is_an_amount_or_an_error(text in "\\PC{0,40}") {
            let _ = read(&text, &Token::default());
        }
    }
}
