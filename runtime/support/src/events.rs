//! Events: appended to `System.Events`, never read by the runtime, so extrinsics do not depend on each other
//! through them.

use crate::{
    composition::Composition,
    context::{self, Phase},
    storage::hasher::storage_prefix,
};
use alloc::vec::Vec;
use codec::{Decode, Encode};
use quids_core::Hash;
use scale_info::{Path, Type, TypeInfo, TypeParameter, build::Fields, meta_type};

/// One entry of `System.Events`. Substrate's `EventRecord`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct EventRecord<E> {
    pub phase: Phase,
    pub event: E,
    pub topics: Vec<Hash>,
}

impl<E: TypeInfo + 'static> TypeInfo for EventRecord<E> {
    type Identity = Self;
    /// Clients find the event type as the first parameter of the type at this path.
    fn type_info() -> Type {
        Type::builder()
            .path(Path::new("EventRecord", "frame_system"))
            .type_params(alloc::vec![
                TypeParameter::new("E", Some(meta_type::<E>())),
                TypeParameter::new("T", Some(meta_type::<Hash>())),
            ])
            .composite(
                Fields::named()
                    .field(|f| f.ty::<Phase>().name("phase").type_name("Phase"))
                    .field(|f| f.ty::<E>().name("event").type_name("E"))
                    .field(|f| f.ty::<Vec<Hash>>().name("topics").type_name("Vec<T>")),
            )
    }
}

/// `twox128("System") ‖ twox128("Events")`: the value that clients know by this key.
pub const EVENTS_KEY: [u8; 32] = storage_prefix("System", "Events");

/// Appends an event.
pub fn deposit<T: Composition, E: Into<T::RuntimeEvent>>(event: E) {
    let record = EventRecord::<T::RuntimeEvent> {
        phase: context::phase(),
        event: event.into(),
        topics: Vec::new(),
    };
    quids_io::storage::append(&EVENTS_KEY, &record.encode());
}
