//! The precompiles: against revm's own tables and implementations, known answers, and real signatures through the EVM.

mod crypto;
mod ethereum;
mod iquantumsafe;
mod known;
mod quantum;
mod world;
