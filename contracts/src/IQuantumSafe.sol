// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Post-quantum cryptography of a Quids chain
/// @notice A precompile: every Quids chain has it at 0x5110, and `QuantumSafe.PRECOMPILE` names it. Its functions never
/// revert for a bad signature or key: they return false.
/// @dev Signature schemes have these tags: 0 ML-DSA-87, 1 Falcon-512 (round 3, padded), 3 SPHINCS+ (SHAKE-256f).
interface IQuantumSafe {
    /// @notice A contract asked the validators to sign a message.
    /// @param handle Names the request from then on; see `qSignature`.
    /// @param requester The contract that asked.
    /// @param message What is to be signed.
    event SigningRequested(bytes32 indexed handle, address indexed requester, bytes message);

    /// @notice Whether a signature that carries its own key is good.
    /// @param message What was signed, of any length.
    /// @param signature The scheme's tag, one byte; the public key; the signature. Each of its scheme's exact length.
    /// @return Whether that key signed that message. Whose key it is, is the caller's question.
    function qVerify(bytes calldata message, bytes calldata signature) external view returns (bool);

    /// @notice Whether an account signed a message with the key that is bound to it now.
    /// @param signer The account. A rotation of its key changes the answer.
    /// @param message What was signed, of any length.
    /// @param signature The scheme's tag, one byte; the signature, of its scheme's exact length.
    /// @return False also if no key is bound to the account, or one of another scheme.
    function qVerify(address signer, bytes calldata message, bytes calldata signature) external view returns (bool);

    /// @notice BLAKE3-256.
    function qHash(bytes calldata message) external view returns (bytes32);

    /// @notice The quantum-resistant hash, 64 bytes in two words: it holds while either BLAKE3 or SHA-3 holds.
    /// @dev Domain `quids 2026 evm qhash512 v1`.
    function qHash512(bytes calldata message) external view returns (bytes32, bytes32);

    /// @notice Asks the validators to sign a message in the calling contract's name.
    /// @dev Emits `SigningRequested`. Reverts in a static call and by delegatecall, so that no contract asks in
    /// another's name; and for a message of more than 8192 bytes. The committee of the next block signs, mostly within a few
    /// blocks. Costs 680 000 gas, for the certificate that the chain keeps. A request that finds 256 others waiting, or that a
    /// quorum did not sign within 600 blocks, is never signed: ask again.
    /// @param message What is to be signed.
    /// @return handle Names the request.
    function qSign(bytes calldata message) external returns (bytes32 handle);

    /// @notice What became of a request.
    /// @param handle As `qSign` returned it.
    /// @dev Costs 64 gas a word of the certificate beside 2600.
    /// @return status 0 unknown, or not signed within 600 blocks; 1 pending; 2 signed, for good.
    /// @return certificate The validators' signatures once signed, else empty. The chain has verified it, so a contract on it need
    /// not. It is SCALE: the height whose committee signed, 4 bytes little-endian; the number of signatures, compact; for each the
    /// seat, 2 bytes little-endian, the scheme's tag, the signature's length, compact, and the signature. Each is over
    /// "quids/qsign/v1", the genesis hash, that height (4 bytes), the chain's id (8 bytes, little-endian), the requester (20), the
    /// handle (32) and the BLAKE3-256 of the message.
    function qSignature(bytes32 handle) external view returns (uint8 status, bytes memory certificate);
}
