//! Whether a JSON value has the form of a schema.

use super::{Field, Schema};
use quids_core::AccountId20;
use serde_json::{Map, Value};

/// Characters of a value that an error quotes.
const QUOTED_CHARS_MAX: usize = 40;

/// Where a value is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}{found} is not {expected}")]
pub struct Mismatch {
    place: String,
    found: String,
    expected: String,
}

impl Schema {
    /// Fails at the first part that does not fit.
    pub fn check(&self, value: &Value) -> Result<(), Mismatch> {
        let fits = match (self, value) {
            (Self::Any, _) | (Self::Null, Value::Null) | (Self::Bool, Value::Bool(_)) => true,
            (Self::Text, Value::String(_)) => true,
            (Self::Number, Value::Number(number)) => number.as_u64().is_some_and(|number| number <= 1 << 53),
            (Self::NumberOrHex, Value::Number(number)) => number.as_u64().is_some_and(|n| u32::try_from(n).is_ok()),
            (Self::NumberOrHex, Value::String(text)) => {
                hex_digits(text).is_some_and(|digits| !digits.is_empty() && u32::from_str_radix(digits, 16).is_ok())
            }
            (Self::Quantity, Value::String(text)) => {
                hex_digits(text).is_some_and(|digits| digits == "0" || !(digits.is_empty() || digits.starts_with('0')))
            }
            (Self::Decimal, Value::String(text)) => {
                !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())
            }
            // polkadot-api writes no bytes as an empty text.
            (Self::Bytes, Value::String(text)) => {
                text.is_empty() || hex_digits(text).is_some_and(|digits| digits.len() % 2 == 0)
            }
            (Self::Hash, Value::String(text)) => hex_digits(text).is_some_and(|digits| digits.len() == 64),
            (Self::Account, Value::String(text)) => text.parse::<AccountId20>().is_ok(),
            (Self::Address, Value::String(text)) => hex_digits(text).is_some_and(|digits| digits.len() == 40),
            (Self::Word(words), Value::String(text)) => words.contains(&text.as_str()),
            (Self::Nullable(_), Value::Null) => true,
            (Self::Nullable(schema) | Self::Named(_, schema), _) => return schema.check(value),
            (Self::OneOf(schemas), _) => schemas.iter().any(|schema| schema.check(value).is_ok()),
            (Self::List(schema), Value::Array(items)) => {
                return check_items(items.iter().map(|item| (*schema, item)));
            }
            (Self::Tuple(schemas), Value::Array(items)) if schemas.len() == items.len() => {
                return check_items(schemas.iter().zip(items));
            }
            (Self::Object(fields), Value::Object(object)) => return check_object(fields, object),
            (Self::Open(fields), Value::Object(object)) => return check_fields(fields, object),
            (Self::Map(schema), Value::Object(object)) => {
                let mut entries = object.iter();
                return entries
                    .try_for_each(|(name, value)| schema.check(value).map_err(|e| e.inside(&format!(".{name}"))));
            }
            _ => false,
        };
        if fits {
            return Ok(());
        }
        Err(Mismatch {
            place: String::new(),
            found: quoted(value),
            expected: self.to_string(),
        })
    }
}

fn hex_digits(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("0x")?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(digits)
}

fn check_items<'a>(items: impl Iterator<Item = (&'a Schema, &'a Value)>) -> Result<(), Mismatch> {
    for (index, (schema, item)) in items.enumerate() {
        schema
            .check(item)
            .map_err(|mismatch| mismatch.inside(&format!("[{index}]")))?;
    }
    Ok(())
}

fn at(name: &str, found: &str, expected: &str) -> Mismatch {
    Mismatch {
        place: format!(".{}: ", shortened(name)),
        found: found.to_owned(),
        expected: expected.to_owned(),
    }
}

fn check_object(fields: &[Field], object: &Map<String, Value>) -> Result<(), Mismatch> {
    if let Some(name) = object
        .keys()
        .find(|name| !fields.iter().any(|field| field.name == *name))
    {
        return Err(at(name, "a field", "expected"));
    }
    check_fields(fields, object)
}

fn check_fields(fields: &[Field], object: &Map<String, Value>) -> Result<(), Mismatch> {
    for field in fields {
        match object.get(field.name) {
            Some(value) => field
                .schema
                .check(value)
                .map_err(|e| e.inside(&format!(".{}", field.name)))?,
            None if field.required => return Err(at(field.name, "nothing", &field.schema.to_string())),
            None => {}
        }
    }
    Ok(())
}

