//! `evm_*`, `anvil_*`, `hardhat_*`: time and state of a development chain. On any other there are no such methods.

use super::shape::{ADDRESS, AMOUNT};
use super::values::{self, quantity, read};
use crate::error::{RpcError, from_evm_backend, method_not_found};
use crate::methods::Context;
use crate::methods::registry::{Registered, Registry, caller_method};
use crate::params::Arguments;
use crate::spec::{Field, Method, Param, Schema};
use crate::{Development, error};
use serde_json::{Value, json};

const ERRORS: &[i32] = &[error::ETHEREUM, error::INTERNAL, error::METHOD_NOT_FOUND];
/// Blocks that one request may make.
const BLOCKS_MAX: u64 = 10_000;

const SECONDS: Param = Param::required("seconds", AMOUNT, "");
const TIMESTAMP: Param = Param::required("timestamp", AMOUNT, "seconds since 1970");
const SNAPSHOT: Param = Param::required("snapshot", AMOUNT, "a number that evm_snapshot answered");
const MINE: Param = Param::optional(
    "options",
    Schema::OneOf(&[
        AMOUNT,
        Schema::Open(&[
            Field::optional(
                "timestamp",
                Schema::Nullable(&AMOUNT),
                "of the first block, seconds since 1970",
            ),
            Field::optional("blocks", Schema::Nullable(&AMOUNT), "at most 10 000; 1 if left out"),
        ]),
    ]),
    "the block's timestamp, or an object",
);

const BLOCKS: Param = Param::optional("blocks", AMOUNT, "at most 10 000; 1 if left out");
const INTERVAL: Param = Param::optional("interval", AMOUNT, "seconds between them");
const ON: Param = Param::required("on", Schema::Bool, "");
const BALANCE: Param = Param::required("balance", AMOUNT, "wei");

type Run = fn(&dyn Development, &Arguments) -> Result<Value, RpcError>;

pub fn register(registry: &mut Registry) -> Registered {
    add(
        registry,
        const { &Method::new("evm_mine", "Makes a block now, or some.", &[MINE], Schema::Text).errors(ERRORS) },
        |node, arguments| {
            let options = arguments.optional("options");
            let (timestamp, blocks) = match options {
                Some(Value::Object(_)) => {
                    let options = arguments.value("options")?;
                    (
                        read(options, "timestamp", values::u64)?,
                        read(options, "blocks", values::u64)?,
                    )
                }
                Some(timestamp) => (Some(values::u64("options", timestamp)?), None),
                None => (None, None),
            };
            if let Some(timestamp) = timestamp {
                node.set_next_timestamp(timestamp).map_err(from_evm_backend)?;
            }
            node.mine(bounded(blocks.unwrap_or(1))?, None)
                .map_err(from_evm_backend)?;
            Ok("0x0".into())
        },
    )?;
    add(
        registry,
        const {
            &Method::new("anvil_mine", "Makes blocks now.", &[BLOCKS, INTERVAL], Schema::Null)
                .aliases(&["hardhat_mine"])
                .errors(ERRORS)
        },
        |node, arguments| {
            let number = |name: &str| {
                arguments
                    .optional(name)
                    .map(|value| values::u64(name, value))
                    .transpose()
            };
            let blocks = bounded(number("blocks")?.unwrap_or(1))?;
            node.mine(blocks, number("interval")?).map_err(from_evm_backend)?;
            Ok(Value::Null)
        },
    )?;
    add(
        registry,
        const {
            &Method::new(
                "evm_increaseTime",
                "Moves the clock of future blocks; the sum of all moves, in seconds.",
                &[SECONDS],
                Schema::Number,
            )
            .aliases(&["anvil_increaseTime"])
            .errors(ERRORS)
        },
        |node, arguments| {
            let seconds = values::u64("seconds", arguments.value("seconds")?)?;
            node.increase_time(seconds).map(Value::from).map_err(from_evm_backend)
        },
    )?;
    add(
        registry,
        const {
            &Method::new(
                "evm_setNextBlockTimestamp",
                "Sets the next block's timestamp.",
                &[TIMESTAMP],
                Schema::Null,
            )
            .aliases(&["anvil_setNextBlockTimestamp"])
            .errors(ERRORS)
        },
        |node, arguments| {
            let timestamp = values::u64("timestamp", arguments.value("timestamp")?)?;
            node.set_next_timestamp(timestamp).map_err(from_evm_backend)?;
            Ok(Value::Null)
        },
    )?;
    register_state(registry)
}

fn register_state(registry: &mut Registry) -> Registered {
    add(
        registry,
        const {
            &Method::new(
                "evm_snapshot",
                "Remembers the present: its number.",
                &[],
                Schema::Quantity,
            )
            .aliases(&["anvil_snapshot"])
            .errors(ERRORS)
        },
        |node, _| node.snapshot().map(quantity).map_err(from_evm_backend),
    )?;
    add(
        registry,
        const {
            &Method::new(
                "evm_revert",
                "Goes back to a snapshot and forgets it and all later ones; false if there is none such.",
                &[SNAPSHOT],
                Schema::Bool,
            )
            .aliases(&["anvil_revert"])
            .errors(ERRORS)
        },
        |node, arguments| {
            let snapshot = values::u64("snapshot", arguments.value("snapshot")?)?;
            node.revert(snapshot).map(Value::from).map_err(from_evm_backend)
        },
    )?;
    add(
        registry,
        const {
            &Method::new(
                "evm_setAutomine",
                "Whether each transaction is put into a block as it arrives.",
                &[ON],
                Schema::Bool,
            )
            .aliases(&["anvil_setAutomine"])
            .errors(ERRORS)
        },
        |node, arguments| {
            let on = values::boolean("on", arguments.value("on")?)?;
            node.set_automine(on).map_err(from_evm_backend)?;
            Ok(json!(true))
        },
    )?;
    add(
        registry,
        const {
            &Method::new(
                "anvil_setBalance",
                "Gives an account this balance, in a block of its own.",
                &[ADDRESS, BALANCE],
                Schema::Bool,
            )
            .aliases(&["hardhat_setBalance"])
            .errors(ERRORS)
        },
        |node, arguments| {
            let who = values::address("address", arguments.value("address")?)?;
            let balance = values::uint("balance", arguments.value("balance")?)?;
            if balance > u128::MAX.into() {
                return Err(values::unfit("balance", "a number below 2^128"));
            }
            node.set_balance(who, balance).map_err(from_evm_backend)?;
            Ok(json!(true))
        },
    )
}

fn add(registry: &mut Registry, spec: &'static Method, run: Run) -> Registered {
    caller_method(registry, spec, move |context: &Context, arguments, _| {
        match context.backend.development() {
            Some(node) => run(node, arguments),
            None => Err(method_not_found(spec.name)),
        }
    })
}

fn bounded(blocks: u64) -> Result<u64, RpcError> {
    match blocks <= BLOCKS_MAX {
        true => Ok(blocks),
        false => Err(values::too_much(format!("{blocks} blocks, at most {BLOCKS_MAX}"))),
    }
}
