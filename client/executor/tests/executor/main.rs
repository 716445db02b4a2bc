//! Tests of the executor with small hand-written guests.

mod artefacts;
mod checks;
mod containment;
mod guarded;
mod guests;
mod host_functions;
mod loading;
mod metrics;
mod sessions;
