//! `quids evm call`.

use super::{
    super::{Amount, CliError, connection::Connection, output::Report},
    NodeArgs,
    chain::{self, CallRequest},
};
use quids_core::AccountId20;

/// Runs the call on the state after `block` and prints what it returns.
pub async fn run(
    node: &NodeArgs,
    from: Option<AccountId20>,
    to: AccountId20,
    value: &Amount,
    data: &[u8],
    block: &str,
) -> Result<(), CliError> {
    let connection = Connection::open(&node.rpc).await?;
    let call = CallRequest {
        from,
        to: Some(to),
        value: connection.token().await?.read(value)?,
        data,
        quantum: None,
    };
    let output = chain::call(&connection, &call, block).await?;
    Report::default().line("output", output).print(node.json);
    Ok(())
}
