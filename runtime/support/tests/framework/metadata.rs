//! Metadata of the test runtime, encoded and decoded again.

use crate::{Runtime, RuntimeCall, RuntimeError, RuntimeEvent};
use frame_metadata::{RuntimeMetadata as Decoded, RuntimeMetadataPrefixed, v14, v15};
use quids_core::{AccountId20, Balance};
use quids_crypto::AccountSignature;
use quids_support::{
    extension::Extensions,
    extrinsic::{UncheckedExtrinsic, VERSION},
    metadata::{ExtrinsicMetadata, RuntimeMetadata, VERSIONS, method},
    prelude::*,
};
use scale_info::{PortableRegistry, TypeDef, form::PortableForm, meta_type};

use crate::extrinsic::Tip;

type Extra = (Tip,);

fn encoded(version: u32) -> Option<Vec<u8>> {
    let metadata = RuntimeMetadata {
        pallets: Runtime::pallets_metadata(),
        extrinsic: ExtrinsicMetadata {
            ty: meta_type::<UncheckedExtrinsic<RuntimeCall, Extra>>(),
            version: VERSION,
            address: meta_type::<AccountId20>(),
            call: meta_type::<RuntimeCall>(),
            signature: meta_type::<AccountSignature>(),
            extra: meta_type::<Extra>(),
            extensions: Extra::metadata(),
        },
        runtime: meta_type::<Runtime>(),
        call: meta_type::<RuntimeCall>(),
        event: meta_type::<RuntimeEvent>(),
        error: meta_type::<RuntimeError>(),
        apis: vec![quids_support::metadata::RuntimeApiMetadata {
            name: "Test",
            methods: vec![
                method::<(u32, bool), Balance>("balance", &["who", "all"]),
                method::<(), ()>("nothing", &[]),
            ],
            docs: vec![],
        }],
    };
    metadata.encode(version)
}

fn decoded(version: u32) -> Decoded {
    let bytes = encoded(version).expect("the version is known");
    let RuntimeMetadataPrefixed(magic, metadata) = Decode::decode(&mut &bytes[..]).expect("it decodes");
    assert_eq!(magic, u32::from_le_bytes(*b"meta"));
    metadata
}

fn v14() -> v14::RuntimeMetadataV14 {
    let Decoded::V14(metadata) = decoded(14) else {
        panic!("not version 14")
    };
    metadata
}

fn v15() -> v15::RuntimeMetadataV15 {
    let Decoded::V15(metadata) = decoded(15) else {
        panic!("not version 15")
    };
    metadata
}

fn path(types: &PortableRegistry, id: u32) -> String {
    types
        .resolve(id)
        .expect("the type is registered")
        .path
        .segments
        .join("::")
}

fn variants(types: &PortableRegistry, id: u32) -> &[scale_info::Variant<PortableForm>] {
    match &types.resolve(id).expect("the type is registered").type_def {
        TypeDef::Variant(variants) => &variants.variants,
        other => panic!("not an enum: {other:?}"),
    }
}

fn names(variants: &[scale_info::Variant<PortableForm>]) -> Vec<(&str, u8)> {
    variants
        .iter()
        .map(|variant| (variant.name.as_str(), variant.index))
        .collect()
}

#[test]
fn only_the_listed_versions_exist() {
    assert_eq!(VERSIONS, [14, 15]);
    assert!(encoded(13).is_none() && encoded(16).is_none());
}

#[test]
fn pallets_come_by_index_with_their_docs() {
    let metadata = v15();
    let pallets: Vec<_> = metadata
        .pallets
        .iter()
        .map(|pallet| (pallet.name.as_str(), pallet.index))
        .collect();
    assert_eq!(pallets, [("Ledger", 4), ("Quiet", 9), ("AlmostNothing", 200)]);
    assert_eq!(metadata.pallets[0].docs, ["Keeps notes and pays for them."]);
    let quiet = &metadata.pallets[1];
    assert!(quiet.storage.is_none() && quiet.calls.is_none() && quiet.event.is_none() && quiet.error.is_none());
    assert!(quiet.constants.is_empty());
}

#[test]
fn storage_says_hashers_types_defaults_and_docs() {
    let metadata = v14();
    let storage = metadata.pallets[0].storage.as_ref().expect("the pallet has storage");
    assert_eq!(storage.prefix, "Ledger");
    let entries: Vec<_> = storage.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(entries, ["Count", "LastNote", "Notes", "Paid", "Shares"]);

    let count = &storage.entries[0];
    assert_eq!(count.docs, ["How many notes there are."]);
    assert_eq!(
        (&count.modifier, &count.default[..]),
        (&v14::StorageEntryModifier::Default, &[0, 0, 0, 0][..])
    );
    assert!(matches!(count.ty, v14::StorageEntryType::Plain(_)));
    assert_eq!(storage.entries[1].modifier, v14::StorageEntryModifier::Optional);

    let hashers = |at: usize| match &storage.entries[at].ty {
        v14::StorageEntryType::Map { hashers, key, .. } => (hashers.clone(), path(&metadata.types, key.id)),
        v14::StorageEntryType::Plain(_) => panic!("not a map"),
    };
    use v14::StorageHasher::{Blake2_128Concat, Identity, Twox64Concat};
    assert_eq!(hashers(2), (vec![Blake2_128Concat], "account::AccountId20".into()));
    assert_eq!(hashers(3).0, [Twox64Concat]);
    assert_eq!(hashers(4).0, [Blake2_128Concat, Identity]);
}

