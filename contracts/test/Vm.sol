// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title The few of Foundry's cheat codes that tests here need
interface Vm {
    function etch(address target, bytes calldata code) external;
    function prank(address sender) external;
    function deal(address who, uint256 balance) external;
    function warp(uint256 timestamp) external;
    function chainId(uint256 id) external;
    function expectRevert(bytes calldata reason) external;
    function expectEmit() external;
}

/// @dev Where Foundry has them.
Vm constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);
