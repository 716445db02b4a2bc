//! POBPC's engine: Malachite's implementation of Tendermint, with our committees, votes and signatures. A pure core: it
//! gets messages, verdicts and timers, and says what is to be done. It has no clock, no network, no disk and no key; disk and key
//! are asked for through [`Host`].

mod certificate;
mod context;
mod engine;
mod future;
mod journal;
mod message;
mod timer;

pub use engine::{Decision, Engine, Halt, Input, Output, Setup};
pub use journal::{Entry, Host, HostError};
pub use message::{Message, PolkaCertificate, RoundCertificate, RoundVote};
pub use timer::{Timeouts, Timer, TimerKind};
