//! The one way to become a method: with a specification. What answers is what the documents tell of.

use super::Context;
use crate::Backend;
use crate::access::Access;
use crate::error::{RpcError, internal, unsafe_refused};
use crate::params::Arguments;
use crate::spec::{Interface, Method, Subscription};
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::core::server::{PendingSubscriptionSink, ResponsePayload};
use jsonrpsee::types::Params;
use jsonrpsee::{Extensions, RpcModule};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::future::Future;
use std::sync::Arc;

pub type Registered = Result<(), RegisterMethodError>;

/// Methods and subscriptions with their specifications. Without a node it only collects the specifications.
pub struct Registry {
    module: Option<RpcModule<Context>>,
    interface: Interface,
}

impl Registry {
    pub fn serving(context: Context) -> Self {
        Self {
            module: Some(RpcModule::new(context)),
            interface: Interface::default(),
        }
    }

    pub fn describing() -> Self {
        Self {
            module: None,
            interface: Interface::default(),
        }
    }

    pub fn into_parts(mut self) -> (Option<RpcModule<Context>>, Interface) {
        self.interface.methods.sort_by_key(|method| method.name);
        self.interface
            .subscriptions
            .sort_by_key(|subscription| subscription.name);
        (self.module, self.interface)
    }
}

/// Registers a method, which may block unless its specification says that it is quick, under its name and its older names.
pub fn method(
    registry: &mut Registry,
    spec: &'static Method,
    run: fn(&dyn Backend, &mut Arguments) -> Result<Value, RpcError>,
) -> Registered {
    caller_method(registry, spec, move |context, arguments, _| {
        run(&*context.backend, arguments)
    })
}

/// As [`method`], for what depends on who calls, or on the server's limits.
pub fn caller_method<F>(registry: &mut Registry, spec: &'static Method, run: F) -> Registered
where
    F: Fn(&Context, &mut Arguments, Access) -> Result<Value, RpcError> + Clone + Send + Sync + 'static,
{
    answering(registry, spec, run)
}

/// How long a method may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Some milliseconds: the thread has other connections to serve.
    Brief,
    /// As long as it takes: the thread is its own.
    Full,
}

/// Characters of parameters that are read where they came in.
const BRIEF_CHARS_MAX: usize = 8 << 10;

/// As [`method`], for what mostly takes microseconds, of which the way to another thread and back is the larger part: it is
/// tried briefly first. `run` answers `None` if that does not do.
pub fn brief_method(
    registry: &mut Registry,
    spec: &'static Method,
    run: fn(&Context, &Arguments, Patience) -> Result<Option<Value>, RpcError>,
) -> Registered {
    registry.interface.methods.push(spec);
    let Some(module) = &mut registry.module else {
        return Ok(());
    };
    let answer = move |params: &Params<'_>, context: &Context, patience| {
        let arguments = Arguments::new(params, spec.params)?;
        let answer = run(context, &arguments, patience)?;
        let text = answer.as_ref().map(serde_json::value::to_raw_value).transpose();
        text.map_err(|error| internal(error.to_string()))
    };
    module.register_async_method(spec.name, move |params, context, extensions| async move {
        guard(spec.is_unsafe, &extensions)?;
        if params.as_str().is_none_or(|text| text.len() <= BRIEF_CHARS_MAX)
            && let Some(answer) = answer(&params, &context, Patience::Brief)?
        {
            return Ok(answer);
        }
        let whole = tokio::task::spawn_blocking(move || answer(&params, &context, Patience::Full));
        let answer = whole.await.map_err(|_| internal("Internal error"))??;
        answer.ok_or_else(|| internal("a method gave up that had all the time"))
    })?;
    aliases(module, spec.aliases, spec.name)
}

/// As [`caller_method`], for answers that are written as text, since they would be many times larger as values.
pub fn text_method(
    registry: &mut Registry,
    spec: &'static Method,
    run: fn(&Context, &mut Arguments) -> Result<Box<RawValue>, RpcError>,
) -> Registered {
    answering(
        registry,
        spec,
        move |context: &Context, arguments: &mut Arguments, _| run(context, arguments),
    )
}

