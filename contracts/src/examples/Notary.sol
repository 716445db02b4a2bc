// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {QuantumSafe} from "../QuantumSafe.sol";

/// @title A register of documents with their authors' post-quantum signatures
/// @notice Proves later that a document existed at a time, and whose key had signed it. The validators may be asked to
/// certify an entry, which then can be shown to someone who does not follow the chain.
contract Notary {
    struct Entry {
        /// Seconds since 1970; 0 for no entry.
        uint64 time;
        /// BLAKE3-256 of the scheme's tag and public key.
        bytes32 author;
        /// Of the request to certify it; 0 for none.
        bytes32 request;
    }

    bytes32 private constant AUTHORSHIP = keccak256("Notary.register(bytes32 high,bytes32 low)");
    bytes32 private constant CERTIFICATE =
        keccak256("Notary.certify(bytes32 high,bytes32 low,uint64 time,bytes32 author)");

    /// @dev By the document's quantum-resistant hash.
    mapping(bytes32 high => mapping(bytes32 low => Entry)) private _entries;

    event Registered(bytes32 indexed high, bytes32 indexed low, bytes32 indexed author);
    event CertificateRequested(bytes32 indexed high, bytes32 indexed low, bytes32 request);

    error AlreadyRegistered(bytes32 high, bytes32 low);
    error NotRegistered(bytes32 high, bytes32 low);
    error AlreadyRequested(bytes32 request);
    error BadSignature();

    /// @notice What the author of a document signs.
    /// @param document Its bytes; only this view needs them, and it may be asked of one's own node.
    /// @return high First half of the document's quantum-resistant hash.
    /// @return low Second half.
    /// @return message To be signed.
    function signable(bytes calldata document) external view returns (bytes32 high, bytes32 low, bytes memory message) {
        (high, low) = QuantumSafe.hash512(document);
        message = QuantumSafe.signable(AUTHORSHIP, abi.encode(high, low));
    }

    /// @notice Enters a document by its hash. The first signature that arrives makes the entry.
    /// @param publicKey The scheme's tag, one byte, and the author's public key.
    /// @param signature The author's signature over `signable(document)`.
    function register(bytes32 high, bytes32 low, bytes calldata publicKey, bytes calldata signature) external {
        Entry storage entry = _entries[high][low];
        if (entry.time != 0) revert AlreadyRegistered(high, low);
        bytes memory message = QuantumSafe.signable(AUTHORSHIP, abi.encode(high, low));
        // `verify` wants exact lengths in sum; a key cut at another place would verify the same bytes but name another
        // author, so the key's length is checked here.
        if (publicKey.length != _keyLength(publicKey)) revert BadSignature();
        if (!QuantumSafe.verify(message, bytes.concat(publicKey, signature))) revert BadSignature();
        entry.time = uint64(block.timestamp);
        entry.author = QuantumSafe.blake3(publicKey);
        emit Registered(high, low, entry.author);
    }

    /// @notice The entry of a document.
    function find(bytes32 high, bytes32 low) public view returns (Entry memory entry) {
        entry = _entries[high][low];
        if (entry.time == 0) revert NotRegistered(high, low);
    }

    /// @notice Asks the validators to sign an entry, once.
    function certify(bytes32 high, bytes32 low) external returns (bytes32 request) {
        Entry memory entry = find(high, low);
        if (entry.request != 0) revert AlreadyRequested(entry.request);
        request = QuantumSafe.PRECOMPILE.qSign(
            QuantumSafe.signable(CERTIFICATE, abi.encode(high, low, entry.time, entry.author))
        );
        _entries[high][low].request = request;
        emit CertificateRequested(high, low, request);
    }

    /// @notice The validators' answer.
    /// @return status 0 not asked for, 1 pending, 2 signed.
    function certificate(bytes32 high, bytes32 low) external view returns (uint8 status, bytes memory signatures) {
        return QuantumSafe.PRECOMPILE.qSignature(find(high, low).request);
    }

    /// @dev Of a key with its tag; 0 for an unknown scheme.
    function _keyLength(bytes calldata publicKey) private pure returns (uint256) {
        if (publicKey.length == 0) return 0;
        uint8 scheme = uint8(publicKey[0]);
        if (scheme == QuantumSafe.SCHEME_ML_DSA_87) return 1 + 2592;
        if (scheme == QuantumSafe.SCHEME_FALCON_512) return 1 + 897;
        if (scheme == QuantumSafe.SCHEME_SPHINCS_256F) return 1 + 64;
        return 0;
    }
}
