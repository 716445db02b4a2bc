//! The `quids` binary.

/// RocksDB uses it too. See ADR 12.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    quids_node::cli::main()
}
