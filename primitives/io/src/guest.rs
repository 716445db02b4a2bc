//! The runtime's side of the ABI: raw imports, their safe wrappers, the entry shim and the panic handler.

use crate::abi::ABI_VERSION;
use alloc::{string::String, vec, vec::Vec};
use core::{fmt::Write, mem::MaybeUninit};
use quids_core::{AccountId20, Hash, Header};
use quids_crypto::{EthereumOperation, MlDsaLevel};

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn ext_crypto_ethereum_v1(operation: u32, input: *const u8, len: usize, out: *mut u8, capacity: usize) -> i64;
    fn ext_crypto_ml_dsa_verify_v1(
        level: u32,
        key: *const u8,
        key_len: usize,
        message: *const u8,
        message_len: usize,
        signature: *const u8,
        signature_len: usize,
    ) -> i32;
    fn ext_crypto_secp256k1_recover_v1(hash: *const u8, signature: *const u8, out: *mut u8) -> i32;
    fn ext_crypto_verify_v1(
        scheme: u32,
        key: *const u8,
        key_len: usize,
        message: *const u8,
        message_len: usize,
        signature: *const u8,
        signature_len: usize,
    ) -> i32;
    fn ext_hash_blake2b_128_v1(data: *const u8, len: usize, out: *mut u8);
    fn ext_hash_blake2b_256_v1(data: *const u8, len: usize, out: *mut u8);
    fn ext_hash_blake3_256_v1(data: *const u8, len: usize, out: *mut u8);
    fn ext_hash_keccak_256_v1(data: *const u8, len: usize, out: *mut u8);
    fn ext_hash_quantum_resistant_v1(domain: *const u8, domain_len: usize, data: *const u8, len: usize, out: *mut u8);
    fn ext_log_v1(level: u32, message: *const u8, len: usize);
    fn ext_panic_v1(message: *const u8, len: usize);
    fn ext_runtime_check_v2(
        code: *const u8,
        len: usize,
        header: *const u8,
        header_len: usize,
        out: *mut u8,
        capacity: usize,
    ) -> i64;
    fn ext_runtime_guarded_call_v1(
        api: *const u8,
        api_len: usize,
        input: *const u8,
        input_len: usize,
        out: *mut u8,
        capacity: usize,
    ) -> i64;
    fn ext_storage_add_v1(key: *const u8, key_len: usize, low: u64, high: u64);
    fn ext_storage_append_v1(key: *const u8, key_len: usize, item: *const u8, item_len: usize);
    fn ext_storage_begin_v1();
    fn ext_storage_clear_prefix_v1(prefix: *const u8, len: usize, limit: u32) -> i64;
    fn ext_storage_clear_v1(key: *const u8, key_len: usize);
    fn ext_storage_commit_v1();
    fn ext_storage_exists_v1(key: *const u8, key_len: usize) -> i32;
    fn ext_storage_get_v1(key: *const u8, key_len: usize, out: *mut u8, capacity: usize) -> i64;
    fn ext_storage_next_key_v1(key: *const u8, key_len: usize, out: *mut u8, capacity: usize) -> i64;
    fn ext_storage_rollback_v1();
    fn ext_storage_root_v1(out: *mut u8);
    fn ext_storage_set_v1(key: *const u8, key_len: usize, value: *const u8, value_len: usize);
}

// SAFETY of every call below: pointers and lengths come from live slices or from buffers of the stated capacity,
// and the host writes at most `capacity` bytes (32, 16, 64 or 20 for fixed outputs).

/// Bytes of stack a read may use before it allocates: an ML-DSA-87 key fits, so it is read once.
const READ_BUFFER: usize = 3072;

/// Reads through `call(buffer, capacity) -> length or -1`, again with a larger buffer if the first was too small.
fn read_with<R>(call: impl Fn(*mut u8, usize) -> i64, read: impl FnOnce(Option<&[u8]>) -> R) -> R {
    let mut small = [MaybeUninit::<u8>::uninit(); READ_BUFFER];
    let Ok(length) = usize::try_from(call(small.as_mut_ptr().cast(), READ_BUFFER)) else {
        return read(None);
    };
    if length <= READ_BUFFER {
        // SAFETY: the host wrote `length` bytes, which fit.
        return read(Some(unsafe {
            core::slice::from_raw_parts(small.as_ptr().cast(), length)
        }));
    }
    let mut large = vec![0u8; length];
    call(large.as_mut_ptr(), length);
    read(Some(&large))
}

