//! Reads `System.Events` through metadata, and from the events how a transaction ended.

use super::{BuilderError, Metadata, json::fields_json, skip};
use scale_value::{Composite, Value, ValueDef};
use serde_json::Value as Json;

/// Which part of the block an event comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// The extrinsic at this index.
    Extrinsic(u32),
    /// Hooks at the block's start or end.
    Block,
}

/// An event, readable.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    pub phase: Phase,
    pub pallet: String,
    pub name: String,
    /// As [`to_json`] writes it: an object of the fields, `null` if there are none.
    pub fields: Json,
}

impl Event {
    /// Whether this is `pallet.name`.
    pub fn is(&self, pallet: &str, name: &str) -> bool {
        self.pallet == pallet && self.name == name
    }
}

/// Why a call failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// `Pallet.Error`, or the name of an error that belongs to no pallet, such as `Token.FundsUnavailable`.
    pub name: String,
    /// What metadata says of it; may be empty.
    pub docs: String,
}

/// Decodes the value of `System.Events`, all of it. No value is no event.
pub fn decode_events(metadata: &Metadata, mut bytes: &[u8]) -> Result<Vec<Event>, BuilderError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let ty = metadata
        .value_type("System", "Events")
        .ok_or_else(|| BuilderError::Events("the runtime has no System.Events".into()))?;
    // Whoever wrote them may have written anything.
    skip(metadata.types(), ty, &mut &bytes[..]).map_err(BuilderError::Events)?;
    let records = scale_value::scale::decode_as_type(&mut bytes, ty, metadata.types())
        .map_err(|error| BuilderError::Events(error.to_string()))?;
    if !bytes.is_empty() {
        return Err(BuilderError::Events(format!("{} bytes are left over", bytes.len())));
    }
    let ValueDef::Composite(records) = records.value else {
        return Err(BuilderError::Events("System.Events is no list".into()));
    };
    records.values().map(|record| event(metadata, record)).collect()
}

fn event(metadata: &Metadata, record: &Value<u32>) -> Result<Event, BuilderError> {
    let shape = |what: &str| BuilderError::Events(format!("a record has no {what}"));
    let phase = match &field(record, "phase").ok_or_else(|| shape("phase"))?.value {
        ValueDef::Variant(phase) if phase.name == "ApplyExtrinsic" => {
            let index = phase.values.values().next().and_then(Value::as_u128);
            Phase::Extrinsic(
                index
                    .and_then(|index| u32::try_from(index).ok())
                    .ok_or_else(|| shape("index"))?,
            )
        }
        _ => Phase::Block,
    };
    let outer = field(record, "event").and_then(variant).ok_or_else(|| shape("event"))?;
    let inner = outer
        .1
        .values()
        .next()
        .and_then(variant)
        .ok_or_else(|| shape("event in its pallet"))?;
    let fields = if inner.1.is_empty() {
        Json::Null
    } else {
        fields_json(metadata, inner.1)
    };
    Ok(Event {
        phase,
        pallet: outer.0.into(),
        name: inner.0.into(),
        fields,
    })
}

fn field<'a>(value: &'a Value<u32>, name: &str) -> Option<&'a Value<u32>> {
    match &value.value {
        ValueDef::Composite(Composite::Named(fields)) => fields.iter().find(|(n, _)| n == name).map(|(_, v)| v),
        _ => None,
    }
}

fn variant(value: &Value<u32>) -> Option<(&str, &Composite<u32>)> {
    match &value.value {
        ValueDef::Variant(variant) => Some((&variant.name, &variant.values)),
        _ => None,
    }
}

/// The failure that an event tells of: of the extrinsic's call, or of the call that it made as root.
pub fn failure(metadata: &Metadata, event: &Event) -> Option<Failure> {
    let error = match (event.pallet.as_str(), event.name.as_str()) {
        ("System", "ExtrinsicFailed") => event.fields.get("dispatch_error"),
        ("Upgrade", "RootCallDone") => event.fields.get("result").and_then(|result| result.get("Err")),
        _ => None,
    };
    error.map(|error| describe(metadata, error))
}

