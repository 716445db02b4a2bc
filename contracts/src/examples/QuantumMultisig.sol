// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {QuantumSafe} from "../QuantumSafe.sol";

/// @title A wallet of several owners with post-quantum keys
/// @notice So many of its owners sign a call away from the chain; anyone brings the signatures in and pays the gas.
/// @dev Owners are accounts with a bound key, and sign with the key that is bound when the call is executed: an owner
/// who rotates a key remains an owner, and the old key is worth nothing. An account gets its key bound by its first
/// transaction or by `system.bindKey`.
contract QuantumMultisig {
    /// @dev Bounds what one call may cost. A Falcon-512 signature takes about 0.7 kB, ML-DSA-87 4.6 kB.
    uint256 public constant OWNERS_MAX = 16;
    bytes32 private constant PURPOSE =
        keccak256("QuantumMultisig.execute(uint256 nonce,address to,uint256 value,bytes data)");

    address[] private _owners;
    mapping(address => bool) public isOwner;
    /// @notice How many owners must sign.
    uint256 public threshold;
    /// @notice The number of calls so far; each signature is for one.
    uint256 public nonce;

    event Deposited(address indexed from, uint256 value);
    event Executed(uint256 indexed nonce, address indexed to, uint256 value, bytes data);
    event OwnersChanged(address[] owners, uint256 threshold);

    error BadThreshold(uint256 threshold, uint256 owners);
    error BadOwner(address owner);
    error NotOwner(address signer);
    error SignersOutOfOrder(address before, address then);
    error TooFewSignatures(uint256 given, uint256 threshold);
    error BadSignature(address signer);
    error OnlyItself(address caller);

    constructor(address[] memory owners_, uint256 threshold_) payable {
        _setOwners(owners_, threshold_);
    }

    receive() external payable {
        emit Deposited(msg.sender, msg.value);
    }

    /// @notice What owners sign for the next call, or for a later one.
    /// @param nonce_ The number of that call.
    /// @param to Who is called.
    /// @param value Wei to send along.
    /// @param data The call's input.
    function signable(uint256 nonce_, address to, uint256 value, bytes calldata data)
        public
        view
        returns (bytes memory)
    {
        return QuantumSafe.signable(PURPOSE, abi.encode(nonce_, to, value, data));
    }

    /// @notice Makes a call that enough owners have signed; reverts with the callee's reason if the call reverts.
    /// @param signers Owners in ascending order, so that none counts twice.
    /// @param signatures One each: the scheme's tag and the signature over `signable(nonce, to, value, data)`.
    /// @return What the call returned.
    function execute(
        address to,
        uint256 value,
        bytes calldata data,
        address[] calldata signers,
        bytes[] calldata signatures
    ) external returns (bytes memory) {
        if (signers.length < threshold || signatures.length != signers.length) {
            revert TooFewSignatures(signatures.length, threshold);
        }
        // Before the call: it may come back here.
        uint256 current = nonce++;
        bytes memory message = signable(current, to, value, data);
        address last = address(0);
        for (uint256 i = 0; i < signers.length; ++i) {
            address signer = signers[i];
            if (signer <= last) revert SignersOutOfOrder(last, signer);
            if (!isOwner[signer]) revert NotOwner(signer);
            if (!QuantumSafe.verify(signer, message, signatures[i])) revert BadSignature(signer);
            last = signer;
        }
        emit Executed(current, to, value, data);
        (bool success, bytes memory output) = to.call{value: value}(data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(output, 32), mload(output))
            }
        }
        return output;
    }

    /// @notice Replaces owners and threshold. Only by a call of the wallet to itself.
    function setOwners(address[] calldata owners_, uint256 threshold_) external {
        if (msg.sender != address(this)) revert OnlyItself(msg.sender);
        for (uint256 i = 0; i < _owners.length; ++i) {
            isOwner[_owners[i]] = false;
        }
        _setOwners(owners_, threshold_);
    }

    /// @notice All owners.
    function owners() external view returns (address[] memory) {
        return _owners;
    }

    function _setOwners(address[] memory owners_, uint256 threshold_) private {
        if (threshold_ == 0 || threshold_ > owners_.length || owners_.length > OWNERS_MAX) {
            revert BadThreshold(threshold_, owners_.length);
        }
        for (uint256 i = 0; i < owners_.length; ++i) {
            address owner = owners_[i];
            if (owner == address(0) || isOwner[owner]) revert BadOwner(owner);
            isOwner[owner] = true;
        }
        _owners = owners_;
        threshold = threshold_;
        emit OwnersChanged(owners_, threshold_);
    }
}