pub fn storage_get(key: &[u8]) -> Option<Vec<u8>> {
    storage_get_with(key, |value| value.map(<[u8]>::to_vec))
}

pub fn storage_get_with<R>(key: &[u8], read: impl FnOnce(Option<&[u8]>) -> R) -> R {
    read_with(
        |out, capacity| unsafe { ext_storage_get_v1(key.as_ptr(), key.len(), out, capacity) },
        read,
    )
}

pub fn storage_exists(key: &[u8]) -> bool {
    unsafe { ext_storage_exists_v1(key.as_ptr(), key.len()) != 0 }
}

pub fn storage_set(key: &[u8], value: &[u8]) {
    unsafe { ext_storage_set_v1(key.as_ptr(), key.len(), value.as_ptr(), value.len()) }
}

pub fn storage_clear(key: &[u8]) {
    unsafe { ext_storage_clear_v1(key.as_ptr(), key.len()) }
}

pub fn storage_clear_prefix(prefix: &[u8], limit: u32) -> (u32, bool) {
    let packed = unsafe { ext_storage_clear_prefix_v1(prefix.as_ptr(), prefix.len(), limit) } as u64;
    ((packed & 0xffff_ffff) as u32, packed >> 32 != 0)
}

pub fn storage_append(key: &[u8], item: &[u8]) {
    unsafe { ext_storage_append_v1(key.as_ptr(), key.len(), item.as_ptr(), item.len()) }
}

pub fn storage_add(key: &[u8], amount: u128) {
    unsafe { ext_storage_add_v1(key.as_ptr(), key.len(), amount as u64, (amount >> 64) as u64) }
}

pub fn storage_next_key(key: &[u8]) -> Option<Vec<u8>> {
    read_with(
        |out, capacity| unsafe { ext_storage_next_key_v1(key.as_ptr(), key.len(), out, capacity) },
        |next| next.map(<[u8]>::to_vec),
    )
}

pub fn storage_root() -> Hash {
    let mut out = [0u8; 32];
    unsafe { ext_storage_root_v1(out.as_mut_ptr()) };
    out.into()
}

pub fn storage_begin() {
    unsafe { ext_storage_begin_v1() }
}

pub fn storage_commit() {
    unsafe { ext_storage_commit_v1() }
}

pub fn storage_rollback() {
    unsafe { ext_storage_rollback_v1() }
}

pub fn crypto_verify(scheme: u8, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    unsafe {
        ext_crypto_verify_v1(
            scheme.into(),
            key.as_ptr(),
            key.len(),
            message.as_ptr(),
            message.len(),
            signature.as_ptr(),
            signature.len(),
        ) != 0
    }
}

pub fn crypto_secp256k1_recover(hash: &[u8; 32], signature: &[u8; 65]) -> Option<AccountId20> {
    let mut out = [0u8; 20];
    let found = unsafe { ext_crypto_secp256k1_recover_v1(hash.as_ptr(), signature.as_ptr(), out.as_mut_ptr()) };
    (found != 0).then_some(AccountId20(out))
}

pub fn crypto_ethereum(operation: EthereumOperation, input: &[u8], out: &mut [u8]) -> Option<usize> {
    let length = unsafe {
        ext_crypto_ethereum_v1(
            operation.number(),
            input.as_ptr(),
            input.len(),
            out.as_mut_ptr(),
            out.len(),
        )
    };
    usize::try_from(length).ok().filter(|length| *length <= out.len())
}

pub fn crypto_ml_dsa_verify(level: MlDsaLevel, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    unsafe {
        ext_crypto_ml_dsa_verify_v1(
            level.number(),
            key.as_ptr(),
            key.len(),
            message.as_ptr(),
            message.len(),
            signature.as_ptr(),
            signature.len(),
        ) != 0
    }
}