/// Name and docs of a `DispatchError` in JSON.
fn describe(metadata: &Metadata, error: &Json) -> Failure {
    if let Some(module) = error.get("Module") {
        let number = |value: Option<&Json>| value.and_then(Json::as_u64).and_then(|n| u8::try_from(n).ok());
        // Four bytes in hexadecimal, of which the first is the variant.
        let bytes = module
            .get("error")
            .and_then(Json::as_str)
            .and_then(|text| hex::decode(text.get(2..)?).ok());
        if let (Some(pallet), Some(error)) = (number(module.get("index")), bytes.and_then(|b| b.first().copied())) {
            return match metadata.error(pallet, error) {
                Some((pallet, variant)) => Failure {
                    name: format!("{}.{}", pallet.name, variant.name),
                    docs: variant
                        .docs
                        .iter()
                        .map(|line| line.trim())
                        .collect::<Vec<_>>()
                        .join(" "),
                },
                None => Failure {
                    name: format!("error {error} of pallet {pallet}"),
                    docs: String::new(),
                },
            };
        }
    }
    let name = match error {
        Json::String(name) => name.clone(),
        Json::Object(parts) => match parts.iter().next() {
            Some((outer, Json::String(inner))) => format!("{outer}.{inner}"),
            _ => error.to_string(),
        },
        other => other.to_string(),
    };
    let docs = match name.as_str() {
        "BadOrigin" => "the account may not make this call",
        "Token.FundsUnavailable" => "the account has too little for this",
        "Token.OnlyProvider" => "the account must keep the existential deposit",
        "Token.BelowMinimum" => "the amount is below what an account must hold",
        "Exhausted" => "a limit of the block or of nesting was reached",
        "Other" => "the node's log has the reason",
        _ => "",
    };
    Failure {
        name,
        docs: docs.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extrinsic_builder::fixtures;
    use serde_json::json;

    #[test]
    fn events_are_read_by_metadata_alone() {
        for metadata in fixtures::both_versions() {
            let events = decode_events(&metadata, &fixtures::events()).unwrap();
            let transfer = Event {
                phase: Phase::Extrinsic(1),
                pallet: "Balances".into(),
                name: "Transfer".into(),
                fields: json!({
                    // The example of EIP-55.
                    "from": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
                    "to": "0x1111111111111111111111111111111111111111",
                    "amount": "1500000000000000000",
                    "memo": "0x0102",
                    "limit": null,
                }),
            };
            assert_eq!(events[0], transfer);
            assert_eq!(
                (events[1].phase, events[1].is("System", "CodeUpdated")),
                (Phase::Block, true)
            );
            assert_eq!(events[1].fields, Json::Null);
            assert_eq!(events.len(), 4);
        }
    }

    #[test]
    fn failures_have_the_name_and_docs_of_metadata() {
        let metadata = fixtures::v15();
        let events = decode_events(&metadata, &fixtures::events()).unwrap();
        assert_eq!(failure(&metadata, &events[0]), None);
        let module = failure(&metadata, &events[2]).unwrap();
        assert_eq!(
            (module.name.as_str(), module.docs.as_str()),
            ("Balances.TooPoor", "Has too little. Get more.")
        );
        let token = failure(&metadata, &events[3]).unwrap();
        assert_eq!(token.name, "Token.FundsUnavailable");
        assert!(!token.docs.is_empty());
    }

    #[test]
    fn damaged_events_are_an_error() {
        let metadata = fixtures::v15();
        let good = fixtures::events();
        assert_eq!(decode_events(&metadata, &[]), Ok(vec![]));
        assert!(decode_events(&metadata, &good[..good.len() - 1]).is_err());
        assert!(decode_events(&metadata, &[&good[..], &[0]].concat()).is_err());
    }
}
