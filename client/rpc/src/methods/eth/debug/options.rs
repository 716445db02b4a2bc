//! What a caller wants of a trace.

use crate::error::{RpcError, ethereum};
use crate::methods::eth::shape::{BLOCK_OVERRIDES, STATE_OVERRIDES};
use crate::methods::eth::values::{boolean, field, read, u64};
use crate::spec::{Field, Param, Schema};
use quids_api::evm::{StepOptions, TraceOptions};
use serde_json::Value;

const FLAG: Schema = Schema::Nullable(&Schema::Bool);

const TRACE_OPTIONS: Schema = Schema::Named(
    "TraceOptions",
    &Schema::Open(&[
        Field::optional(
            "tracer",
            Schema::Nullable(&Schema::Text),
            "callTracer, flatCallTracer, prestateTracer, 4byteTracer or noopTracer; every opcode if left out",
        ),
        Field::optional(
            "tracerConfig",
            Schema::Nullable(&Schema::Open(&[
                Field::optional("onlyTopCall", FLAG, "of callTracer"),
                Field::optional("withLog", FLAG, "of callTracer"),
                Field::optional("diffMode", FLAG, "of prestateTracer: what changed, before and after"),
                Field::optional("disableCode", FLAG, "of prestateTracer"),
                Field::optional("disableStorage", FLAG, "of prestateTracer"),
            ])),
            "",
        ),
        Field::optional("enableMemory", FLAG, "of every opcode"),
        Field::optional("disableStack", FLAG, "of every opcode"),
        Field::optional("disableStorage", FLAG, "of every opcode"),
        Field::optional("enableReturnData", FLAG, "of every opcode"),
        Field::optional("limit", Schema::Any, "the most opcodes; 0: as many as fit"),
        Field::optional(
            "stateOverrides",
            Schema::Nullable(&STATE_OVERRIDES),
            "of debug_traceCall",
        ),
        Field::optional(
            "blockOverrides",
            Schema::Nullable(&BLOCK_OVERRIDES),
            "of debug_traceCall",
        ),
    ]),
);

/// A trace's options as a parameter.
pub const OPTIONS: Param = Param::optional("options", TRACE_OPTIONS, "as go-ethereum has them");

/// How a trace is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracer {
    Steps(StepOptions),
    Calls { only_top: bool, with_logs: bool },
    FlatCalls,
    State { is_diff: bool, code: bool, storage: bool },
    FourByte,
    Nothing,
}

impl Tracer {
    pub fn read(options: Option<&Value>) -> Result<Self, RpcError> {
        let nothing = Value::Null;
        let options = options.unwrap_or(&nothing);
        let config = field(options, "tracerConfig").unwrap_or(&nothing);
        let flag = |object: &Value, name: &str| Ok::<_, RpcError>(read(object, name, boolean)?.unwrap_or_default());
        match field(options, "tracer").and_then(Value::as_str) {
            None | Some("") => Ok(Self::Steps(StepOptions {
                stack: !flag(options, "disableStack")?,
                memory: flag(options, "enableMemory")?,
                storage: !flag(options, "disableStorage")?,
                return_data: flag(options, "enableReturnData")?,
                limit: read(options, "limit", u64)?.unwrap_or_default(),
            })),
            Some("callTracer") => Ok(Self::Calls {
                only_top: flag(config, "onlyTopCall")?,
                with_logs: flag(config, "withLog")?,
            }),
            Some("flatCallTracer") => Ok(Self::FlatCalls),
            Some("prestateTracer") => Ok(Self::State {
                is_diff: flag(config, "diffMode")?,
                code: !flag(config, "disableCode")?,
                storage: !flag(config, "disableStorage")?,
            }),
            Some("4byteTracer") => Ok(Self::FourByte),
            Some("noopTracer") => Ok(Self::Nothing),
            Some(other) => {
                let start: String = other.chars().take(40).collect();
                Err(ethereum(format!(
                    "tracer {start:?} not found: there are callTracer, flatCallTracer, prestateTracer, 4byteTracer and \
                     noopTracer, and no JavaScript"
                )))
            }
        }
    }

    /// What has to be recorded for it.
    pub fn recorded(self) -> TraceOptions {
        let nothing = TraceOptions::default();
        match self {
            Self::Steps(steps) => TraceOptions {
                steps: Some(steps),
                ..nothing
            },
            Self::Calls { .. } | Self::FlatCalls | Self::FourByte => TraceOptions { calls: true, ..nothing },
            Self::State { .. } => TraceOptions { state: true, ..nothing },
            Self::Nothing => nothing,
        }
    }
}
