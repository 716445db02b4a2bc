//! Tests of pallet pobpc in a runtime of its own.

mod beacon;
mod draw;
mod genesis;
mod heights;
mod membership;
mod mock;
mod offences;
mod participation;
mod properties;
mod signers;
mod takeover;
mod vectors;
