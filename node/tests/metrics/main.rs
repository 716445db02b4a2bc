//! Metrics of real nodes: over HTTP, under a strict parser, against the dashboard, the alerts and the reference.

mod dashboard;
mod documents;
mod exposition;
mod hardware;
mod node;
mod values;