macro_rules! hash {
    ($name:ident, $len:literal, $import:ident) => {
        pub fn $name(data: &[u8]) -> [u8; $len] {
            let mut out = [0u8; $len];
            unsafe { $import(data.as_ptr(), data.len(), out.as_mut_ptr()) };
            out
        }
    };
}

hash!(hash_blake2b_128, 16, ext_hash_blake2b_128_v1);
hash!(hash_blake2b_256, 32, ext_hash_blake2b_256_v1);
hash!(hash_blake3_256, 32, ext_hash_blake3_256_v1);
hash!(hash_keccak_256, 32, ext_hash_keccak_256_v1);

pub fn hash_quantum_resistant(domain: &[u8], data: &[u8]) -> [u8; 64] {
    let mut out = [0u8; 64];
    unsafe {
        ext_hash_quantum_resistant_v1(
            domain.as_ptr(),
            domain.len(),
            data.as_ptr(),
            data.len(),
            out.as_mut_ptr(),
        )
    };
    out
}

pub fn log(level: u8, message: &str) {
    unsafe { ext_log_v1(level.into(), message.as_ptr(), message.len()) }
}

/// The host answers with SCALE `Result<Vec<u8>, String>`; a check is deterministic, so asking twice is safe.
pub fn runtime_check(code: &[u8], next: Option<&Header>) -> Result<Vec<u8>, String> {
    let header = next.map(codec::Encode::encode).unwrap_or_default();
    read_with(
        |out, capacity| unsafe {
            ext_runtime_check_v2(code.as_ptr(), code.len(), header.as_ptr(), header.len(), out, capacity)
        },
        |answer| {
            let mut bytes = answer.unwrap_or_default();
            codec::Decode::decode(&mut bytes).unwrap_or_else(|_| Err("the host's answer does not decode".into()))
        },
    )
}

/// The host answers once, with SCALE `Result<Vec<u8>, String>`: the call has changed the state.
pub fn runtime_guarded_call(api: &str, input: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = [0u8; crate::abi::GUARDED_ANSWER_MAX];
    let length = unsafe {
        ext_runtime_guarded_call_v1(
            api.as_ptr(),
            api.len(),
            input.as_ptr(),
            input.len(),
            out.as_mut_ptr(),
            out.len(),
        )
    };
    let answer = usize::try_from(length).ok().and_then(|length| out.get(..length));
    let mut answer = answer.unwrap_or_default();
    codec::Decode::decode(&mut answer).unwrap_or_else(|_| Err("the host's answer does not decode".into()))
}

/// Wraps a runtime API: takes the input the host wrote into a buffer of `quids_alloc`, returns
/// pointer and length of the output as `len << 32 | ptr`. The output is never freed: the host forgets
/// the whole heap after the call.
///
/// # Safety
/// `pointer` and `length` must describe a buffer of `quids_alloc`, filled by the host.
pub unsafe fn entry(pointer: u32, length: u32, api: impl FnOnce(&[u8]) -> Vec<u8>) -> u64 {
    let input: &[u8] = if length == 0 {
        &[]
    } else {
        // SAFETY: the caller's promise.
        unsafe { core::slice::from_raw_parts(pointer as *const u8, length as usize) }
    };
    let output = api(input).leak();
    (output.len() as u64) << 32 | output.as_ptr() as u64
}

#[unsafe(no_mangle)]
extern "C" fn quids_abi_version() -> u32 {
    ABI_VERSION
}

/// A message of at most 1 KiB on the stack: the heap may be what failed.
struct PanicMessage {
    bytes: [u8; 1024],
    length: usize,
}

impl Write for PanicMessage {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let free = self.bytes.len() - self.length;
        let taken = text.len().min(free);
        if let (Some(to), Some(from)) = (
            self.bytes.get_mut(self.length..self.length + taken),
            text.as_bytes().get(..taken),
        ) {
            to.copy_from_slice(from);
            self.length += taken;
        }
        Ok(())
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    let mut message = PanicMessage {
        bytes: [0; 1024],
        length: 0,
    };
    let _ = write!(message, "{info}");
    unsafe { ext_panic_v1(message.bytes.as_ptr(), message.length) };
    core::arch::wasm32::unreachable()
}
