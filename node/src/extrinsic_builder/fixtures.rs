//! A small runtime's metadata and events, for the tests of this module.

use super::{Era, Metadata, SigningContext};
use codec::{Compact, Encode};
use frame_metadata::{RuntimeMetadataPrefixed, v14, v15};
use quids_core::{AccountId20, Balance, DispatchError, H256, Hash, Height, ModuleError, Nonce, TokenError};
use scale_info::{TypeInfo, meta_type};

#[derive(TypeInfo, Encode)]
#[expect(dead_code, reason = "only its description is used")]
#[expect(non_camel_case_types, reason = "as the macros of pallets write it")]
enum SystemCall {
    remark {
        remark: Vec<u8>,
    },
    #[codec(index = 3)]
    set {
        number: u32,
    },
}

#[derive(TypeInfo, Encode)]
#[expect(dead_code, reason = "only its description is used")]
#[expect(non_camel_case_types, reason = "as the macros of pallets write it")]
enum BalancesCall {
    transfer_allow_death {
        dest: AccountId20,
        #[codec(compact)]
        value: u128,
    },
    #[codec(index = 4)]
    transfer_all { dest: AccountId20, keep_alive: bool },
}

#[derive(TypeInfo, Encode)]
enum SystemEvent {
    ExtrinsicFailed { dispatch_error: DispatchError },
    CodeUpdated,
}

#[derive(TypeInfo, Encode)]
enum BalancesEvent {
    Transfer {
        from: AccountId20,
        to: AccountId20,
        amount: Balance,
        memo: Vec<u8>,
        limit: Option<u32>,
    },
}

#[derive(TypeInfo)]
#[scale_info(capture_docs = "always")]
#[expect(dead_code, reason = "only its description is used")]
enum BalancesError {
    Unused,
    /// Has too little.
    /// Get more.
    TooPoor,
}

#[derive(TypeInfo, Encode)]
enum RuntimeEvent {
    System(SystemEvent),
    #[codec(index = 2)]
    Balances(BalancesEvent),
}

#[derive(TypeInfo, Encode)]
enum Phase {
    ApplyExtrinsic(u32),
    Finalization,
}

#[derive(TypeInfo, Encode)]
struct EventRecord {
    phase: Phase,
    event: RuntimeEvent,
    topics: Vec<Hash>,
}

/// As a runtime describes an era of two bytes; immortal ones do not occur here.
#[derive(TypeInfo)]
#[expect(dead_code, reason = "only its description is used")]
struct TwoBytes([u8; 2]);

fn extension(identifier: &'static str) -> v15::SignedExtensionMetadata {
    let (ty, additional_signed) = match identifier {
        "CheckSpecVersion" | "CheckTxVersion" => (meta_type::<()>(), meta_type::<u32>()),
        "CheckGenesis" => (meta_type::<()>(), meta_type::<Hash>()),
        "CheckMortality" => (meta_type::<TwoBytes>(), meta_type::<Hash>()),
        "CheckNonce" => (meta_type::<Compact<u64>>(), meta_type::<()>()),
        "ChargeTransactionPayment" => (meta_type::<Compact<u128>>(), meta_type::<()>()),
        _ => (meta_type::<u8>(), meta_type::<()>()),
    };
    v15::SignedExtensionMetadata {
        identifier,
        ty,
        additional_signed,
    }
}

const EXTENSIONS: [&str; 6] = [
    "CheckSpecVersion",
    "CheckTxVersion",
    "CheckGenesis",
    "CheckMortality",
    "CheckNonce",
    "ChargeTransactionPayment",
];

fn pallets() -> Vec<v15::PalletMetadata> {
    let events = v15::StorageEntryMetadata {
        name: "Events",
        modifier: v15::StorageEntryModifier::Default,
        ty: v15::StorageEntryType::Plain(meta_type::<Vec<EventRecord>>()),
        default: vec![0],
        docs: vec![],
    };
    let pallet = |name, index, calls, event, entries, error| v15::PalletMetadata {
        name,
        storage: Some(v15::PalletStorageMetadata { prefix: name, entries }),
        calls: Some(v15::PalletCallMetadata { ty: calls }),
        event: Some(v15::PalletEventMetadata { ty: event }),
        constants: vec![],
        error,
        index,
        docs: vec![],
    };
    vec![
        pallet(
            "System",
            0,
            meta_type::<SystemCall>(),
            meta_type::<SystemEvent>(),
            vec![events],
            None,
        ),
        pallet(
            "Balances",
            2,
            meta_type::<BalancesCall>(),
            meta_type::<BalancesEvent>(),
            vec![],
            Some(v15::PalletErrorMetadata {
                ty: meta_type::<BalancesError>(),
            }),
        ),
    ]
}

