//! Why a dispatched call failed. Indices and paths are Substrate's, so clients decode them as they know them.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::fmt;
use scale_info::{
    Path, Type, TypeInfo,
    build::{Fields, Variants},
};

/// The error of a call that was included in a block and failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen)]
pub enum DispatchError {
    /// An error without a number; the text stays in the node's log.
    #[codec(index = 0)]
    Other(#[codec(skip)] &'static str),
    /// The call's origin may not make it.
    #[codec(index = 2)]
    BadOrigin,
    /// An error of a pallet's own.
    #[codec(index = 3)]
    Module(ModuleError),
    #[codec(index = 7)]
    Token(TokenError),
    #[codec(index = 8)]
    Arithmetic(ArithmeticError),
    /// A limit of the block or of nesting was reached.
    #[codec(index = 10)]
    Exhausted,
}

/// A pallet's error: its index in the runtime and the variant, as in metadata.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen)]
pub struct ModuleError {
    pub index: u8,
    pub error: [u8; 4],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen)]
pub enum TokenError {
    /// The account has too little for this.
    #[codec(index = 0)]
    FundsUnavailable,
    /// The account must keep the existential deposit.
    #[codec(index = 1)]
    OnlyProvider,
    /// The amount is below what an account must hold.
    #[codec(index = 2)]
    BelowMinimum,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen)]
pub enum ArithmeticError {
    Underflow,
    Overflow,
    DivisionByZero,
}

impl fmt::Display for DispatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(text) => write!(f, "{text}"),
            Self::BadOrigin => write!(f, "the origin may not make this call"),
            Self::Module(e) => write!(f, "error {} of pallet {}", e.error[0], e.index),
            Self::Token(TokenError::FundsUnavailable) => write!(f, "funds are unavailable"),
            Self::Token(TokenError::OnlyProvider) => write!(f, "the account must keep the existential deposit"),
            Self::Token(TokenError::BelowMinimum) => write!(f, "the amount is below the minimum an account must hold"),
            Self::Arithmetic(e) => write!(f, "arithmetic {e:?}"),
            Self::Exhausted => write!(f, "a limit was exhausted"),
        }
    }
}

impl core::error::Error for DispatchError {}

impl From<ArithmeticError> for DispatchError {
    fn from(error: ArithmeticError) -> Self {
        Self::Arithmetic(error)
    }
}

impl From<TokenError> for DispatchError {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<&'static str> for DispatchError {
    fn from(text: &'static str) -> Self {
        Self::Other(text)
    }
}

// Written by hand because clients know these types by paths that no module here has.

impl TypeInfo for DispatchError {
    type Identity = Self;
    fn type_info() -> Type {
        Type::builder().path(Path::new("DispatchError", "sp_runtime")).variant(
            Variants::new()
                .variant("Other", |v| v.index(0))
                .variant("BadOrigin", |v| v.index(2))
                .variant("Module", |v| {
                    v.index(3).fields(Fields::unnamed().field(|f| f.ty::<ModuleError>()))
                })
                .variant("Token", |v| {
                    v.index(7).fields(Fields::unnamed().field(|f| f.ty::<TokenError>()))
                })
                .variant("Arithmetic", |v| {
                    v.index(8)
                        .fields(Fields::unnamed().field(|f| f.ty::<ArithmeticError>()))
                })
                .variant("Exhausted", |v| v.index(10)),
        )
    }
}

impl TypeInfo for ModuleError {
    type Identity = Self;
    fn type_info() -> Type {
        Type::builder().path(Path::new("ModuleError", "sp_runtime")).composite(
            Fields::named()
                .field(|f| f.ty::<u8>().name("index").type_name("u8"))
                .field(|f| {
                    f.ty::<[u8; 4]>()
                        .name("error")
                        .type_name("[u8; MAX_MODULE_ERROR_ENCODED_SIZE]")
                }),
        )
    }
}

impl TypeInfo for TokenError {
    type Identity = Self;
    fn type_info() -> Type {
        Type::builder().path(Path::new("TokenError", "sp_runtime")).variant(
            Variants::new()
                .variant("FundsUnavailable", |v| v.index(0))
                .variant("OnlyProvider", |v| v.index(1))
                .variant("BelowMinimum", |v| v.index(2)),
        )
    }
}

impl TypeInfo for ArithmeticError {
    type Identity = Self;
    fn type_info() -> Type {
        Type::builder()
            .path(Path::new("ArithmeticError", "sp_arithmetic"))
            .variant(
                Variants::new()
                    .variant("Underflow", |v| v.index(0))
                    .variant("Overflow", |v| v.index(1))
                    .variant("DivisionByZero", |v| v.index(2)),
            )
    }
}
