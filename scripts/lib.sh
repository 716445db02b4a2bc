# Shared by the scripts of this folder: where things are, and how they say what they do. Sourced, never run.
# shellcheck shell=bash

set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
# One target directory for every script, outside the clone: a fresh clone on a machine that built before starts warm.
export CARGO_TARGET_DIR="${QUIDS_TARGET:-$HOME/.cache/quids/target}"
export QUIDS_FIXTURES="${QUIDS_FIXTURES:-$(dirname "$ROOT")/shared/fixtures}"
# rustup's toolchain goes before the one that Debian's packages put into /usr/bin for the WASM route build-std.
if [ -d "$HOME/.cargo/bin" ]; then
    PATH="$HOME/.cargo/bin:$PATH"
fi
export PATH

WASM_TARGET=wasm32-unknown-unknown

# Clones share what cargo builds of the workspace too, and cargo tells stale from fresh by time alone: after a build in
# another clone its newer output would pass for this clone's. So a clone that was not the last to build looks changed.
claim_target() {
    local last="$CARGO_TARGET_DIR/last-clone"
    [ "$(cat "$last" 2>/dev/null)" != "$ROOT" ] || return 0
    find "$ROOT" \( -name node_modules -o -name .git -o -name target \) -prune -o -type f \
        \( -name '*.rs' -o -name '*.toml' -o -name '*.md' -o -name '*.json' -o -name '*.txt' -o -name '*.stderr' \) \
        -exec touch {} +
    mkdir -p "$CARGO_TARGET_DIR"
    echo "$ROOT" >"$last"
}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Whether the running toolchain has the compiled standard library for WASM.
has_wasm_target() {
    local dir
    dir="$(rustc --print target-libdir --target "$WASM_TARGET" 2>/dev/null)" || return 1
    compgen -G "$dir/libcore-*.rlib" >/dev/null
}

# Whether Debian's toolchain with sources and linker is there (packages rustc-web cargo-web rust-web-src rust-web-llvm,
# and the lld that rust-lld links to).
has_debian_build_std() {
    [ -x /usr/bin/rustc ] && [ -x /usr/bin/cargo ] && [ -e /usr/bin/rust-lld ] &&
        [ -f "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/core/src/lib.rs" ]
}

# Builds the node, and what `quids runtime build` hands over to. `--workspace` although only one binary is wanted: features are then those of every other build in
# this folder, so that RocksDB (about 20 CPU-minutes) is compiled once.
build_node() {
    (cd "$ROOT" && cargo build --locked --workspace --bin quids --bin quids-wasm-builder)
}
# shellcheck disable=SC2034  # for the scripts that source this
NODE="$CARGO_TARGET_DIR/debug/quids"
claim_target
