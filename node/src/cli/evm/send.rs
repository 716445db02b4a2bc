//! Signs a transaction of the EVM as the key's scheme demands, sends it, and waits until it is in a block.

use super::{
    super::{
        CliError, Token,
        connection::Connection,
        keys,
        output::{Report, hex0x},
        tx::must_carry_key,
    },
    SenderArgs,
    chain::{self, CallRequest, Receipt, parse_quantity},
};
use quids_core::{AccountId20, Balance, H160, H256, U256};
use quids_crypto::{SignatureScheme, eip55};
use quids_ethereum::{Transaction, UnsignedTransaction};
use quids_keystore::{Purpose, Signer};
use serde_json::{Value as Json, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How often the node is asked for the receipt.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Sends a call, or a creation if there is no `to`.
pub async fn run(args: &SenderArgs, to: Option<AccountId20>, data: Vec<u8>) -> Result<(), CliError> {
    let key = keys::signer(&args.from, args.scheme, args.index, &args.passphrase)?;
    let account = args.account.unwrap_or_else(|| key.account_id());
    let connection = Connection::open(&args.node.rpc).await?;
    let with_key = must_carry_key(&connection, account, &*key).await?;
    let token = connection.token().await?;
    let unsigned = fill_in(&connection, args, &token, (account, key.scheme(), with_key), to, data).await?;
    // On a thread of its own: a signer may wait for a person, and the connection to the node must stay alive.
    let signing = tokio::task::spawn_blocking(move || sign(unsigned, account, &key, with_key));
    // UNWRAP: it is not cancelled, and a panic there is one here.
    let transaction = signing.await.expect("signing ends")?;
    let (envelope, hash) = (transaction.encode(), transaction.hash());
    let mut report = Report::default();
    report.line("transaction", hex0x(hash));
    if args.dry_run {
        report.line("raw", hex0x(envelope)).print(args.node.json);
        return Ok(());
    }
    let told = chain::send(&connection, &envelope).await?;
    if told != hex0x(hash) {
        return Err(CliError::Answer {
            method: "eth_sendRawTransaction".into(),
            reason: format!("the transaction's hash is {}, not {told}", hex0x(hash)),
        });
    }
    if args.no_wait {
        report.print(args.node.json);
        return Ok(());
    }
    let receipt = wait(&connection, hash, Duration::from_secs(args.timeout)).await?;
    tell(&mut report, &receipt, &token);
    report.print(args.node.json);
    if receipt.status == "0x1" {
        return Ok(());
    }
    Err(CliError::CallFailed {
        name: "reverted".into(),
        docs: "the transaction is in a block, and the EVM undid what it did".into(),
    })
}

/// Asks the node for what the command line leaves open.
async fn fill_in(
    connection: &Connection,
    args: &SenderArgs,
    token: &Token,
    (account, scheme, with_key): (AccountId20, SignatureScheme, bool),
    to: Option<AccountId20>,
    data: Vec<u8>,
) -> Result<UnsignedTransaction, CliError> {
    let nonce = match args.nonce {
        Some(nonce) => nonce,
        None => chain::next_nonce(connection, account).await?,
    };
    let value = token.read(&args.value)?;
    let priority_fee = match &args.priority_fee {
        Some(fee) => token.read(fee)?.0,
        None => chain::priority_fee(connection).await?,
    };
    let max_fee = match &args.max_fee {
        Some(fee) => token.read(fee)?.0,
        None => {
            let base = chain::base_fee(connection).await?;
            base.saturating_mul(2).saturating_add(priority_fee)
        }
    };
    let gas_limit = match args.gas {
        Some(gas) => gas,
        None => {
            let call = CallRequest {
                from: Some(account),
                to,
                value,
                data: &data,
                quantum: scheme.is_post_quantum().then_some((scheme, with_key)),
            };
            chain::estimate(connection, &call).await?
        }
    };
    Ok(UnsignedTransaction {
        chain_id: chain::chain_id(connection).await?,
        nonce,
        // A tip above what is paid at most is refused; whoever limits the fee has limited the tip.
        max_priority_fee_per_gas: priority_fee.min(max_fee),
        max_fee_per_gas: max_fee,
        gas_limit,
        to: to.map(|account| H160(account.0)),
        value: U256::from(value.0),
        data,
    })
}

/// The transaction of the key's kind: EIP-1559's for secp256k1, else the post-quantum one.
fn sign(
    unsigned: UnsignedTransaction,
    account: AccountId20,
    key: &Arc<dyn Signer>,
    with_key: bool,
) -> Result<Transaction, CliError> {
    if key.scheme() == SignatureScheme::Secp256k1 {
        let signature = key.sign(Purpose::Ethereum, &unsigned.eip1559_payload())?;
        let bytes = signature.as_bytes().try_into().ok();
        let signed = bytes.and_then(|bytes| unsigned.with_secp256k1(bytes));
        return signed
            .ok_or_else(|| CliError::WrongKey(format!("{} did not sign as its scheme does", eip55(&account))));
    }
    let public_key = with_key.then(|| key.public().as_bytes().to_vec());
    let unsigned = unsigned.quantum(key.scheme(), account, public_key);
    let signature = key.sign(Purpose::Account, &unsigned.signing_hash())?;
    Ok(Transaction::Quantum(
        unsigned.with_signature(signature.as_bytes().to_vec()),
    ))
}

async fn wait(connection: &Connection, hash: H256, timeout: Duration) -> Result<Receipt, CliError> {
    let start = Instant::now();
    loop {
        if let Some(receipt) = chain::receipt(connection, hash).await? {
            return Ok(receipt);
        }
        if start.elapsed() > timeout {
            return Err(CliError::Watch(format!(
                "transaction {} was sent, and was in no block after {} s",
                hex0x(hash),
                timeout.as_secs()
            )));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Everything to tell of a transaction in a block.
fn tell(report: &mut Report, receipt: &Receipt, token: &Token) {
    let number = |text: &str| parse_quantity(text).unwrap_or_default();
    let height = u64::try_from(number(&receipt.block_number)).unwrap_or_default();
    let gas = number(&receipt.gas_used);
    let fee = gas.saturating_mul(number(&receipt.effective_gas_price));
    report
        .line("block", receipt.block_hash.clone())
        .line("height", height)
        .line(
            "index",
            u64::try_from(number(&receipt.transaction_index)).unwrap_or_default(),
        )
        .line("gas used", u64::try_from(gas).unwrap_or(u64::MAX))
        .both("fee", token.show(Balance(fee)), fee.to_string());
    if let Some(contract) = &receipt.contract_address {
        report.line("contract", contract.clone());
    }
    let logs: Vec<_> = receipt.logs.iter().map(log_text).collect();
    report
        .both("logs", logs.join("\n"), json!(receipt.logs))
        .json("success", receipt.status == "0x1");
}

/// A log's address and topics, in one line.
fn log_text(log: &Json) -> String {
    let topics = log["topics"].as_array().map(Vec::as_slice).unwrap_or_default();
    let words: Vec<_> = std::iter::once(&log["address"])
        .chain(topics)
        .filter_map(Json::as_str)
        .collect();
    words.join(" ")
}
