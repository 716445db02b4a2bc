//! How genesis files write amounts and accounts. An amount does not fit a JSON number, so a decimal string is accepted
//! beside an integer.

use crate::{AccountId20, Balance};
use core::fmt;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Balance;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount in the smallest unit: an integer below 2^64 or a decimal string below 2^128")
    }

    fn visit_u64<E: Error>(self, amount: u64) -> Result<Balance, E> {
        Ok(Balance(amount.into()))
    }

    fn visit_u128<E: Error>(self, amount: u128) -> Result<Balance, E> {
        Ok(Balance(amount))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Balance, E> {
        // `parse` alone would accept a plus sign.
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(E::invalid_value(serde::de::Unexpected::Str(text), &self));
        }
        text.parse()
            .map(Balance)
            .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

impl<'de> Deserialize<'de> for Balance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AccountVisitor;

impl Visitor<'_> for AccountVisitor {
    type Value = AccountId20;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account: 0x and 40 hexadecimal digits")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<AccountId20, E> {
        text.parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for AccountId20 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(AccountVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_integers_or_decimal_strings() {
        let max = u128::MAX.to_string();
        let cases = [
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX.into())),
            ("\"1000000000000000000000000\"", Some(10u128.pow(24))),
            ("\"+5\"", None),
            ("\"\"", None),
            ("\"0x10\"", None),
            ("-1", None),
            ("1.5", None),
            ("\"340282366920938463463374607431768211456\"", None),
        ];
        for (json, amount) in cases {
            assert_eq!(serde_json::from_str(json).ok(), amount.map(Balance), "{json}");
        }
        assert_eq!(
            serde_json::from_str::<Balance>(&format!("\"{max}\"")).unwrap(),
            Balance(u128::MAX)
        );
    }

    #[test]
    fn accounts_are_hexadecimal() {
        let json = format!("\"0x{}\"", "ab".repeat(20));
        assert_eq!(
            serde_json::from_str::<AccountId20>(&json).unwrap(),
            AccountId20([0xab; 20])
        );
        assert!(serde_json::from_str::<AccountId20>("\"0xab\"").is_err());
        assert!(serde_json::from_str::<AccountId20>("7").is_err());
    }
}
