//! The base fee, behind a trait, so that another pallet can price gas.

/// How the base fee follows from the last block. Wei a gas.
pub trait BaseFee {
    /// Of the first block.
    fn initial() -> u128;
    /// After a block with this base fee and so much of its gas used.
    fn next(base_fee: u128, gas_used: u64, gas_limit: u64) -> u128;
}

/// EIP-1559: the base fee moves by up to an eighth towards half-full blocks, and never falls below a floor.
pub struct Eip1559;

/// An eighth a block.
const CHANGE_DENOMINATOR: u128 = 8;
/// Blocks are meant to be half full.
const ELASTICITY: u64 = 2;
/// Wei a gas at the start, and never less: 1 Gwei.
const FLOOR: u128 = 1_000_000_000;

impl BaseFee for Eip1559 {
    fn initial() -> u128 {
        FLOOR
    }

    fn next(base_fee: u128, gas_used: u64, gas_limit: u64) -> u128 {
        let target = u128::from(gas_limit.checked_div(ELASTICITY).unwrap_or(0)).max(1);
        let used = u128::from(gas_used);
        let change = |distance: u128| {
            base_fee
                .saturating_mul(distance)
                .checked_div(target)
                .and_then(|share| share.checked_div(CHANGE_DENOMINATOR))
                .unwrap_or(0)
        };
        let next = if used > target {
            base_fee.saturating_add(change(used.saturating_sub(target)).max(1))
        } else {
            base_fee.saturating_sub(change(target.saturating_sub(used)))
        };
        next.max(FLOOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_eip_1559() {
        let gwei = 1_000_000_000;
        for (base_fee, gas_used, expected) in [
            (100 * gwei, 15_000_000, 100 * gwei),
            (100 * gwei, 30_000_000, 112_500_000_000),
            (100 * gwei, 0, 87_500_000_000),
            (100 * gwei, 20_000_000, 104_166_666_666),
            (100 * gwei, 9_000_000, 95 * gwei),
            (gwei, 0, gwei),
            (gwei, 15_000_001, gwei + 8),
        ] {
            assert_eq!(
                Eip1559::next(base_fee, gas_used, 30_000_000),
                expected,
                "{base_fee} {gas_used}"
            );
        }
    }
}
