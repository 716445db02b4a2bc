//! How long a transaction may be included, in Substrate's encoding.

use codec::{Encode, Output};
use quids_core::Height;

/// The longest era, in blocks.
const PERIOD_MAX: u64 = 1 << 16;
const PERIOD_MIN: u64 = 4;

/// Immortal, or a window of blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Era {
    Immortal,
    /// `period`: a power of two from 4 to 65536 blocks; `phase`: the first height modulo the period, quantised to
    /// `period / 4096`.
    Mortal {
        period: u64,
        phase: u64,
    },
}

impl Era {
    /// The era of at least `period` blocks (rounded up to a power of two, at most 65536) that `current` lies in.
    pub fn mortal(period: u64, current: Height) -> Self {
        let period = period.clamp(PERIOD_MIN, PERIOD_MAX).next_power_of_two();
        let quantize = quantize(period);
        Self::Mortal {
            period,
            phase: u64::from(current.0) % period / quantize * quantize,
        }
    }

    /// The height whose block hash is signed: genesis, or the era's first at or before `current`.
    pub fn birth(self, current: Height) -> Height {
        match self {
            Self::Immortal => Height::ZERO,
            Self::Mortal { period, phase } => {
                let current = u64::from(current.0);
                let birth = (current.max(phase) - phase) / period * period + phase;
                // Not above the larger of `current` and a phase below 65536.
                Height(u32::try_from(birth).unwrap_or(u32::MAX))
            }
        }
    }
}

const fn quantize(period: u64) -> u64 {
    if period >> 12 == 0 { 1 } else { period >> 12 }
}

impl Encode for Era {
    fn encode_to<O: Output + ?Sized>(&self, out: &mut O) {
        match *self {
            Self::Immortal => out.push_byte(0),
            Self::Mortal { period, phase } => {
                let low = period.trailing_zeros().saturating_sub(1).clamp(1, 15) as u16;
                (low | ((phase / quantize(period)) as u16) << 4).encode_to(out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn encodings_are_those_of_substrate() {
        // sp-runtime's own examples: `Era::mortal(64, 42)` and `Era::mortal(32768, 20000)`.
        assert_eq!(Era::mortal(64, Height(42)), Era::Mortal { period: 64, phase: 42 });
        assert_eq!(Era::mortal(64, Height(42)).encode(), [5 + 42 % 16 * 16, 42 / 16]);
        assert_eq!(
            Era::mortal(32768, Height(20000)).encode(),
            [(14 + 2500 % 16 * 16) as u8, (2500 / 16) as u8]
        );
        assert_eq!(Era::Immortal.encode(), [0]);
    }

    proptest! {
        #[test]
        fn the_birth_is_not_after_now_and_the_era_covers_it(period in 0u64..200_000, current in any::<u32>()) {
            let era = Era::mortal(period, Height(current));
            let Era::Mortal { period: actual, phase } = era else { panic!("mortal") };
            let birth = era.birth(Height(current)).0;
            prop_assert!(actual.is_power_of_two() && (4..=65_536).contains(&actual) && phase < actual);
            prop_assert!(birth <= current);
            prop_assert!(u64::from(current) < u64::from(birth) + actual);
            prop_assert_eq!(era.encode().len(), 2);
        }
    }
}
