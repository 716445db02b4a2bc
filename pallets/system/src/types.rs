//! Types that clients see in events and storage, under the paths by which they know them.

use alloc::string::String;
use codec::{Decode, DecodeWithMemTracking, Encode};
use quids_api::{DispatchClass, RuntimeVersion};
use quids_core::Weight;
use quids_support::dispatch::Pays;
use scale_info::{Path, Type, TypeInfo, build::Fields};

/// What an extrinsic cost, as its success or failure event states it. The weight is that charged: after refunds, with
/// the base weight of extrinsics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking)]
pub struct DispatchEventInfo {
    pub weight: Weight,
    pub class: DispatchClass,
    pub pays_fee: Pays,
}

impl TypeInfo for DispatchEventInfo {
    type Identity = Self;
    fn type_info() -> Type {
        Type::builder()
            .path(Path::new("DispatchEventInfo", "frame_system"))
            .composite(
                Fields::named()
                    .field(|f| f.ty::<Weight>().name("weight").type_name("Weight"))
                    .field(|f| f.ty::<DispatchClass>().name("class").type_name("DispatchClass"))
                    .field(|f| f.ty::<Pays>().name("pays_fee").type_name("Pays")),
            )
    }
}

/// The runtime version whose migrations have run.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct LastRuntimeUpgradeInfo {
    #[codec(compact)]
    pub spec_version: u32,
    pub spec_name: String,
}

impl LastRuntimeUpgradeInfo {
    pub fn of(version: &RuntimeVersion) -> Self {
        Self {
            spec_version: version.spec_version,
            spec_name: version.spec_name.clone(),
        }
    }
}

impl TypeInfo for LastRuntimeUpgradeInfo {
    type Identity = Self;
    fn type_info() -> Type {
        Type::builder()
            .path(Path::new("LastRuntimeUpgradeInfo", "frame_system"))
            .composite(
                Fields::named()
                    .field(|f| f.compact::<u32>().name("spec_version").type_name("codec::Compact<u32>"))
                    .field(|f| f.ty::<String>().name("spec_name").type_name("Cow<'static, str>")),
            )
    }
}
