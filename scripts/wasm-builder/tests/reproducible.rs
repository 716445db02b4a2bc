//! The builder for real, on a crate of a few lines: the same bytes from two places, the exports and the layout the
//! executor relies on, and no path of this machine inside.

use std::path::{Path, PathBuf};

use quids_wasm_builder::{BuildRequest, Builder, Toolchain};

const MANIFEST: &str = r#"
[package]
name = "quids-tiny"
version = "0.0.0"
edition = "2024"
[features]
next = []
[dependencies]
quids-far = { path = "link" }
[workspace]
exclude = ["link"]
[profile.runtime]
inherits = "release"
lto = "fat"
codegen-units = 1
panic = "abort"
strip = "none"
overflow-checks = true
"#;
const LOCK: &str = r#"version = 4

[[package]]
name = "quids-far"
version = "0.0.0"

[[package]]
name = "quids-tiny"
version = "0.0.0"
dependencies = [
 "quids-far",
]
"#;
/// A crate outside the workspace, which a link in it leads to, as in what `quids new chain` writes. Its panics name its file.
const FAR_MANIFEST: &str = "[package]\nname = \"quids-far\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n";
const FAR_SOURCE: &str =
    "#![no_std]\npub fn half(n: u32) -> u32 {\n    assert!(n.is_multiple_of(2), \"{n} is odd\");\n    n / 2\n}\n";
const SOURCE: &str = r#"
#![cfg_attr(target_arch = "wasm32", no_std)]
extern crate alloc;
#[cfg(target_arch = "wasm32")]
mod wasm {
    use core::alloc::{GlobalAlloc, Layout};
    struct None;
    unsafe impl GlobalAlloc for None {
        unsafe fn alloc(&self, _: Layout) -> *mut u8 { core::ptr::null_mut() }
        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
    }
    #[global_allocator]
    static ALLOCATOR: None = None;
    #[link(wasm_import_module = "env")]
    unsafe extern "C" { fn ext_panic(ptr: *const u8, len: usize) -> !; }
    #[panic_handler]
    fn panic(info: &core::panic::PanicInfo) -> ! {
        let message = alloc::format!("{info}");
        unsafe { ext_panic(message.as_ptr(), message.len()) }
    }
}
#[unsafe(no_mangle)]
pub extern "C" fn tiny_high_half(a: u64, b: u64) -> u64 { ((u128::from(a) * u128::from(b)) >> 64) as u64 }
#[unsafe(no_mangle)]
pub extern "C" fn tiny_sum(n: u32) -> u32 { let all: alloc::vec::Vec<u32> = (0..n).collect(); all.iter().sum() }
#[unsafe(no_mangle)]
pub extern "C" fn tiny_half(n: u32) -> u32 { quids_far::half(n) }
#[cfg(feature = "next")]
#[unsafe(no_mangle)]
pub extern "C" fn tiny_only_in_next() -> u32 { 2 }
"#;

/// The workspace, and the crate outside of it.
struct Scratch(PathBuf, PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("quids-wasm-builder-{}-{name}", std::process::id()));
        let far = std::env::temp_dir().join(format!("quids-far-{}-{}", std::process::id(), name.len()));
        std::fs::create_dir_all(dir.join("src")).unwrap();
        std::fs::create_dir_all(far.join("src")).unwrap();
        for (file, text) in [("Cargo.toml", MANIFEST), ("Cargo.lock", LOCK), ("src/lib.rs", SOURCE)] {
            std::fs::write(dir.join(file), text).unwrap();
        }
        for (file, text) in [("Cargo.toml", FAR_MANIFEST), ("src/lib.rs", FAR_SOURCE)] {
            std::fs::write(far.join(file), text).unwrap();
        }
        std::os::unix::fs::symlink(&far, dir.join("link")).unwrap();
        Self(dir.canonicalize().unwrap(), far.canonicalize().unwrap())
    }

    fn build(&self, toolchain: &Toolchain, features: &[&str]) -> Vec<u8> {
        let builder = Builder {
            workspace: self.0.clone(),
            target_dir: self.0.join("target-of-this-copy"),
            out_dir: self.0.join("out"),
            package: "quids-tiny".into(),
            toolchain: toolchain.clone(),
        };
        let output = builder
            .build(&BuildRequest {
                features,
                out_name: "tiny",
            })
            .unwrap();
        assert!(
            output.build_info.contains(toolchain.route.name()),
            "{}",
            output.build_info
        );
        std::fs::read(output.path).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
        let _ = std::fs::remove_dir_all(&self.1);
    }
}

fn contains(bytes: &[u8], needle: &str) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[test]
fn same_toolchain_same_bytes_wherever_it_is_built() {
    let toolchain = Toolchain::find().unwrap();
    let (here, there) = (Scratch::new("here"), Scratch::new("a-rather-longer-name/there"));
    let bytes = here.build(&toolchain, &[]);
    assert_eq!(
        bytes,
        there.build(&toolchain, &[]),
        "the artefact depends on where it is built"
    );

    assert!(
        contains(&bytes, "link/src/lib.rs"),
        "no panic names the far crate's file"
    );
    for export in ["tiny_high_half", "tiny_sum", "memory", "ext_panic"] {
        assert!(contains(&bytes, export), "{export} is missing");
    }
    let home = std::env::home_dir().unwrap();
    let paths: [&Path; 4] = [&here.0, &here.1, &toolchain.sysroot, &home.join(".")];
    for path in paths.iter().filter(|path| path.components().count() > 2) {
        assert!(
            !contains(&bytes, &path.display().to_string()),
            "{} is in the artefact",
            path.display()
        );
    }
    // i64.add128 to i64.mul_wide_u: LLVM computes wrong sums with them.
    assert!(
        !bytes.windows(2).any(|window| matches!(window, [0xfc, 0x13..=0x16])),
        "wide arithmetic in the artefact"
    );
}

#[test]
fn features_select_another_artefact_and_back() {
    let toolchain = Toolchain::find().unwrap();
    let scratch = Scratch::new("features");
    let plain = scratch.build(&toolchain, &[]);
    assert!(contains(&scratch.build(&toolchain, &["next"]), "tiny_only_in_next"));
    assert_eq!(scratch.build(&toolchain, &[]), plain);
}
