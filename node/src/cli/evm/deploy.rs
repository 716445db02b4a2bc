//! `quids evm deploy`: the initialisation code, from what compilers write.

use super::super::{CliError, keys};
use serde_json::Value as Json;
use std::{fs, path::Path};

/// The code in the file, followed by the constructor's arguments.
pub fn init_code(file: &Path, arguments: &str) -> Result<Vec<u8>, CliError> {
    let text = fs::read_to_string(file).map_err(CliError::file("read", file))?;
    let digits = bytecode(&text).map_err(|reason| CliError::Usage(format!("{}: {reason}", file.display())))?;
    let digits = digits.strip_prefix("0x").unwrap_or(&digits);
    let mut code = hex::decode(digits).map_err(|source| CliError::Hex {
        what: "the contract's code",
        source,
    })?;
    if code.is_empty() {
        return Err(CliError::Usage(format!("{}: the contract has no code", file.display())));
    }
    code.extend(keys::bytes("the constructor's arguments", arguments)?);
    Ok(code)
}

/// The digits: the whole text, or of an artefact `bytecode` (Hardhat), `bytecode.object` (forge), or
/// `evm.bytecode.object` (solc).
fn bytecode(text: &str) -> Result<String, String> {
    let text = text.trim();
    if !text.starts_with('{') {
        return Ok(text.into());
    }
    let artefact: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let places = ["/bytecode", "/bytecode/object", "/evm/bytecode/object"];
    let digits = places.iter().find_map(|place| artefact.pointer(place)?.as_str());
    let digits = digits.ok_or("the artefact has no bytecode")?;
    // Places for the addresses of libraries are written __$…$__.
    if digits.contains('_') {
        return Err("the contract is not linked with its libraries".into());
    }
    Ok(digits.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_read_from_what_compilers_write() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("code");
        let check = |text: &str, arguments: &str, code: Option<&[u8]>| {
            fs::write(&file, text).unwrap();
            assert_eq!(init_code(&file, arguments).ok().as_deref(), code, "{text}");
        };
        let code = Some(&[0x60, 0x01, 0xff][..]);
        check("0x6001ff\n", "0x", code);
        check("6001ff", "0x", code);
        check("0x6001", "ff", code);
        check(r#"{"bytecode":"0x6001ff"}"#, "0x", code);
        check(r#"{"bytecode":{"object":"0x6001ff"}}"#, "0x", code);
        check(r#"{"evm":{"bytecode":{"object":"6001ff"}}}"#, "0x", code);
        for wrong in [
            "",
            "0x",
            "0x6",
            "zz",
            "{",
            "{}",
            r#"{"bytecode":"0x"}"#,
            r#"{"bytecode":"0x60__$aa$__"}"#,
        ] {
            check(wrong, "0x", None);
        }
        check("0x6001", "0xf", None);
        assert!(matches!(
            init_code(&folder.path().join("none"), "0x"),
            Err(CliError::File { .. })
        ));
    }
}