fn encoded_v15(signed_extensions: Vec<v15::SignedExtensionMetadata>) -> Vec<u8> {
    let extrinsic = v15::ExtrinsicMetadata {
        version: 4,
        address_ty: meta_type::<AccountId20>(),
        call_ty: meta_type::<SystemCall>(),
        signature_ty: meta_type::<quids_crypto::AccountSignature>(),
        extra_ty: meta_type::<()>(),
        signed_extensions,
    };
    let outer_enums = v15::OuterEnums {
        call_enum_ty: meta_type::<SystemCall>(),
        event_enum_ty: meta_type::<RuntimeEvent>(),
        error_enum_ty: meta_type::<()>(),
    };
    let custom = v15::CustomMetadata {
        map: Default::default(),
    };
    let metadata = v15::RuntimeMetadataV15::new(pallets(), extrinsic, meta_type::<()>(), vec![], outer_enums, custom);
    RuntimeMetadataPrefixed::from(metadata).encode()
}

fn encoded_v14() -> Vec<u8> {
    let pallets = pallets().into_iter().map(|p| v14::PalletMetadata {
        name: p.name,
        storage: p.storage,
        calls: p.calls,
        event: p.event,
        constants: p.constants,
        error: p.error,
        index: p.index,
    });
    let signed_extensions = EXTENSIONS.map(extension).map(|e| v14::SignedExtensionMetadata {
        identifier: e.identifier,
        ty: e.ty,
        additional_signed: e.additional_signed,
    });
    let extrinsic = v14::ExtrinsicMetadata {
        ty: meta_type::<()>(),
        version: 4,
        signed_extensions: signed_extensions.into(),
    };
    let metadata = v14::RuntimeMetadataV14::new(pallets.collect(), extrinsic, meta_type::<()>());
    RuntimeMetadataPrefixed::from(metadata).encode()
}

/// The runtime in metadata V15.
pub fn v15() -> Metadata {
    Metadata::decode(&encoded_v15(EXTENSIONS.map(extension).into())).unwrap()
}

/// The runtime in metadata V14 and V15.
pub fn both_versions() -> [Metadata; 2] {
    [Metadata::decode(&encoded_v14()).unwrap(), v15()]
}

/// A runtime whose one extension has this name and carries a `u8`.
pub fn with_extension(identifier: &'static str) -> Metadata {
    let byte = v15::SignedExtensionMetadata {
        identifier,
        ty: meta_type::<u8>(),
        additional_signed: meta_type::<()>(),
    };
    Metadata::decode(&encoded_v15(vec![byte])).unwrap()
}

/// An era of 64 blocks at height 42, nonce 70, tip 5, spec version 101, transaction version 2.
pub fn context() -> SigningContext {
    SigningContext {
        spec_version: 101,
        transaction_version: 2,
        genesis: H256([0xaa; 32]),
        era: Era::mortal(64, Height(42)),
        era_hash: H256([0xbb; 32]),
        nonce: Nonce(70),
        tip: Balance(5),
    }
}

/// A transfer by extrinsic 1, an event of the block, two failures of extrinsic 2.
pub fn events() -> Vec<u8> {
    let from = "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed".parse().unwrap();
    let to = AccountId20([0x11; 20]);
    let amount = Balance(1_500_000_000_000_000_000);
    let transfer = BalancesEvent::Transfer {
        from,
        to,
        amount,
        memo: vec![1, 2],
        limit: None,
    };
    let failed = |dispatch_error| RuntimeEvent::System(SystemEvent::ExtrinsicFailed { dispatch_error });
    let module = DispatchError::Module(ModuleError {
        index: 2,
        error: [1, 0, 0, 0],
    });
    let record = |phase, event| EventRecord {
        phase,
        event,
        topics: vec![],
    };
    vec![
        record(Phase::ApplyExtrinsic(1), RuntimeEvent::Balances(transfer)),
        record(Phase::Finalization, RuntimeEvent::System(SystemEvent::CodeUpdated)),
        record(Phase::ApplyExtrinsic(2), failed(module)),
        record(
            Phase::ApplyExtrinsic(2),
            failed(DispatchError::Token(TokenError::FundsUnavailable)),
        ),
    ]
    .encode()
}
