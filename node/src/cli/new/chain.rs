//! `quids new chain`: a workspace with a runtime, which is `runtime/sapling` under another name, a pallet, which is
//! `pallets/starter`, and a chain spec.

use super::{
    CliError,
    folder::{self, Files},
    name::{Name, replaced},
    pallet,
};
use crate::{
    cli::SMALL_UNITS,
    spec::{ChainSpec, Genesis},
};
use clap::Args;
use quids_crypto::blake3_256;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Path below the runtime's crate, and text.
const SAPLING: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("../../../../runtime/sapling/Cargo.toml")),
    ("README.md", include_str!("../../../../runtime/sapling/README.md")),
    ("src/lib.rs", include_str!("../../../../runtime/sapling/src/lib.rs")),
    (
        "src/benchmarks.rs",
        include_str!("../../../../runtime/sapling/src/benchmarks.rs"),
    ),
    (
        "tests/runtime.rs",
        include_str!("../../../../runtime/sapling/tests/runtime.rs"),
    ),
];
const README: &str = include_str!("chain.md");

/// The link to Quids in the chain's folder. What is below that folder has its place from there in the WASM, what is elsewhere its place
/// on the machine: by the link the same code has the same bytes wherever it and Quids are.
const LINK: &str = "quids";

/// What pallets and runtimes use of others, by its name in the workspace's manifest.
const OTHERS: [&str; 6] = ["codec", "scale-info", "serde", "serde_json", "hex", "proptest"];

/// What is Quids' own chain, and what becomes the chain's own pallet.
const OURS_UNUSED: [&str; 4] = [
    "quids-runtime",
    "quids-runtime-wasm",
    "pallet-starter",
    "pallet-template",
];

/// Decimals at most: an amount of a whole token has to fit 128 bits.
const DECIMALS_MAX: i64 = 38;
/// Characters of a token's symbol and of its name at most.
const SYMBOL_MAX: usize = 12;
const TOKEN_MAX: usize = 32;

/// Write a chain to start from: a workspace with a runtime, a pallet and a chain spec, that this node runs
#[derive(Args, Debug)]
pub struct ChainArgs {
    /// Its name: `my-chain`, `my_chain` and `MyChain` are one
    name: Name,
    /// A new folder; by default NAME
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// The name of its first pallet
    #[arg(long, value_name = "NAME", default_value = "starter")]
    pallet: Name,
    /// The token's symbol; by default the first letters of NAME
    #[arg(long, value_parser = symbol)]
    symbol: Option<String>,
    /// The token's name; by default NAME
    #[arg(long, value_name = "TEXT", value_parser = token)]
    token: Option<String>,
    /// How many digits of an amount wallets and this command line write behind the point; Ethereum's take 18 for granted. Genesis balances, fees and bonds
    /// are in the smallest unit, made for 18: with another number change those too
    #[arg(long, value_name = "N", default_value = "18", value_parser = clap::value_parser!(u8).range(0..=DECIMALS_MAX))]
    decimals: u8,
    /// Ethereum's chain id (EIP-155), by which a signature is for this chain; by default made from NAME
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=i64::MAX as u64))]
    chain_id: Option<u64>,
    /// The Quids checkout that it is built on; by default the one that this binary was built from
    #[arg(long, value_name = "DIR")]
    quids: Option<PathBuf>,
}

fn symbol(text: &str) -> Result<String, String> {
    let is_free = !SMALL_UNITS.contains(&&*text.to_ascii_lowercase());
    let fits =
        (1..=SYMBOL_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) && is_free;
    fits.then(|| text.to_owned()).ok_or_else(|| {
        format!(
            "a symbol has 1 to {SYMBOL_MAX} letters and digits, and is none of {}",
            SMALL_UNITS.join(", ")
        )
    })
}

