//! Static checks of runtime code: they need no engine and give the same answer on every node.

use crate::{
    ExecutorError,
    limits::{GLOBALS_MAX, TABLE_ELEMENTS_MAX},
};
use quids_api::names;
use quids_io::abi::{self, HOST_FUNCTIONS, ValueType};
use std::collections::BTreeMap;
use wasmparser::{
    BinaryReaderError, ExternalKind, FuncType, Parser, Payload, TypeRef, ValType, Validator, WasmFeatures,
    types::{Types, TypesRef},
};

/// The WASM features a runtime may use. Part of validity. Deterministic ones only: no threads, no relaxed SIMD; no wide
/// arithmetic, which compilers get wrong (`node/docs/adr/0005-no-wide-arithmetic.md`);
/// NaN bits are canonicalised by the engine.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::EXTENDED_CONST);

/// A function type in the ABI's terms, with `None` for a value type that the ABI does not have.
type Signature = (Vec<Option<ValueType>>, Vec<Option<ValueType>>);

/// What the checks found.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Names of the exported runtime APIs, sorted.
    pub apis: Vec<String>,
}

/// Checks size, validity, imports, exports and declared memory of `code`.
pub(crate) fn validate(code: &[u8]) -> Result<Facts, ExecutorError> {
    if code.len() > abi::CODE_SIZE_MAX {
        return Err(ExecutorError::TooLarge {
            size: code.len(),
            max: abi::CODE_SIZE_MAX,
        });
    }
    let types = Validator::new_with_features(FEATURES)
        .validate_all(code)
        .map_err(invalid)?;
    let mut exports = BTreeMap::new();
    for payload in Parser::new(0).parse_all(code) {
        match payload.map_err(invalid)? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.map_err(invalid)?;
                    check_import(types.as_ref(), import.module, import.name, import.ty)?;
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(invalid)?;
                    exports.insert(export.name.to_owned(), (export.kind, export.index));
                }
            }
            Payload::StartSection { .. } => return Err(ExecutorError::Forbidden("a start function")),
            _ => {}
        }
    }
    check_sizes(&types)?;
    check_exports(types.as_ref(), &exports)
}

fn invalid(error: BinaryReaderError) -> ExecutorError {
    ExecutorError::Invalid(error.to_string())
}

fn check_import(types: TypesRef<'_>, module: &str, name: &str, kind: TypeRef) -> Result<(), ExecutorError> {
    let (alias_module, alias, aliased) = abi::KECCAK_ALIAS;
    let wanted = match (module, name) {
        (abi::MODULE, name) => Some(name),
        found if found == (alias_module, alias) => Some(aliased),
        _ => None,
    };
    let known = HOST_FUNCTIONS.iter().find(|function| wanted == Some(function.name));
    let (Some(function), TypeRef::Func(index)) = (known, kind) else {
        return Err(ExecutorError::UnknownImport {
            module: module.into(),
            name: name.into(),
        });
    };
    let found = signature(types[types.core_type_at_in_module(index)].unwrap_func());
    check_signature(name, known_signature(function.parameters, function.results), found)
}

fn check_sizes(types: &Types) -> Result<(), ExecutorError> {
    let types = types.as_ref();
    if types.memory_count() > 0 {
        let memory = types.memory_at(0);
        if memory.initial > abi::MEMORY_PAGES_MAX.into() {
            return Err(ExecutorError::MemoryTooLarge {
                pages: memory.initial,
                max: abi::MEMORY_PAGES_MAX,
            });
        }
    }
    if types.table_count() > 0 {
        let table = types.table_at(0);
        if table.initial > TABLE_ELEMENTS_MAX.into() {
            return Err(ExecutorError::TableTooLarge {
                elements: table.initial,
                max: TABLE_ELEMENTS_MAX,
            });
        }
    }
    if types.global_count() > GLOBALS_MAX {
        return Err(ExecutorError::Forbidden("more than 1024 globals"));
    }
    Ok(())
}

fn check_exports(types: TypesRef<'_>, exports: &BTreeMap<String, (ExternalKind, u32)>) -> Result<Facts, ExecutorError> {
    use ValueType::{I32, I64};
    let function = |name: &str| match exports.get(name) {
        Some((ExternalKind::Func, index)) => Some(signature(types[types.core_function_at(*index)].unwrap_func())),
        _ => None,
    };
    for name in abi::GUEST_EXPORTS {
        let missing = || ExecutorError::MissingExport((*name).into());
        match *name {
            "memory" => {
                exports
                    .get("memory")
                    .filter(|(kind, _)| *kind == ExternalKind::Memory)
                    .ok_or_else(missing)?;
            }
            "quids_alloc" => check_signature(
                name,
                known_signature(&[I32], &[I32]),
                function(name).ok_or_else(missing)?,
            )?,
            "quids_reset" => check_signature(name, known_signature(&[], &[]), function(name).ok_or_else(missing)?)?,
            _ => check_signature(name, known_signature(&[], &[I32]), function(name).ok_or_else(missing)?)?,
        }
    }
    let api = known_signature(&[I32, I32], &[I64]);
    for name in names::ALL {
        if let Some(found) = function(name) {
            check_signature(name, api.clone(), found)?;
        }
    }
    if !exports.contains_key(names::CORE_VERSION) {
        return Err(ExecutorError::MissingExport(names::CORE_VERSION.into()));
    }
    let apis = exports
        .keys()
        .filter(|name| function(name).as_ref() == Some(&api))
        .cloned()
        .collect();
    Ok(Facts { apis })
}

fn known_signature(parameters: &[ValueType], results: &[ValueType]) -> Signature {
    (
        parameters.iter().copied().map(Some).collect(),
        results.iter().copied().map(Some).collect(),
    )
}

fn signature(function: &FuncType) -> Signature {
    let convert = |types: &[ValType]| {
        types
            .iter()
            .map(|value| match value {
                ValType::I32 => Some(ValueType::I32),
                ValType::I64 => Some(ValueType::I64),
                _ => None,
            })
            .collect()
    };
    (convert(function.params()), convert(function.results()))
}

fn check_signature(name: &str, expected: Signature, found: Signature) -> Result<(), ExecutorError> {
    if expected == found {
        return Ok(());
    }
    Err(ExecutorError::SignatureMismatch {
        name: name.into(),
        expected: describe(&expected),
        found: describe(&found),
    })
}

fn describe((parameters, results): &Signature) -> String {
    let list = |types: &[Option<ValueType>]| {
        let names: Vec<_> = types
            .iter()
            .map(|value| match value {
                Some(ValueType::I32) => "i32",
                Some(ValueType::I64) => "i64",
                None => "other",
            })
            .collect();
        format!("({})", names.join(", "))
    };
    format!("{} -> {}", list(parameters), list(results))
}
