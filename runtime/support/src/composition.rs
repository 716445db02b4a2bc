//! How pallets become a runtime: what `construct_runtime!` provides to pallets, and what a pallet provides to it.

use crate::{
    dispatch::{Dispatchable, GetDispatchInfo},
    metadata::PalletMetadata,
};
use alloc::{string::String, vec::Vec};
use codec::{Decode, DecodeWithMemTracking, Encode};
use core::{fmt::Debug, marker::PhantomData};
use scale_info::{Field, MetaType, Path, Type, TypeDefVariant, TypeInfo, Variant};

/// What `construct_runtime!` gives to every pallet, through the supertraits of its `Config`.
pub trait Composition: 'static + Clone + Eq + Debug {
    type RuntimeCall: Encode
        + Decode
        + DecodeWithMemTracking
        + TypeInfo
        + Clone
        + Eq
        + Debug
        + Dispatchable
        + GetDispatchInfo;
    type RuntimeEvent: Encode + Decode + TypeInfo + Clone + Eq + Debug;
    /// The index of the pallet with this name; `None` if the runtime has no such pallet.
    fn pallet_index(name: &str) -> Option<u8>;
    /// Whether contracts may make the call: what the runtime's [`CallFilter`](crate::filter::CallFilter) says, and
    /// without one no call.
    fn is_open_to_contracts(_: &Self::RuntimeCall) -> bool {
        false
    }
}

/// What `#[pallet]` makes of a pallet's module, implemented by its `Pallet<T>`.
pub trait PalletParts {
    /// The pallet's name: prefix of its storage, name in metadata and in the composition.
    const NAME: &'static str;
    /// `Absent<Self>` for a pallet without calls.
    type Call;
    const HAS_CALLS: bool;
    /// `Absent<Self>` for a pallet without events.
    type Event;
    const HAS_EVENTS: bool;
    /// `()` for a pallet without genesis configuration.
    type Genesis;
    /// Everything metadata says of the pallet but its index.
    fn metadata() -> PalletMetadata;
}

/// The type of an outer enum (`RuntimeCall` and its like): one variant a pallet, with its index and its own type.
#[doc(hidden)]
pub fn outer_enum(
    name: &'static str,
    module_path: &'static str,
    variants: impl Iterator<Item = (&'static str, u8, MetaType)>,
) -> Type {
    let variants = variants.map(|(pallet, index, ty)| {
        Variant::new(
            pallet,
            Vec::from([Field::new(None, ty, None, Vec::new())]),
            index,
            Vec::new(),
        )
    });
    Type::new(
        Path::new(name, module_path),
        Vec::new(),
        TypeDefVariant::new(variants),
        Vec::new(),
    )
}

/// What a pallet says, with its name before it.
#[doc(hidden)]
pub fn of_pallet(name: &str, says: &str) -> String {
    alloc::format!("{name}: {says}")
}

/// Stops the build of a runtime that names a pallet otherwise than the pallet itself, whose storage would lie
/// elsewhere than metadata says.
#[doc(hidden)]
#[track_caller]
pub const fn assert_name(declared: &str, own: &str) {
    if !equal(declared.as_bytes(), own.as_bytes()) {
        let message = [
            "`construct_runtime!` names a pallet `",
            declared,
            "` that names itself `",
            own,
            "`: use its own name",
        ];
        let mut text = [b' '; 256];
        let mut length = 0;
        let mut part = 0;
        while part < message.len() {
            let bytes = message[part].as_bytes();
            let mut i = 0;
            while i < bytes.len() && length < text.len() {
                text[length] = bytes[i];
                length += 1;
                i += 1;
            }
            part += 1;
        }
        match core::str::from_utf8(text.split_at(length).0) {
            Ok(text) => panic!("{}", text),
            Err(_) => panic!("a pallet's name in `construct_runtime!` is not its own"),
        }
    }
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// The call or event of a pallet that has none: no value exists. Distinct for every pallet.
#[derive(Encode, Decode, DecodeWithMemTracking)]
#[codec(encode_bound())]
#[codec(decode_bound())]
#[codec(decode_with_mem_tracking_bound())]
pub enum Absent<P> {
    #[codec(skip)]
    #[doc(hidden)]
    Never(PhantomData<P>, core::convert::Infallible),
}

impl<P> Clone for Absent<P> {
    fn clone(&self) -> Self {
        match self {
            Self::Never(_, never) => match *never {},
        }
    }
}

impl<P> PartialEq for Absent<P> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<P> Eq for Absent<P> {}

impl<P> Debug for Absent<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("absent")
    }
}

impl<P: 'static> TypeInfo for Absent<P> {
    type Identity = ();
    fn type_info() -> Type {
        <() as TypeInfo>::type_info()
    }
}

impl<P> Dispatchable for Absent<P> {
    fn dispatch(self, _: crate::origin::Origin) -> crate::dispatch::DispatchResultWithPostInfo {
        match self {
            Self::Never(_, never) => match never {},
        }
    }
}

impl<P> GetDispatchInfo for Absent<P> {
    fn dispatch_info(&self) -> crate::dispatch::DispatchInfo {
        match self {
            Self::Never(_, never) => match *never {},
        }
    }
    fn call_name(&self) -> (&'static str, &'static str) {
        match self {
            Self::Never(_, never) => match *never {},
        }
    }
}
