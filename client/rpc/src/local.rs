//! The methods without a server: for tests, fuzzers and programs that hold a node.

use crate::methods::module;
use crate::{Access, Backend, Config};
use jsonrpsee::Methods;
use jsonrpsee::core::RegisterMethodError;
use std::sync::Arc;

/// Answers requests in this process. Subscriptions end at once: nobody listens.
#[derive(Debug)]
pub struct Local(Methods);

impl Local {
    /// All methods over a node, for one who may do this.
    pub fn new(backend: Arc<dyn Backend>, config: Config, access: Access) -> Result<Self, RegisterMethodError> {
        let mut methods: Methods = module(backend, config)?.into();
        methods.extensions_mut().insert(access);
        Ok(Self(methods))
    }

    /// One JSON-RPC request, not a batch; its answer. Needs a tokio runtime.
    pub async fn request(&self, request: &str) -> Result<String, serde_json::Error> {
        let (answer, _) = self.0.raw_json_request(request, 1).await?;
        Ok(answer.get().to_owned())
    }

    /// Every name that answers, sorted.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.0.method_names().collect();
        names.sort_unstable();
        names
    }
}
