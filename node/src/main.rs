//! The `quids` binary.

fn main() -> std::process::ExitCode {
    quids_node::cli::main()
}