#[test]
fn constants_have_their_value() {
    let metadata = v15();
    let [constant] = &metadata.pallets[0].constants[..] else {
        panic!("there is one constant")
    };
    assert_eq!(constant.name, "NoteLengthMax");
    assert_eq!(constant.value, 8u32.encode());
    assert_eq!(constant.docs, ["The longest note, in bytes."]);
}

#[test]
fn calls_have_declared_indices_argument_names_and_docs() {
    let metadata = v15();
    let calls = metadata.pallets[0].calls.as_ref().expect("the pallet has calls").ty.id;
    assert_eq!(path(&metadata.types, calls), "framework::ledger::pallet::Call");
    let calls = variants(&metadata.types, calls);
    assert_eq!(names(calls), [("write", 0), ("pay", 7), ("set_time", 3), ("nested", 4)]);
    assert_eq!(calls[0].docs, ["Writes a note."]);
    let arguments: Vec<_> = calls[1]
        .fields
        .iter()
        .map(|field| field.name.as_deref().unwrap_or(""))
        .collect();
    assert_eq!(arguments, ["to", "amount", "share", "fail"]);
    let compact = |at: usize| {
        let ty = metadata
            .types
            .resolve(calls[1].fields[at].ty.id)
            .expect("the type is registered");
        matches!(ty.type_def, TypeDef::Compact(_))
    };
    assert!(!compact(0) && compact(1) && compact(2) && !compact(3));
}

#[test]
fn events_and_errors_hide_what_the_macro_added() {
    let metadata = v15();
    let ledger = &metadata.pallets[0];
    let event = ledger.event.as_ref().expect("the pallet has events").ty.id;
    assert_eq!(path(&metadata.types, event), "framework::ledger::pallet::Event");
    let events = variants(&metadata.types, event);
    assert_eq!(names(events), [("Written", 0), ("Paid", 1)]);
    assert_eq!(events[0].docs, ["A note was written."]);
    assert_eq!(events[0].fields[0].docs, ["By this account."]);

    let error = ledger.error.as_ref().expect("the pallet has errors").ty.id;
    assert_eq!(path(&metadata.types, error), "framework::ledger::pallet::Error");
    let errors = variants(&metadata.types, error);
    assert_eq!(names(errors), [("TooLong", 0), ("Refused", 5), ("TooLate", 3)]);
    assert_eq!(errors[0].docs, ["The note is too long."]);
}

#[test]
fn outer_enums_leave_out_pallets_without_a_part() {
    let metadata = v15();
    let types = &metadata.types;
    for (id, name, part) in [
        (metadata.outer_enums.call_enum_ty.id, "RuntimeCall", "Call"),
        (metadata.outer_enums.event_enum_ty.id, "RuntimeEvent", "Event"),
        (metadata.outer_enums.error_enum_ty.id, "RuntimeError", "Error"),
    ] {
        assert_eq!(path(types, id), format!("framework::{name}"));
        let [ledger] = variants(types, id) else {
            panic!("{name} has one variant")
        };
        assert_eq!((ledger.name.as_str(), ledger.index), ("Ledger", 4));
        assert_eq!(
            path(types, ledger.fields[0].ty.id),
            format!("framework::ledger::pallet::{part}")
        );
    }
}

#[test]
fn extrinsics_and_apis_are_described() {
    let metadata = v15();
    let types = &metadata.types;
    assert_eq!(metadata.extrinsic.version, 4);
    assert_eq!(path(types, metadata.extrinsic.call_ty.id), "framework::RuntimeCall");
    assert_eq!(metadata.extrinsic.signed_extensions[0].identifier, "Tip");
    let [api] = &metadata.apis[..] else {
        panic!("there is one API")
    };
    let inputs: Vec<_> = api.methods.iter().map(|method| method.inputs.len()).collect();
    assert_eq!(inputs, [2, 0]);

    let metadata = v14();
    let extrinsic = metadata
        .types
        .resolve(metadata.extrinsic.ty.id)
        .expect("the type is registered");
    assert_eq!(
        extrinsic.path.segments.join("::"),
        "sp_runtime::generic::unchecked_extrinsic::UncheckedExtrinsic"
    );
    let parameters: Vec<_> = extrinsic
        .type_params
        .iter()
        .map(|parameter| parameter.name.as_str())
        .collect();
    assert_eq!(parameters, ["Address", "Call", "Signature", "Extra"]);
}
