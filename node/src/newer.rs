//! The node with one more level of host functions. See the feature `next-level`.

fn main() -> std::process::ExitCode {
    quids_node::cli::main()
}
