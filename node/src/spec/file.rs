//! Chain specs as JSON, with Substrate's field names: `genesis.runtimeGenesis.{code, config}` for people to edit, or
//! `genesis.raw.top` with every key.

use super::{ChainSpec, Genesis, GenesisCheck, SpecError, default_properties};
use quids_core::{AccountId20, Hash};
use quids_rpc::ChainType;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor},
};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// The largest file that is read as a chain spec.
pub const SPEC_BYTES_MAX: u64 = 256 << 20;
/// The largest file that is read as its runtime.
const CODE_BYTES_MAX: u64 = 64 << 20;
const ID_LENGTH_MAX: usize = 64;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SpecFile {
    name: String,
    id: String,
    chain_type: ChainType,
    #[serde(default)]
    boot_nodes: Vec<String>,
    #[serde(default = "default_properties")]
    properties: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    author: Option<Address>,
    /// Checked against what the genesis gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    genesis_hash: Option<Hex>,
    genesis: GenesisFile,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum GenesisFile {
    RuntimeGenesis(RuntimeGenesis),
    Raw(Raw),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuntimeGenesis {
    code: Code,
    /// What it leaves out has the pallet's default, so that Substrate's `patch` means the same.
    #[serde(alias = "patch")]
    config: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    top: BTreeMap<Hex, Hex>,
    /// Substrate writes it; this chain has no child tries.
    #[serde(default, skip_serializing)]
    #[expect(
        dead_code,
        reason = "read so that it is not an unknown field; only an empty one is right"
    )]
    children_default: Empty,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

/// The runtime: in the file, or a file beside it.
enum Code {
    Here(Hex),
    File(PathBuf),
}

/// Bytes as `0x…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Hex(Vec<u8>);

struct Address(AccountId20);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("0x{}", hex::encode(&self.0)))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_hex(&text).map(Self).map_err(de::Error::custom)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = text.parse().map(Self);
        parsed.map_err(|error| de::Error::custom(format!("{text:?} is no address: {error}")))
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Here(bytes) => bytes.serialize(serializer),
            Self::File(path) => json!({ "file": path }).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HexOrFile;

        impl<'de> Visitor<'de> for HexOrFile {
            type Value = Code;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a runtime: \"0x…\" or { \"file\": \"PATH\" }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Code, E> {
                parse_hex(text).map(|bytes| Code::Here(Hex(bytes))).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Code, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct CodeFile {
                    file: PathBuf,
                }
                let CodeFile { file } = CodeFile::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Code::File(file))
            }
        }

        deserializer.deserialize_any(HexOrFile)
    }
}

fn parse_hex(text: &str) -> Result<Vec<u8>, String> {
    let shown: String = text.chars().take(20).collect();
    let digits = text
        .strip_prefix("0x")
        .ok_or_else(|| format!("bytes are written 0x…, not {shown:?}"))?;
    hex::decode(digits).map_err(|error| format!("{shown}… is no hexadecimal text: {error}"))
}

/// Whether a text may be a chain's id, which names a folder.
pub fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    (1..=ID_LENGTH_MAX).contains(&text.len()) && text.bytes().all(fits)
}

/// Reads a file of at most `max` bytes; `Ok(None)` if it is larger.
fn read_bounded(path: &Path, max: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(max + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= max).then_some(bytes))
}

/// The spec in a file. Its genesis is exact from here on.
pub(super) fn read(path: &Path) -> Result<ChainSpec, SpecError> {
    let bytes = read_bounded(path, SPEC_BYTES_MAX).map_err(|source| SpecError::Read {
        path: path.into(),
        source,
    })?;
    let bytes = bytes.ok_or_else(|| SpecError::TooLarge {
        path: path.into(),
        what: "chain spec",
        max: SPEC_BYTES_MAX,
    })?;
    let file: SpecFile = serde_json::from_slice(&bytes).map_err(|error| SpecError::Json {
        path: path.into(),
        error,
    })?;
    let field = |field, value: &str, reason| SpecError::Field {
        path: path.into(),
        field,
        value: value.into(),
        reason,
    };
    if !is_id(&file.id) {
        let reason = "it names a folder: 1 to 64 lower-case letters, digits, - and _";
        return Err(field("id", &file.id, reason));
    }
    let stated = match file.genesis_hash {
        None => None,
        Some(Hex(bytes)) => {
            let text = hex::encode(&bytes);
            let hash: [u8; 32] = bytes
                .try_into()
                .map_err(|_| field("genesisHash", &text, "a hash has 32 bytes"))?;
            Some(Hash::from(hash))
        }
    };
    let genesis = match file.genesis {
        GenesisFile::Raw(raw) => {
            let top: BTreeMap<_, _> = raw.top.into_iter().map(|(Hex(key), Hex(value))| (key, value)).collect();
            if !top.contains_key(quids_core::well_known_keys::CODE) {
                let reason = "the runtime is missing: a raw genesis has it at the key 0x3a636f6465 (:code)";
                return Err(field("genesis.raw.top", "", reason));
            }
            Genesis::Raw(top)
        }
        GenesisFile::RuntimeGenesis(RuntimeGenesis { code, config }) => Genesis::Config {
            code: match code {
                Code::Here(Hex(bytes)) => bytes,
                Code::File(code) => read_code(path, &code)?,
            },
            config,
        },
    };
    Ok(ChainSpec {
        name: file.name,
        id: file.id,
        chain_type: file.chain_type,
        boot_nodes: file.boot_nodes,
        properties: file.properties,
        genesis,
        genesis_check: GenesisCheck::Exact { stated },
        author: file.author.map(|Address(who)| who),
    })
}

