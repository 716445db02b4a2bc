// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Calls of the runtime, from contracts
/// @notice A precompile at 0x5111. Only calls that the runtime's allow-list names can be asked for; everything else reverts.
interface IDispatch {
    /// @notice A call was asked for.
    /// @param caller Who asked, and as whom it is made.
    /// @param call The call, SCALE-encoded.
    event CallRequested(address indexed caller, bytes call);

    /// @notice Asks that a call of the runtime be made as signed by the caller, after this transaction's execution and only
    /// if that is not reverted. Costs the gas that weighs what the call declares.
    /// @dev The call's own failure does not revert this transaction: the event `Qevm.CallDispatched` tells. Reverts in
    /// static calls, by `delegatecall` and `callcode`, with a value, and for what is no call or is not open to contracts.
    /// @param call Pallet index, call index and arguments as the chain's metadata has them, SCALE-encoded; at most 16384
    /// bytes.
    function dispatch(bytes calldata call) external;

    /// @notice What `dispatch` charges for a call, beside the fixed part and its log. Reverts as `dispatch` does for what
    /// cannot be asked for.
    function dispatchGas(bytes calldata call) external view returns (uint256);
}
