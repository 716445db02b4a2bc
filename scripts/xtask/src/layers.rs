//! The layers of the architecture, told by a crate's folder, and what each may depend on.

use std::fmt;

/// A layer; the names are those of the architecture's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// P: `primitives/*`, types and pure algorithms.
    Primitive,
    /// R: `runtime/{macros,support,executive}`.
    Framework,
    /// `runtime/testing`: what tests of pallets are written with; a dev-dependency, so nothing links it.
    TestKit,
    /// L: `pallets/system`, which every pallet may use.
    SystemPallet,
    /// L: any other pallet.
    LeafPallet,
    /// R2: `runtime/standard`, what chains of the standard pallets share.
    Standard,
    /// R2: `runtime/chain`, which names the pallets, and `runtime/sapling`, from which new chains start.
    Chain,
    /// `runtime/wasm`: the runtime's bytes, no code.
    Artefact,
    /// C0: `client/{consensus,state,txpool}`, pure.
    PureClient,
    /// C1: `client/metrics`, which every service may use.
    Metrics,
    /// C1: any other client service.
    Service,
    /// N: `node`, wiring only.
    Node,
    /// `clients/*`: libraries for those who talk to a node from Rust.
    ClientLibrary,
    /// `bench`: may depend on anything; nothing depends on it.
    Bench,
    /// `scripts/*`: tools, and build dependencies.
    Tool,
}

impl Layer {
    /// The layer of a folder; `None` if the architecture has no place for it.
    #[must_use]
    pub fn of_folder(folder: &str) -> Option<Self> {
        let (top, rest) = folder.split_once('/').unwrap_or((folder, ""));
        match (top, rest) {
            ("primitives", _) => Some(Self::Primitive),
            ("runtime", "macros" | "support" | "executive") => Some(Self::Framework),
            ("runtime", "testing") => Some(Self::TestKit),
            ("runtime", "standard") => Some(Self::Standard),
            ("runtime", "chain" | "sapling") => Some(Self::Chain),
            ("runtime", "wasm") => Some(Self::Artefact),
            ("pallets", "system") => Some(Self::SystemPallet),
            ("pallets", _) => Some(Self::LeafPallet),
            ("client", "consensus" | "state" | "txpool") => Some(Self::PureClient),
            ("client", "metrics") => Some(Self::Metrics),
            ("client", _) => Some(Self::Service),
            ("node", "") => Some(Self::Node),
            ("bench", "") => Some(Self::Bench),
            ("clients", _) => Some(Self::ClientLibrary),
            ("scripts", _) => Some(Self::Tool),
            _ => None,
        }
    }

    /// Whether a crate of this layer may link one of the layer `to`.
    #[must_use]
    pub fn may_link(self, to: Self) -> bool {
        use Layer::*;
        match self {
            Primitive => matches!(to, Primitive),
            // Between framework crates cargo's own rule against cycles says which is below.
            Framework => matches!(to, Primitive | Framework),
            TestKit => matches!(to, Primitive | Framework | SystemPallet),
            SystemPallet => matches!(to, Primitive | Framework),
            LeafPallet => matches!(to, Primitive | Framework | SystemPallet),
            Standard => matches!(to, Primitive | Framework | SystemPallet | LeafPallet),
            Chain => Standard.may_link(to) || to == Standard,
            Artefact => false,
            PureClient => matches!(to, Primitive),
            Metrics => matches!(to, Primitive | PureClient),
            Service => matches!(to, Primitive | PureClient | Metrics),
            Node => matches!(to, Primitive | PureClient | Metrics | Service | Artefact),
            ClientLibrary => matches!(to, Primitive),
            Bench => !matches!(to, Bench | TestKit),
            Tool => to == Tool,
        }
    }

    /// Whether it is on the runtime's side: code that becomes WASM.
    #[must_use]
    pub fn is_runtime_code(self) -> bool {
        matches!(
            self,
            Self::Framework | Self::SystemPallet | Self::LeafPallet | Self::Standard | Self::Chain
        )
    }

    /// Whether it is on the client's side.
    #[must_use]
    pub fn is_client_code(self) -> bool {
        matches!(self, Self::PureClient | Self::Metrics | Self::Service | Self::Node)
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primitive => "P primitives",
            Self::Framework => "R framework",
            Self::TestKit => "runtime/testing (test kit)",
            Self::SystemPallet => "L pallets/system",
            Self::LeafPallet => "L leaf pallet",
            Self::Standard => "R2 runtime/standard",
            Self::Chain => "R2 runtime",
            Self::Artefact => "runtime/wasm (bytes)",
            Self::PureClient => "C0 pure client",
            Self::Metrics => "C1 client/metrics",
            Self::Service => "C1 client service",
            Self::Node => "N node",
            Self::ClientLibrary => "client library",
            Self::Bench => "bench",
            Self::Tool => "scripts (tool)",
        })
    }
}
