//! What subxt has to be told about a Quids chain; everything else it reads from the chain's metadata.

use crate::{AccountId20, AccountSignature};
use subxt::{
    ArcMetadata, Metadata,
    config::{Config, DefaultExtrinsicParamsBuilder, DefaultTransactionExtensions, Hasher, SubstrateConfig},
    utils::H256,
};

/// The configuration of every Quids chain: `OnlineClient::<QuidsConfig>::from_url(..)`.
///
/// Clones share the metadata that subxt reads, one for each version of the runtime.
#[derive(Clone, Debug, Default)]
pub struct QuidsConfig(SubstrateConfig);

/// What a transaction may be told: `mortal`, `immortal`, `nonce`, `tip`. What it is not told subxt takes from the chain;
/// it lives 32 blocks then.
pub type QuidsParamsBuilder = DefaultExtrinsicParamsBuilder<QuidsConfig>;

impl QuidsConfig {
    /// The same as its default.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Config for QuidsConfig {
    type AccountId = AccountId20;
    type Address = AccountId20;
    type Signature = AccountSignature;
    type Hasher = Blake3;
    type Header = <SubstrateConfig as Config>::Header;
    // Of these subxt encodes those that metadata lists. Quids has CheckSpecVersion, CheckTxVersion, CheckGenesis,
    // CheckMortality, CheckNonce and ChargeTransactionPayment.
    type TransactionExtensions = DefaultTransactionExtensions<Self>;
    type AssetId = u32;

    fn metadata_for_spec_version(&self, spec_version: u32) -> Option<ArcMetadata> {
        self.0.metadata_for_spec_version(spec_version)
    }

    fn set_metadata_for_spec_version(&self, spec_version: u32, metadata: ArcMetadata) {
        self.0.set_metadata_for_spec_version(spec_version, metadata);
    }
}

/// BLAKE3-256, by which blocks and transactions are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blake3;

impl Hasher for Blake3 {
    type Hash = H256;

    fn new(_metadata: &Metadata) -> Self {
        Self
    }

    fn hash(&self, bytes: &[u8]) -> H256 {
        quids_crypto::blake3_256(bytes).into()
    }
}