fn token(text: &str) -> Result<String, String> {
    let fits = (1..=TOKEN_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
        .ok_or_else(|| format!("a token's name has 1 to {TOKEN_MAX} characters"))
}

/// Runs the command: the text that says what to do next.
pub fn run(args: &ChainArgs) -> Result<String, CliError> {
    pallet::check(&args.pallet)?;
    if args.pallet == args.name {
        return Err(CliError::Usage(format!(
            "chain and pallet are both called {}: --pallet NAME names another",
            args.name
        )));
    }
    let quids = checkout(args)?;
    let path = args.path.clone().unwrap_or_else(|| args.name.kebab().into());
    let absolute = std::path::absolute(&path).map_err(CliError::file("find", &path))?;
    folder::write(&absolute, &files(args, &quids)?, &[(LINK, &quids)])?;
    let settled = settle(&absolute);
    let mut text = format!(
        "{} is in {}; its README.md has the commands.\n",
        args.name,
        path.display()
    );
    if !settled {
        text += "Cargo could not settle Cargo.lock offline: run `cargo update --workspace` there.\n";
    }
    Ok(text)
}

/// The folder of Quids, absolute.
fn checkout(args: &ChainArgs) -> Result<PathBuf, CliError> {
    let given = args
        .quids
        .clone()
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let found = given
        .canonicalize()
        .ok()
        .filter(|folder| folder.join("runtime/standard/Cargo.toml").is_file());
    found.ok_or_else(|| {
        CliError::Usage(format!(
            "there is no Quids in {}: name its folder with --quids DIR",
            given.display()
        ))
    })
}

fn files(args: &ChainArgs, quids: &Path) -> Result<Files, CliError> {
    let read = |name: &str| {
        let path = quids.join(name);
        fs::read_to_string(&path).map_err(CliError::file("read", &path))
    };
    let spec = format!("{:#}\n", spec(args));
    let mut files: Files = vec![
        ("Cargo.toml".into(), manifest(args, &read("Cargo.toml")?)),
        ("Cargo.lock".into(), read("Cargo.lock")?),
        ("rustfmt.toml".into(), read("rustfmt.toml")?),
        (".gitignore".into(), format!("/target\n/*.wasm\n/{LINK}\n")),
        ("README.md".into(), renamed(README, args)),
        ("chain.json".into(), spec),
    ];
    let below = |folder: PathBuf| move |(path, text): (PathBuf, String)| (folder.join(path), text);
    let runtime = SAPLING
        .iter()
        .map(|(path, text)| (PathBuf::from(path), renamed(text, args)));
    files.extend(runtime.map(below("runtime".into())));
    let folder = Path::new("pallets").join(args.pallet.kebab());
    files.extend(pallet::files(&args.pallet).into_iter().map(below(folder)));
    Ok(files)
}

fn renamed(text: &str, args: &ChainArgs) -> String {
    let chain = [
        ("sapling_runtime", format!("{}_runtime", args.name.snake())),
        ("Sapling", args.name.title()),
        ("sapling", args.name.kebab()),
    ];
    replaced(text, &[&pallet::renames(&args.pallet)[..], &chain].concat())
}

/// The workspace's manifest: versions, lints and profiles as Quids has them.
fn manifest(args: &ChainArgs, root: &str) -> String {
    let package = format!("pallet-{}", args.pallet.kebab());
    let path = args.pallet.kebab();
    let mut out = format!(
        "# The workspace of {}. `{LINK}` is where Quids is: another checkout, another link.\n\n[workspace]\nresolver = \
         \"3\"\nmembers = [\"runtime\", \"pallets/*\"]\nexclude = [\"{LINK}\"]\n\n{}[workspace.dependencies]\n{package} = {{ \
         path = \"pallets/{path}\" }}\n",
        args.name.title(),
        section(root, "workspace.package"),
    );
    let dependencies = section(root, "workspace.dependencies");
    let mut ours = Vec::new();
    for line in dependencies.lines() {
        let key = line.split([' ', '=']).next().unwrap_or_default();
        if OTHERS.contains(&key) {
            out += &format!("{line}\n");
        } else if !OURS_UNUSED.contains(&key)
            && ["primitives/", "runtime/", "pallets/"]
                .iter()
                .any(|from| line.contains(&format!("path = \"{from}")))
        {
            ours.push(key);
            out += &format!("{}\n", line.replace("path = \"", &format!("path = \"{LINK}/")));
        }
    }
    out.push('\n');
    for header in headers(root).filter(|header| header.starts_with("workspace.lints") || header.starts_with("profile"))
    {
        out += &section(root, header);
        // There they are the workspace's own, whose sums are checked; here they are dependencies.
        if header.ends_with("package.\"*\"") {
            for name in &ours {
                out += &format!("[{}]\noverflow-checks = true\n\n", header.replace("\"*\"", name));
            }
        }
    }
    out.trim_end().to_owned() + "\n"
}

/// The tables of a manifest, in order.
fn headers(manifest: &str) -> impl Iterator<Item = &str> {
    manifest
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'))
}

/// A table of a manifest with its header, and an empty line.
fn section(manifest: &str, header: &str) -> String {
    let lines = manifest.lines().skip_while(|line| *line != format!("[{header}]"));
    let body: Vec<_> = lines
        .enumerate()
        .take_while(|(index, line)| *index == 0 || !line.starts_with('['))
        .collect();
    let text = body
        .iter()
        .map(|(_, line)| *line)
        .filter(|line| !line.starts_with('#'))
        .collect::<Vec<_>>()
        .join("\n");
    format!("{}\n\n", text.trim_end())
}

/// The development chain's accounts and council on a chain of this name and token, whose runtime lies beside it.
fn spec(args: &ChainArgs) -> Value {
    let mut spec = ChainSpec::dev();
    spec.name = args.name.title();
    spec.id = args.name.kebab();
    let symbol = args
        .symbol
        .clone()
        .unwrap_or_else(|| args.name.pascal().chars().take(4).collect::<String>().to_uppercase());
    spec.properties.insert("tokenSymbol".into(), symbol.into());
    spec.properties.insert(
        "tokenName".into(),
        args.token.clone().unwrap_or_else(|| args.name.title()).into(),
    );
    spec.properties.insert("tokenDecimals".into(), args.decimals.into());
    if let Genesis::Config { config, code } = &mut spec.genesis {
        code.clear();
        if let Some(config) = config.as_object_mut() {
            config.remove("template");
            config.insert("qevm".into(), json!({ "chainId": chain_id(args) }));
            config.insert(args.pallet.camel(), json!({ "counts": [] }));
        }
    }
    let mut json = spec.to_json();
    json["genesis"]["runtimeGenesis"]["code"] = json!({ "file": "runtime.wasm" });
    json
}

/// Of a name, if none is given: some nine digits, so that two chains hardly have the same.
fn chain_id(args: &ChainArgs) -> u64 {
    args.chain_id.unwrap_or_else(|| {
        let [a, b, c, d, ..] = blake3_256(args.name.kebab().as_bytes());
        100_000_000 + u64::from(u32::from_le_bytes([a, b, c, d])) % 900_000_000
    })
}

/// Quids' Cargo.lock has more than is used, and lacks the two new crates. Whether cargo made it fit, without the network.
fn settle(folder: &Path) -> bool {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["update", "--workspace", "--offline", "--quiet"])
        .current_dir(folder);
    let ran = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    ran.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command as Clap, FromArgMatches};

    fn args(line: &str) -> ChainArgs {
        let matches = ChainArgs::augment_args(Clap::new("chain")).get_matches_from(format!("chain {line}").split(' '));
        ChainArgs::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn the_composition_has_under_sixty_lines() {
        let (_, text) = SAPLING.iter().find(|(path, _)| *path == "src/lib.rs").unwrap();
        assert!(text.lines().count() < 60, "{} lines", text.lines().count());
    }

    #[test]
    fn nothing_of_the_old_names_is_left() {
        let args = args("asset-hub --pallet registry");
        let files = files(&args, &checkout(&args).unwrap()).unwrap();
        for (path, text) in files
            .iter()
            .filter(|(path, _)| !path.starts_with("Cargo.lock") && !path.starts_with("Cargo.toml"))
        {
            let all = format!("{} {text}", path.display()).to_lowercase();
            assert!(!all.contains("sapling") && !all.contains("starter"), "{all}");
        }
    }

    #[test]
    fn the_spec_has_the_chains_own_name_token_and_id() {
        for (line, symbol, token, decimals, id) in [
            ("asset-hub", "ASSE", "Asset Hub", 18, 100_000_000..1_000_000_000),
            (
                "asset-hub --symbol AHB --token Hubs --decimals 12 --chain-id 77",
                "AHB",
                "Hubs",
                12,
                77..78,
            ),
        ] {
            let args = args(line);
            let spec = spec(&args);
            assert_eq!((&spec["name"], &spec["id"]), (&json!("Asset Hub"), &json!("asset-hub")));
            let properties =
                json!({ "isEthereum": true, "tokenDecimals": decimals, "tokenSymbol": symbol, "tokenName": token });
            assert_eq!(spec["properties"], properties);
            let config = &spec["genesis"]["runtimeGenesis"]["config"];
            assert!(id.contains(&config["qevm"]["chainId"].as_u64().unwrap()), "{config}");
            assert!(
                config.get("template").is_none() && config.get("starter").is_some(),
                "{config}"
            );
        }
    }

    #[test]
    fn bad_tokens_are_refused() {
        for (parsed, fits) in [
            (symbol("ABC1"), true),
            (symbol(""), false),
            (symbol("A B"), false),
            (symbol("Gwei"), false),
            (symbol("ABCDEFGHIJKLM"), false),
            (token("Größe 1"), true),
            (token(""), false),
            (token("a\nb"), false),
        ] {
            assert_eq!(parsed.is_ok(), fits, "{parsed:?}");
        }
    }
}
