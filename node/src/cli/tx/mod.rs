//! `quids tx`: the transactions it can send.

mod calls;
mod send;
mod upgrade;

use super::{AMOUNT_HELP, Amount, CliError, DEFAULT_RPC_URL, PassphraseArgs, Token, block_on, keys, parse_amount};
use clap::{Args, Subcommand};
use quids_core::AccountId20;
use quids_crypto::SignatureScheme;
use quids_keystore::Signer;
use std::{path::PathBuf, sync::Arc};

pub(super) use calls::as_root;
pub(super) use send::{Sender, must_carry_key};
pub(super) use upgrade::CODE_DOMAIN;

/// Who sends, through which node, and how.
#[derive(Args, Clone, Debug)]
pub struct SenderArgs {
    /// The key that signs: a development account (alice), a key file, a mnemonic in quotes, or that of a signer's
    /// process, remote:SOCKET#ADDRESS
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
    /// The node
    #[arg(long, value_name = "URL", env = "QUIDS_RPC", default_value = DEFAULT_RPC_URL)]
    rpc: String,
    /// Paid to the author on top of the fee; written as an amount is
    #[arg(long, value_name = "AMOUNT", default_value = "0", value_parser = parse_amount)]
    tip: Amount,
    /// The transaction's number among the account's; by default the next one
    #[arg(long, value_name = "N")]
    nonce: Option<u64>,
    /// Blocks within which the transaction must be included; rounded up to a power of two, from 4 to 65536
    #[arg(long, value_name = "BLOCKS", default_value_t = 64, conflicts_with = "immortal")]
    mortal: u64,
    /// May be included at any time
    #[arg(long)]
    immortal: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A sender that need not wait.
#[derive(Args, Clone, Debug)]
pub struct SubmitArgs {
    #[command(flatten)]
    sender: SenderArgs,
    /// Do not wait until the transaction is final
    #[arg(long)]
    no_wait: bool,
}

/// Build, sign and send transactions.
#[derive(Subcommand, Debug)]
pub enum TxCommand {
    /// Send an amount to an account
    Transfer {
        /// Who receives
        #[arg(long, value_name = "NAME|ADDRESS", value_parser = keys::account)]
        to: AccountId20,
        #[arg(long, value_parser = parse_amount, help = AMOUNT_HELP)]
        amount: Amount,
        /// Fail rather than let the sender's account fall below the existential deposit
        #[arg(long)]
        keep_alive: bool,
        #[command(flatten)]
        submit: SubmitArgs,
    },
    /// Send everything an account can spend
    TransferAll {
        /// Who receives
        #[arg(long, value_name = "NAME|ADDRESS", value_parser = keys::account)]
        to: AccountId20,
        /// Leave the existential deposit
        #[arg(long)]
        keep_alive: bool,
        #[command(flatten)]
        submit: SubmitArgs,
    },
    /// Put bytes into the chain's history
    Remark {
        /// Text; if there is neither this nor --hex, stdin
        #[arg(conflicts_with = "hex")]
        text: Option<String>,
        /// Bytes in hexadecimal; @FILE takes the digits from a file
        #[arg(long)]
        hex: Option<String>,
        /// Let the chain emit an event with the remark's hash
        #[arg(long)]
        event: bool,
        #[command(flatten)]
        submit: SubmitArgs,
    },
    /// Bind a post-quantum key to a legacy account; ECDSA is refused for it from then on
    Bind {
        #[command(flatten)]
        new: NewKeyArgs,
        #[command(flatten)]
        submit: SubmitArgs,
    },
    /// Replace an account's key; the address stays
    Rotate {
        #[command(flatten)]
        new: NewKeyArgs,
        #[command(flatten)]
        submit: SubmitArgs,
    },
    /// Replace the chain's runtime: authorize the code as root, then apply it
    Upgrade {
        /// The new runtime, WASM
        file: PathBuf,
        #[command(flatten)]
        sender: SenderArgs,
    },
    /// Make any call of the runtime
    Call {
        /// Pallet.call, as in `System.remark`
        call: String,
        /// The call's arguments in order, as NAME=VALUE. Values: 1, true, "text", 0x… for bytes and accounts,
        /// { a: 1 }, (1, 2), Variant(), Variant(1), Variant { a: 1 }. Amounts are in plank
        #[arg(value_name = "NAME=VALUE")]
        args: Vec<String>,
        /// Make the call as root; the sender must be the root account
        #[arg(long)]
        as_root: bool,
        #[command(flatten)]
        submit: SubmitArgs,
    },
}

/// The key that an account gets.
#[derive(Args, Clone, Debug)]
pub struct NewKeyArgs {
    /// The new key: a development account, a key file, a mnemonic in quotes, or remote:SOCKET#ADDRESS
    #[arg(long, value_name = "KEY")]
    new_key: String,
    /// Scheme of the new key, for a mnemonic
    #[arg(long, value_name = "SCHEME")]
    new_scheme: Option<SignatureScheme>,
    /// Index of the new key, for a mnemonic
    #[arg(long, value_name = "N", default_value_t = 0)]
    new_index: u32,
}

impl NewKeyArgs {
    fn load(&self, passphrase: &PassphraseArgs) -> Result<Arc<dyn Signer>, CliError> {
        keys::signer(&self.new_key, self.new_scheme, self.new_index, passphrase)
    }
}

/// Runs a command.
pub fn run(command: TxCommand) -> Result<(), CliError> {
    let (submit, kind) = match command {
        TxCommand::Upgrade { file, sender } => return block_on(upgrade::run(&file, &sender)),
        TxCommand::Transfer {
            to,
            amount,
            keep_alive,
            submit,
        } => (submit, calls::Kind::Transfer { to, amount, keep_alive }),
        TxCommand::TransferAll { to, keep_alive, submit } => (submit, calls::Kind::TransferAll { to, keep_alive }),
        TxCommand::Remark {
            text,
            hex,
            event,
            submit,
        } => (
            submit,
            calls::Kind::Remark {
                remark: keys::message(text, hex)?,
                event,
            },
        ),
        TxCommand::Bind { new, submit } => {
            let key = new.load(&submit.sender.passphrase)?;
            (submit, calls::Kind::Bind(key))
        }
        TxCommand::Rotate { new, submit } => {
            let key = new.load(&submit.sender.passphrase)?;
            (submit, calls::Kind::Rotate(key))
        }
        TxCommand::Call {
            call,
            args,
            as_root,
            submit,
        } => (submit, calls::Kind::parse(&call, &args, as_root)?),
    };
    block_on(async {
        let sender = Sender::open(&submit.sender).await?;
        let (metadata, genesis, account) = (sender.metadata().clone(), sender.genesis(), sender.account());
        let token = sender.token().clone();
        // A proof of possession is signed, for which a signer may wait for a person: on a thread of its own, since the
        // connection to the node must stay alive.
        let encoded = tokio::task::spawn_blocking(move || kind.encode(&metadata, genesis, account, &token)).await;
        // UNWRAP: it is not cancelled, and a panic there is one here.
        let call = encoded.expect("encoding ends")?;
        if submit.no_wait {
            return sender.submit(call).await;
        }
        let included = sender.submit_and_wait(call).await?;
        included.report().print(submit.sender.json);
        included.into_result().map(drop)
    })
}
