//! What a signed transaction carries besides its call, in the order that metadata gives.

use super::{BuilderError, Era, Metadata, call::check_encoded};
use codec::{Compact, Encode};
use quids_core::{Balance, Hash, Nonce};

/// What the known extensions need.
#[derive(Clone, Copy, Debug)]
pub struct SigningContext {
    pub spec_version: u32,
    pub transaction_version: u32,
    pub genesis: Hash,
    pub era: Era,
    /// Hash of the block at the era's birth; genesis for immortal ones.
    pub era_hash: Hash,
    pub nonce: Nonce,
    pub tip: Balance,
}

impl SigningContext {
    /// The part in the extrinsic and the part that is only signed.
    fn parts(&self, identifier: &str) -> Option<(Vec<u8>, Vec<u8>)> {
        Some(match identifier {
            "CheckSpecVersion" => (vec![], self.spec_version.encode()),
            "CheckTxVersion" => (vec![], self.transaction_version.encode()),
            "CheckGenesis" => (vec![], self.genesis.encode()),
            "CheckMortality" => (self.era.encode(), self.era_hash.encode()),
            "CheckNonce" => (Compact(self.nonce.0).encode(), vec![]),
            "ChargeTransactionPayment" => (Compact(self.tip.0).encode(), vec![]),
            _ => return None,
        })
    }
}

/// The extensions' bytes in the extrinsic, and those that are only signed.
pub fn encode_extensions(metadata: &Metadata, context: &SigningContext) -> Result<(Vec<u8>, Vec<u8>), BuilderError> {
    let (mut extra, mut implicit) = (Vec::new(), Vec::new());
    for extension in metadata.extensions() {
        let identifier = &extension.identifier;
        let (carried, signed) = context
            .parts(identifier)
            .ok_or_else(|| BuilderError::UnknownExtension(identifier.clone()))?;
        check_encoded(metadata, extension.ty, &carried)
            .and_then(|()| check_encoded(metadata, extension.implicit, &signed))
            .map_err(|reason| BuilderError::Extension {
                identifier: identifier.clone(),
                reason,
            })?;
        extra.extend(carried);
        implicit.extend(signed);
    }
    Ok((extra, implicit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extrinsic_builder::fixtures;

    #[test]
    fn extensions_come_in_the_order_of_metadata() {
        for metadata in fixtures::both_versions() {
            let (extra, implicit) = encode_extensions(&metadata, &fixtures::context()).unwrap();
            // Era of 64 blocks at height 42; nonce 70; tip 5.
            assert_eq!(hex::encode(extra), format!("a502{}{}", "1901", "14"));
            let expected = format!("65000000{}{}{}", "02000000", "aa".repeat(32), "bb".repeat(32));
            assert_eq!(hex::encode(implicit), expected);
        }
    }

    #[test]
    fn an_unknown_extension_is_named() {
        let metadata = fixtures::with_extension("CheckMoon");
        let error = encode_extensions(&metadata, &fixtures::context()).unwrap_err();
        assert_eq!(error, BuilderError::UnknownExtension("CheckMoon".into()));
    }

    #[test]
    fn an_extension_of_another_shape_is_refused() {
        // The fixture gives every added extension `u8` to carry.
        let metadata = fixtures::with_extension("CheckGenesis");
        let error = encode_extensions(&metadata, &fixtures::context()).unwrap_err();
        assert!(matches!(error, BuilderError::Extension { identifier, .. } if identifier == "CheckGenesis"));
    }
}
