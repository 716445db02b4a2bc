// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Holds Ether until a time
contract Vault {
    address payable public immutable OWNER;
    uint256 public immutable UNLOCKED_FROM;

    event Withdrawn(address indexed to, uint256 amount);

    error Locked(uint256 until);

    constructor(uint256 unlockedFrom) payable {
        OWNER = payable(msg.sender);
        UNLOCKED_FROM = unlockedFrom;
    }

    function withdraw() external {
        require(msg.sender == OWNER, "not the owner");
        if (block.timestamp < UNLOCKED_FROM) revert Locked(UNLOCKED_FROM);
        emit Withdrawn(OWNER, address(this).balance);
        OWNER.transfer(address(this).balance);
    }
}
