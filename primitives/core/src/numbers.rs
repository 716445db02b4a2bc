//! Counters and units as newtypes. Metadata shows the plain integer, so clients see `u32`, `u64`, `u128`.

use codec::{CompactAs, Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::fmt;
use scale_info::{Type, TypeInfo};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Encode, Decode,
            DecodeWithMemTracking, MaxEncodedLen, CompactAs,
        )]
        pub struct $name(pub $inner);

        impl TypeInfo for $name {
            type Identity = $inner;
            fn type_info() -> Type {
                <$inner as TypeInfo>::type_info()
            }
        }

        impl $name {
            pub const ZERO: Self = Self(0);
            pub const MAX: Self = Self(<$inner>::MAX);

            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(difference) => Some(Self(difference)),
                    None => None,
                }
            }

            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }

            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number!(
    /// A block's number; genesis is 0.
    Height(u32)
);
number!(
    /// How many transactions an account has had included.
    Nonce(u64)
);
number!(
    /// An amount in the chain's smallest unit (10^-18 QDS).
    Balance(u128)
);

impl Height {
    /// The height of the child block, `None` past `u32::MAX`.
    pub const fn next(self) -> Option<Self> {
        self.checked_add(Self(1))
    }
}

/// What executing something costs, in two dimensions.
#[derive(
    Clone, Copy, PartialEq, Eq, Default, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(replace_segment("quids_core", "sp_weights"), replace_segment("numbers", "weight_v2"))]
pub struct Weight {
    /// Computation, in picoseconds on the reference machine.
    #[codec(compact)]
    pub ref_time: u64,
    /// Bytes the execution adds to a storage proof.
    #[codec(compact)]
    pub proof_size: u64,
}

impl Weight {
    pub const ZERO: Self = Self {
        ref_time: 0,
        proof_size: 0,
    };
    pub const MAX: Self = Self {
        ref_time: u64::MAX,
        proof_size: u64::MAX,
    };

    pub const fn new(ref_time: u64, proof_size: u64) -> Self {
        Self { ref_time, proof_size }
    }

    pub const fn saturating_add(self, other: Self) -> Self {
        Self::new(
            self.ref_time.saturating_add(other.ref_time),
            self.proof_size.saturating_add(other.proof_size),
        )
    }

    pub const fn saturating_sub(self, other: Self) -> Self {
        Self::new(
            self.ref_time.saturating_sub(other.ref_time),
            self.proof_size.saturating_sub(other.proof_size),
        )
    }

    pub const fn saturating_mul(self, factor: u64) -> Self {
        Self::new(
            self.ref_time.saturating_mul(factor),
            self.proof_size.saturating_mul(factor),
        )
    }

    /// The smaller of the two in each dimension.
    pub fn min(self, other: Self) -> Self {
        Self::new(self.ref_time.min(other.ref_time), self.proof_size.min(other.proof_size))
    }

    /// True if either dimension is larger than in `limit`.
    pub const fn any_gt(self, limit: Self) -> bool {
        self.ref_time > limit.ref_time || self.proof_size > limit.proof_size
    }
}
