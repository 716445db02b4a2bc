//! `quids evm`: contracts and transactions of the EVM, over a node's Ethereum JSON-RPC; and tests of
//! the EVM that is in the runtime.

mod call;
mod chain;
mod deploy;
mod send;
mod statetest;

use super::{AMOUNT_HELP, Amount, CliError, DEFAULT_RPC_URL, Outcome, PassphraseArgs, block_on, keys, parse_amount};
use clap::{Args, Subcommand};
use quids_core::AccountId20;
use quids_crypto::SignatureScheme;
use std::path::PathBuf;

/// The node, and how to print.
#[derive(Args, Clone, Debug)]
pub struct NodeArgs {
    /// The node
    #[arg(long, value_name = "URL", env = "QUIDS_RPC", default_value = DEFAULT_RPC_URL)]
    rpc: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Who sends, and what the transaction may cost.
#[derive(Args, Clone, Debug)]
pub struct SenderArgs {
    /// The key that signs: a development account (alice, eth0), a key file, a mnemonic in quotes, or that of a signer's
    /// process, remote:SOCKET#ADDRESS. A post-quantum key makes a transaction of type 0x71, one of secp256k1 EIP-1559's
    #[arg(long, value_name = "KEY")]
    from: String,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Scheme of the key, for a mnemonic
    #[arg(long)]
    scheme: Option<SignatureScheme>,
    /// Index of the key, for a mnemonic
    #[arg(long, value_name = "N", default_value_t = 0)]
    index: u32,
    /// The account to act for, if it is not the key's own: after a rotation
    #[arg(long, value_name = "NAME|ADDRESS", value_parser = keys::account)]
    account: Option<AccountId20>,
    #[arg(long, value_name = "AMOUNT", default_value = "0", value_parser = parse_amount, help = AMOUNT_HELP)]
    value: Amount,
    /// The transaction's number among the account's; by default the next one
    #[arg(long, value_name = "N")]
    nonce: Option<u64>,
    /// The most gas; by default what the node estimates
    #[arg(long, value_name = "GAS")]
    gas: Option<u64>,
    /// The most to pay for a unit of gas (`30gwei`); by default twice the base fee and the priority fee
    #[arg(long, value_name = "AMOUNT", value_parser = parse_amount)]
    max_fee: Option<Amount>,
    /// What the block's author gets for a unit of gas (`1gwei`); by default what the node suggests
    #[arg(long, value_name = "AMOUNT", value_parser = parse_amount)]
    priority_fee: Option<Amount>,
    /// Print the signed transaction instead of sending it
    #[arg(long, conflicts_with = "no_wait")]
    dry_run: bool,
    /// Do not wait until the transaction is in a block
    #[arg(long)]
    no_wait: bool,
    /// Seconds to wait for that
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,
    #[command(flatten)]
    node: NodeArgs,
}

/// Call and deploy contracts, send transactions to them.
#[derive(Subcommand, Debug)]
pub enum EvmCommand {
    /// Send an amount or a call to an account or contract
    Send {
        /// Who is paid or called
        #[arg(long, value_name = "NAME|ADDRESS", value_parser = keys::account)]
        to: AccountId20,
        /// Call data in hexadecimal; @FILE takes the digits from a file
        #[arg(long, value_name = "HEX", default_value = "0x")]
        data: String,
        #[command(flatten)]
        sender: SenderArgs,
    },
    /// Run a call without sending it, and print what it returns
    Call {
        /// Who is called
        #[arg(long, value_name = "NAME|ADDRESS", value_parser = keys::account)]
        to: AccountId20,
        /// Call data in hexadecimal; @FILE takes the digits from a file
        #[arg(long, value_name = "HEX", default_value = "0x")]
        data: String,
        /// Who calls
        #[arg(long, value_name = "NAME|ADDRESS", value_parser = keys::account)]
        from: Option<AccountId20>,
        #[arg(long, value_name = "AMOUNT", default_value = "0", value_parser = parse_amount, help = AMOUNT_HELP)]
        value: Amount,
        /// The state to run on: a height, latest, pending, safe, finalized or earliest
        #[arg(long, value_name = "BLOCK", default_value = "latest", value_parser = chain::parse_block)]
        block: String,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Deploy a contract
    Deploy {
        /// Its initialisation code: hexadecimal, or an artefact of forge or Hardhat (JSON with `bytecode`)
        file: PathBuf,
        /// The constructor's arguments, ABI-encoded, in hexadecimal; @FILE takes the digits from a file
        #[arg(long, value_name = "HEX", default_value = "0x")]
        args: String,
        #[command(flatten)]
        sender: SenderArgs,
    },
    /// Run Ethereum's state tests through the WASM runtime
    Statetest(statetest::StatetestArgs),
}

/// Runs a command.
pub fn run(command: EvmCommand) -> Result<Outcome, CliError> {
    match command {
        EvmCommand::Send { to, data, sender } => {
            let data = keys::bytes("the call data", &data)?;
            block_on(send::run(&sender, Some(to), data))?;
        }
        EvmCommand::Call {
            to,
            data,
            from,
            value,
            block,
            node,
        } => {
            let data = keys::bytes("the call data", &data)?;
            block_on(call::run(&node, from, to, &value, &data, &block))?;
        }
        EvmCommand::Deploy { file, args, sender } => {
            let code = deploy::init_code(&file, &args)?;
            block_on(send::run(&sender, None, code))?;
        }
        EvmCommand::Statetest(args) => return statetest::run(args),
    }
    Ok(Outcome::Success)
}
