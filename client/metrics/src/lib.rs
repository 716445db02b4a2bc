//! Metrics of the node in Prometheus format, and the server that shows them.