/// The runtime at a path that is relative to the spec's folder.
fn read_code(spec: &Path, code: &Path) -> Result<Vec<u8>, SpecError> {
    let path = spec.parent().unwrap_or(Path::new("")).join(code);
    match read_bounded(&path, CODE_BYTES_MAX) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(SpecError::TooLarge {
            path,
            what: "runtime",
            max: CODE_BYTES_MAX,
        }),
        Err(source) => Err(SpecError::Code {
            path: spec.into(),
            code: path,
            source,
        }),
    }
}

/// The spec as a file has it.
pub(super) fn write(spec: &ChainSpec) -> Value {
    let genesis = match &spec.genesis {
        Genesis::Raw(top) => GenesisFile::Raw(Raw {
            top: top
                .iter()
                .map(|(key, value)| (Hex(key.clone()), Hex(value.clone())))
                .collect(),
            children_default: Empty {},
        }),
        Genesis::Config { code, config } => GenesisFile::RuntimeGenesis(RuntimeGenesis {
            code: Code::Here(Hex(code.clone())),
            config: config.clone(),
        }),
    };
    let file = SpecFile {
        name: spec.name.clone(),
        id: spec.id.clone(),
        chain_type: spec.chain_type,
        boot_nodes: spec.boot_nodes.clone(),
        properties: spec.properties.clone(),
        author: spec.author.map(Address),
        genesis_hash: match spec.genesis_check {
            GenesisCheck::Exact { stated } => stated.map(|hash| Hex(hash.as_bytes().to_vec())),
            GenesisCheck::AsStored => None,
        },
        genesis,
    };
    // UNWRAP: strings, numbers and maps with text keys are JSON.
    serde_json::to_value(file).expect("a chain spec is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small spec, changed.
    fn spec(change: impl FnOnce(&mut Value)) -> (tempfile::TempDir, Result<ChainSpec, String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spec.json");
        let mut json = json!({
            "name": "Test", "id": "test", "chainType": "Live",
            "author": "0x0000000000000000000000000000000000000007",
            "genesis": { "runtimeGenesis": { "code": "0x0061", "config": { "upgrade": { "root": null } } } },
        });
        change(&mut json);
        fs::write(&path, format!("{json:#}")).unwrap();
        let read = read(&path).map_err(|error| error.to_string());
        (folder, read)
    }

    #[test]
    fn a_spec_is_read_as_written() {
        for raw in [false, true] {
            let (_folder, first) = spec(|json| {
                if raw {
                    json["genesis"] =
                        json!({ "raw": { "top": { "0x3a636f6465": "0x00", "0x": "0x" }, "childrenDefault": {} } });
                    json["genesisHash"] = json!(format!("0x{}", "ab".repeat(32)));
                }
            });
            let first = first.unwrap();
            assert_eq!(first.properties, default_properties());
            let (_folder, again) = spec(|json| *json = first.to_json());
            let again = again.unwrap();
            assert_eq!(first.to_json(), again.to_json());
            assert_eq!(
                (first.genesis, first.genesis_check),
                (again.genesis, again.genesis_check)
            );
            assert_eq!(
                first.author,
                Some(AccountId20([[0; 19].as_slice(), &[7]].concat().try_into().unwrap()))
            );
        }
    }

    #[test]
    fn the_runtime_may_lie_beside_the_spec() {
        let (folder, missing) = spec(|json| json["genesis"]["runtimeGenesis"]["code"] = json!({ "file": "r.wasm" }));
        assert!(missing.unwrap_err().contains("r.wasm"));
        fs::write(folder.path().join("r.wasm"), [1, 2, 3]).unwrap();
        let read = read(&folder.path().join("spec.json")).unwrap();
        assert!(matches!(read.genesis, Genesis::Config { code, .. } if code == [1, 2, 3]));
    }

    #[test]
    fn mistakes_are_told_with_place_and_reason() {
        type Change = fn(&mut Value);
        let cases: [(Change, &[&str]); 10] = [
            (
                |json| json["id"] = "../../etc".into(),
                &["spec.json: id \"../../etc\"", "it names a folder"],
            ),
            (|json| json["id"] = "Test".into(), &["id \"Test\""]),
            (
                |json| json["nmae"] = 1.into(),
                &["unknown field `nmae`", "line", "column"],
            ),
            (
                |json| json["chainType"] = "Best".into(),
                &["unknown variant `Best`", "`Development`"],
            ),
            (
                |json| json["author"] = "0x07".into(),
                &["\"0x07\" is no address", "line"],
            ),
            (
                |json| json["genesisHash"] = "0x00".into(),
                &["genesisHash", "a hash has 32 bytes"],
            ),
            (
                |json| json["genesis"]["runtimeGenesis"]["code"] = "0xz".into(),
                &["no hexadecimal text", "line"],
            ),
            (
                |json| json["genesis"]["runtimeGenesis"]["code"] = 7.into(),
                &["expected a runtime", "line"],
            ),
            (
                |json| json["genesis"] = json!({ "raw": { "top": {} } }),
                &["0x3a636f6465 (:code)"],
            ),
            (
                |json| drop(json.as_object_mut().unwrap().remove("genesis")),
                &["missing field `genesis`"],
            ),
        ];
        for (change, said) in cases {
            let (_folder, read) = spec(change);
            let error = read.unwrap_err();
            for said in said {
                assert!(error.contains(said), "{said:?} is not in {error:?}");
            }
        }
        assert!(
            read(Path::new("/nonexistent"))
                .unwrap_err()
                .to_string()
                .contains("quids chain-spec build")
        );
    }
}
