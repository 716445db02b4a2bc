// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {QuantumSafe} from "../QuantumSafe.sol";

/// @title An ERC-20 token whose holders approve by a post-quantum signature
/// @notice EIP-2612's `permit` for accounts with a bound post-quantum key: the holder signs, anyone submits.
contract QuantumPermitToken is ERC20 {
    bytes32 private constant PURPOSE = keccak256(
        "QuantumPermitToken.permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
    );

    /// @notice How many permits of an account were used; each signature is for one.
    mapping(address => uint256) public nonces;

    error PermitExpired(uint256 deadline);
    error BadPermit(address owner);

    constructor(string memory name_, string memory symbol_, uint256 supply) ERC20(name_, symbol_) {
        _mint(msg.sender, supply);
    }

    /// @notice What the owner signs to approve the spender once, with the account's present nonce.
    /// @param deadline The last second at which the permit may be used.
    function signable(address owner, address spender, uint256 value, uint256 deadline)
        public
        view
        returns (bytes memory)
    {
        return QuantumSafe.signable(PURPOSE, abi.encode(owner, spender, value, nonces[owner], deadline));
    }

    /// @notice Sets the spender's allowance as the owner signed it.
    /// @param signature The scheme's tag and the signature over `signable(..)` by the key bound to the owner.
    function permit(address owner, address spender, uint256 value, uint256 deadline, bytes calldata signature)
        external
    {
        if (block.timestamp > deadline) revert PermitExpired(deadline);
        if (!QuantumSafe.verify(owner, signable(owner, spender, value, deadline), signature)) revert BadPermit(owner);
        ++nonces[owner];
        _approve(owner, spender, value);
    }
}
