//! Amounts for the EVM: as everywhere on the command line, and in Ethereum's units.

use super::super::{AmountError, Token, parse_amount};
use quids_core::Balance;

/// What `--help` says of them.
pub const WEI_HELP: &str = "How much, in the chain's token (`1.5`), `30gwei` or `100wei`: one is 10^18 wei";

const GWEI: u128 = 1_000_000_000;

/// Reads an amount in wei, gwei, or of the chain's token.
pub fn parse_wei(text: &str) -> Result<Balance, AmountError> {
    let lower = text.trim().to_ascii_lowercase();
    // No chain is asked, so that other units than Quids' own are none.
    let read = |text: &str| match Token::default().read(&parse_amount(text)?) {
        Err(AmountError::OtherToken { .. }) => Err(AmountError::Syntax),
        known => known,
    };
    if let Some(gwei) = lower.strip_suffix("gwei") {
        let whole = read(&format!("{}plank", gwei.trim_end()))?;
        return whole.0.checked_mul(GWEI).map(Balance).ok_or(AmountError::Overflow);
    }
    match lower.strip_suffix("wei") {
        Some(wei) => read(&format!("{}plank", wei.trim_end())),
        None => read(&lower),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_ethereums_units_too() {
        for (text, wei) in [
            ("1.5", Ok(1_500_000_000_000_000_000)),
            ("30gwei", Ok(30_000_000_000)),
            ("30 Gwei", Ok(30_000_000_000)),
            ("7wei", Ok(7)),
            ("7plank", Ok(7)),
            ("1.5gwei", Err(AmountError::Fraction)),
            ("1.5qds", Ok(1_500_000_000_000_000_000)),
            ("1kwei", Err(AmountError::Syntax)),
            ("wei", Err(AmountError::Syntax)),
            ("340282366920938463463374607432gwei", Err(AmountError::Overflow)),
        ] {
            assert_eq!(parse_wei(text), wei.map(Balance), "{text}");
        }
    }
}