fn answering<T, F>(registry: &mut Registry, spec: &'static Method, run: F) -> Registered
where
    T: Serialize + Clone + Send + 'static,
    F: Fn(&Context, &mut Arguments, Access) -> Result<T, RpcError> + Clone + Send + Sync + 'static,
{
    registry.interface.methods.push(spec);
    let Some(module) = &mut registry.module else {
        return Ok(());
    };
    let answer = move |params: Params<'_>, context: &Context, extensions: &Extensions| {
        guard(spec.is_unsafe, extensions)?;
        let mut arguments = Arguments::new(&params, spec.params)?;
        run(context, &mut arguments, Access::of(extensions))
    };
    if spec.is_quick {
        module.register_method(spec.name, move |params, context, extensions| {
            answer(params, context, extensions)
        })?;
    } else {
        module.register_blocking_method(spec.name, move |params, context, extensions| {
            answer(params, &context, &extensions)
        })?;
    }
    aliases(module, spec.aliases, spec.name)
}

/// As [`method`], for what needs to wait or to know its connection. `run` must not block.
pub fn raw_method<F, Fut>(registry: &mut Registry, spec: &'static Method, run: F) -> Registered
where
    F: Fn(Arguments, Arc<Context>, Extensions) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Value, RpcError>> + Send + 'static,
{
    registry.interface.methods.push(spec);
    let Some(module) = &mut registry.module else {
        return Ok(());
    };
    module.register_async_method(spec.name, move |params, context, extensions| {
        let arguments = guard(spec.is_unsafe, &extensions).and_then(|()| Arguments::new(&params, spec.params));
        let answer = arguments.map(|arguments| run(arguments, context, extensions));
        async move { answer?.await }
    })?;
    aliases(module, spec.aliases, spec.name)
}

/// An answer, or the error in its place.
type Answer = Result<ResponsePayload<'static, Value>, RpcError>;

/// As [`raw_method`], for what goes on after it has answered. `run` must not wait either.
pub fn operation_method(
    registry: &mut Registry,
    spec: &'static Method,
    run: fn(&Arguments, &Arc<Context>, &Extensions) -> Answer,
) -> Registered {
    registry.interface.methods.push(spec);
    let Some(module) = &mut registry.module else {
        return Ok(());
    };
    module.register_async_method(spec.name, move |params, context, extensions| {
        let arguments = guard(spec.is_unsafe, &extensions).and_then(|()| Arguments::new(&params, spec.params));
        let answer = arguments.and_then(|arguments| run(&arguments, &context, &extensions));
        async move { answer.unwrap_or_else(ResponsePayload::error) }
    })?;
    aliases(module, spec.aliases, spec.name)
}

/// Registers a subscription, under its name and its older names.
pub fn subscription<F, Fut>(registry: &mut Registry, spec: &'static Subscription, handler: F) -> Registered
where
    F: Fn(Params<'static>, PendingSubscriptionSink, Arc<Context>, Extensions) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    registry.interface.subscriptions.push(spec);
    let Some(module) = &mut registry.module else {
        return Ok(());
    };
    module.register_subscription(
        spec.name,
        spec.notification,
        spec.unsubscribe,
        move |params, pending, context, extensions| {
            let handler = handler.clone();
            async move {
                // Handlers look at parameters themselves; without any there is nobody else to refuse nonsense.
                let fits = guard(spec.is_unsafe, &extensions).and_then(|()| match spec.params {
                    [] => Arguments::new(&params, &[]).map(drop),
                    _ => Ok(()),
                });
                match fits {
                    Ok(()) => handler(params, pending, context, extensions).await,
                    Err(error) => pending.reject(error).await,
                }
            }
        },
    )?;
    aliases(module, spec.aliases, spec.name)?;
    aliases(module, spec.unsubscribe_aliases, spec.unsubscribe)
}

fn guard(is_unsafe: bool, extensions: &Extensions) -> Result<(), RpcError> {
    if is_unsafe && !Access::of(extensions).is_unsafe_allowed {
        return Err(unsafe_refused());
    }
    Ok(())
}

fn aliases(module: &mut RpcModule<Context>, aliases: &[&'static str], name: &'static str) -> Registered {
    aliases.iter().try_for_each(|alias| module.register_alias(alias, name))
}