impl Mismatch {
    /// As part of something larger.
    pub fn inside(self, outer: &str) -> Self {
        let separator = if self.place.is_empty() { ": " } else { "" };
        Self {
            place: format!("{outer}{separator}{}", self.place),
            ..self
        }
    }
}

/// The value as JSON, its middle left out if it is long. Never renders more than it quotes of a string or list.
fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{:?}", shortened(text)),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".into(),
        other => other.to_string(),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{}… ({} bytes)", text.get(..end).unwrap_or_default(), text.len()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_fits_its_schema_or_says_where_not() {
        const PAIR: Schema = Schema::Tuple(&[Schema::Bytes, Schema::Nullable(&Schema::Hash)]);
        const OBJECT: Schema = Schema::Object(&[
            Field::required("list", Schema::List(&PAIR), ""),
            Field::optional("word", Schema::Word(&["one", "two"]), ""),
        ]);
        let hash = format!("0x{}", "aB".repeat(32));
        for (schema, good, bad, says) in [
            (Schema::Null, json!(null), json!(0), "0 is not null"),
            (Schema::Bool, json!(false), json!("false"), "not true or false"),
            (Schema::Number, json!(0), json!(-1), "-1 is not"),
            (Schema::Number, json!(1u64 << 53), json!((1u64 << 53) + 1), "2^53"),
            (Schema::Number, json!(7), json!(7.5), "7.5 is not"),
            (
                Schema::NumberOrHex,
                json!("0xffffffff"),
                json!("0x100000000"),
                "below 2^32",
            ),
            (
                Schema::NumberOrHex,
                json!(4294967295u32),
                json!(4294967296u64),
                "below 2^32",
            ),
            (Schema::NumberOrHex, json!("0x0"), json!("0x"), "below 2^32"),
            (Schema::Quantity, json!("0x0"), json!("0x01"), "without leading zeros"),
            (
                Schema::Decimal,
                json!("18446744073709551616"),
                json!("1e3"),
                "decimal digits",
            ),
            (Schema::Text, json!(""), json!(["x"]), "a list of 1 is not text"),
            (Schema::Bytes, json!("0x"), json!("0x1"), "\"0x1\" is not bytes"),
            (Schema::Bytes, json!("0x00ff"), json!("00ff"), "hex with 0x"),
            (Schema::Bytes, json!(""), json!("0"), "is not bytes"),
            (Schema::Hash, json!(hash), json!("0x12"), "\"0x12\" is not a hash"),
            (
                Schema::Account,
                json!(format!("0x{}", "11".repeat(20))),
                json!("0x11"),
                "not an account",
            ),
            (
                Schema::Word(&["a", "b"]),
                json!("b"),
                json!("c"),
                "\"c\" is not \"a\" or \"b\"",
            ),
            (
                Schema::Map(&Schema::Bool),
                json!({ "x": true }),
                json!({ "y": 1 }),
                ".y: 1 is not",
            ),
            (
                Schema::OneOf(&[Schema::Null, Schema::Bool]),
                json!(true),
                json!({}),
                "an object is not null or true",
            ),
            (
                Schema::Named("Pair", &PAIR),
                json!(["0x", null]),
                json!(["0x"]),
                "a list of 1 is not",
            ),
            (
                OBJECT,
                json!({ "list": [["0x", hash]] }),
                json!({ "list": [["0x", 1]] }),
                ".list[0][1]: 1 is not",
            ),
            (
                OBJECT,
                json!({ "list": [], "word": "one" }),
                json!({}),
                ".list: nothing is not",
            ),
            (
                OBJECT,
                json!({ "list": [] }),
                json!({ "list": [], "z": 1 }),
                ".z: a field is not expected",
            ),
        ] {
            assert_eq!(schema.check(&good), Ok(()), "{schema:?}");
            let error = schema.check(&bad).unwrap_err().to_string();
            assert!(error.contains(says), "{error:?} does not say {says:?}");
        }
        let long = Schema::Hash.check(&json!("é".repeat(100_000))).unwrap_err().to_string();
        assert!(long.len() < 200 && long.contains("(200000 bytes)"), "{long}");
    }
}
