//! Why a transaction cannot be in a block, in words that Ethereum's tools know, and as the pool's numbers.

use alloc::{
    format,
    string::{String, ToString},
};
use quids_api::{
    InvalidTransaction as Invalid, TransactionValidityError,
    evm::{EvmError, EvmErrorKind as Kind, EvmHalt},
};
use revm::context_interface::result::{EVMError, HaltReason, InvalidTransaction};

/// An error with its words.
pub fn error(kind: Kind, message: impl Into<String>) -> EvmError {
    EvmError {
        kind,
        message: message.into(),
    }
}

/// What the pool is told. Numbers of our own begin at 32.
pub fn validity(kind: Kind) -> TransactionValidityError {
    match kind {
        Kind::NonceTooLow => Invalid::Stale,
        Kind::NonceTooHigh => Invalid::Future,
        Kind::InsufficientFunds => Invalid::Payment,
        Kind::BadSignature => Invalid::BadProof,
        Kind::SchemeRefused => Invalid::SCHEME_REFUSED,
        Kind::KeyMissing => Invalid::KEY_MISSING,
        Kind::KeyMismatch => Invalid::KEY_MISMATCH,
        Kind::Malformed => Invalid::MALFORMED,
        other => Invalid::Custom((other as u8).saturating_add(32)),
    }
    .into()
}

/// From revm's refusal. Our database has no errors.
pub fn refusal<E: core::fmt::Display>(refused: EVMError<E>) -> EvmError {
    match refused {
        EVMError::Transaction(reason) => invalid(reason),
        other => error(Kind::Other, other.to_string()),
    }
}

fn invalid(reason: InvalidTransaction) -> EvmError {
    use InvalidTransaction as R;
    let (kind, message) = match reason {
        R::NonceTooLow { tx, state } => (
            Kind::NonceTooLow,
            format!("nonce too low: next nonce {state}, tx nonce {tx}"),
        ),
        R::NonceTooHigh { tx, state } => (
            Kind::NonceTooHigh,
            format!("nonce too high: next nonce {state}, tx nonce {tx}"),
        ),
        R::LackOfFundForMaxFee { fee, balance } => (
            Kind::InsufficientFunds,
            format!("insufficient funds for gas * price + value: balance {balance}, tx cost {fee}"),
        ),
        R::OverflowPaymentInTransaction => (
            Kind::InsufficientFunds,
            "insufficient funds for gas * price + value: the cost overflows".to_string(),
        ),
        R::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => (
            Kind::IntrinsicGasTooLow,
            format!("intrinsic gas too low: gas {gas_limit}, minimum needed {initial_gas}"),
        ),
        R::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => (
            Kind::IntrinsicGasTooLow,
            format!("intrinsic gas too low: gas {gas_limit}, minimum needed {gas_floor}"),
        ),
        R::CallerGasLimitMoreThanBlock => (Kind::GasLimitTooHigh, "exceeds block gas limit".to_string()),
        R::TxGasLimitGreaterThanCap { gas_limit, cap } => (
            Kind::GasLimitTooHigh,
            format!("transaction gas limit too high (cap: {cap}, tx: {gas_limit})"),
        ),
        R::GasPriceLessThanBasefee => (
            Kind::FeeCapBelowBaseFee,
            "max fee per gas less than block base fee".to_string(),
        ),
        R::PriorityFeeGreaterThanMaxFee => (
            Kind::TipAboveFeeCap,
            "max priority fee per gas higher than max fee per gas".to_string(),
        ),
        R::CreateInitCodeSizeLimit => (Kind::InitCodeTooLarge, "max initcode size exceeded".to_string()),
        R::RejectCallerWithCode => (Kind::SenderHasCode, "sender not an eoa".to_string()),
        R::EmptyAuthorizationList => (
            Kind::EmptyAuthorizationList,
            "EIP-7702 transaction with empty auth list".to_string(),
        ),
        R::InvalidChainId => (Kind::WrongChainId, "invalid chain id for signer".to_string()),
        R::MissingChainId => (Kind::Unprotected, "the transaction has no chain id".to_string()),
        R::Eip2930NotSupported
        | R::Eip1559NotSupported
        | R::Eip7702NotSupported
        | R::Eip7873NotSupported
        | R::AccessListNotSupported
        | R::AuthorizationListNotSupported => (Kind::Unsupported, format!("transaction type not supported: {reason}")),
        R::Eip4844NotSupported
        | R::BlobCreateTransaction
        | R::EmptyBlobs
        | R::TooManyBlobs { .. }
        | R::BlobVersionNotSupported
        | R::BlobGasPriceGreaterThanMax { .. }
        | R::MaxFeePerBlobGasNotSupported
        | R::BlobVersionedHashesNotSupported => (Kind::Blob, format!("blob transactions have no place here: {reason}")),
        other => (Kind::Other, other.to_string()),
    };
    error(kind, message)
}

/// Why execution ended with all gas gone.
pub fn halt(reason: &HaltReason) -> EvmHalt {
    match reason {
        HaltReason::OutOfGas(_) => EvmHalt::OutOfGas,
        HaltReason::OpcodeNotFound | HaltReason::InvalidFEOpcode | HaltReason::NotActivated => EvmHalt::InvalidOpcode,
        HaltReason::InvalidJump => EvmHalt::InvalidJump,
        HaltReason::StackUnderflow => EvmHalt::StackUnderflow,
        HaltReason::StackOverflow => EvmHalt::StackOverflow,
        HaltReason::OutOfOffset => EvmHalt::ReturnDataOutOfBounds,
        HaltReason::CreateCollision => EvmHalt::CreateCollision,
        HaltReason::PrecompileError | HaltReason::PrecompileErrorWithContext(_) => EvmHalt::Precompile,
        HaltReason::NonceOverflow => EvmHalt::NonceOverflow,
        HaltReason::CreateContractSizeLimit => EvmHalt::CreateCodeSizeLimit,
        HaltReason::CreateContractStartingWithEF => EvmHalt::CreateCodeStartingWithEf,
        HaltReason::CreateInitCodeSizeLimit => EvmHalt::CreateInitCodeSizeLimit,
        HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => EvmHalt::StaticStateChange,
        HaltReason::OutOfFunds => EvmHalt::OutOfFunds,
        HaltReason::CallTooDeep => EvmHalt::CallTooDeep,
        HaltReason::OverflowPayment => EvmHalt::Other,
    }
}
