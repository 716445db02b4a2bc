//! subxt for Quids: the chain configuration and signers.
