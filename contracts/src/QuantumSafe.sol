// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IQuantumSafe} from "./IQuantumSafe.sol";

/// @title Typed access to the post-quantum precompiles of a Quids chain
/// @notice The verifiers of single schemes take key, signature and message apart and check their lengths: the
/// precompiles read them joined, so a length that is off would move bytes from one to the next.
/// @dev All of it is `internal`: nothing to deploy or link. On a chain without the precompiles it reverts with
/// `QuantumSafeMissing`, where the bare call would succeed and return nothing.
library QuantumSafe {
    /// @dev Verifiers by scheme: input is public key ‖ signature ‖ message, output a word, 1 or 0 (EIP-8355's layout).
    address internal constant ML_DSA_44 = 0x0000000000000000000000000000000000005101;
    address internal constant ML_DSA_65 = 0x0000000000000000000000000000000000005102;
    address internal constant ML_DSA_87 = 0x0000000000000000000000000000000000005103;
    address internal constant FALCON_512 = 0x0000000000000000000000000000000000005104;
    address internal constant SPHINCS_256F = 0x0000000000000000000000000000000000005105;
    /// @dev Any bytes in, 32 bytes out.
    address internal constant BLAKE3 = 0x0000000000000000000000000000000000005106;
    /// @dev Any bytes in, 64 bytes out.
    address internal constant HASH_512 = 0x0000000000000000000000000000000000005107;
    IQuantumSafe internal constant PRECOMPILE = IQuantumSafe(0x0000000000000000000000000000000000005110);

    /// @dev Tags of the schemes that accounts may use.
    uint8 internal constant SCHEME_ML_DSA_87 = 0;
    uint8 internal constant SCHEME_FALCON_512 = 1;
    uint8 internal constant SCHEME_SPHINCS_256F = 3;

    /// @dev `qSignature`'s status. A request that was not signed in time is unknown again.
    uint8 internal constant UNKNOWN = 0;
    uint8 internal constant PENDING = 1;
    uint8 internal constant SIGNED = 2;

    /// @dev Starts every message that a contract has its users sign; see `signable`.
    string internal constant MESSAGE_V1 = "Quids contract message, v1";

    /// @notice The chain does not answer as a Quids chain would at this address.
    error QuantumSafeMissing(address precompile);

    /// @notice FIPS 204, level 2: key 1312 bytes, signature 2420, empty context.
    function verifyMlDsa44(bytes memory publicKey, bytes memory signature, bytes memory message)
        internal
        view
        returns (bool)
    {
        if (publicKey.length != 1312 || signature.length != 2420) return false;
        return _verify(ML_DSA_44, publicKey, signature, message);
    }

    /// @notice FIPS 204, level 3: key 1952 bytes, signature 3309, empty context.
    function verifyMlDsa65(bytes memory publicKey, bytes memory signature, bytes memory message)
        internal
        view
        returns (bool)
    {
        if (publicKey.length != 1952 || signature.length != 3309) return false;
        return _verify(ML_DSA_65, publicKey, signature, message);
    }

    /// @notice FIPS 204, level 5: key 2592 bytes, signature 4627, empty context.
    function verifyMlDsa87(bytes memory publicKey, bytes memory signature, bytes memory message)
        internal
        view
        returns (bool)
    {
        if (publicKey.length != 2592 || signature.length != 4627) return false;
        return _verify(ML_DSA_87, publicKey, signature, message);
    }

    /// @notice Falcon-512 of round 3: key 897 bytes, signature padded to 666.
    function verifyFalcon512(bytes memory publicKey, bytes memory signature, bytes memory message)
        internal
        view
        returns (bool)
    {
        if (publicKey.length != 897 || signature.length != 666) return false;
        return _verify(FALCON_512, publicKey, signature, message);
    }

    /// @notice SPHINCS+-SHAKE-256f-simple: key 64 bytes, signature 49 856.
    function verifySphincs256f(bytes memory publicKey, bytes memory signature, bytes memory message)
        internal
        view
        returns (bool)
    {
        if (publicKey.length != 64 || signature.length != 49856) return false;
        return _verify(SPHINCS_256F, publicKey, signature, message);
    }

    /// @notice Whether a signature that carries its own key is good: `IQuantumSafe.qVerify(bytes,bytes)`.
    function verify(bytes memory message, bytes memory signature) internal view returns (bool) {
        return PRECOMPILE.qVerify(message, signature);
    }

    /// @notice Whether an account signed with the key bound to it: `IQuantumSafe.qVerify(address,bytes,bytes)`.
    function verify(address signer, bytes memory message, bytes memory signature) internal view returns (bool) {
        return PRECOMPILE.qVerify(signer, message, signature);
    }

    /// @notice BLAKE3-256.
    function blake3(bytes memory message) internal view returns (bytes32 digest) {
        digest = abi.decode(_call(BLAKE3, message, 32), (bytes32));
    }

    /// @notice The quantum-resistant hash; see `IQuantumSafe.qHash512`.
    function hash512(bytes memory message) internal view returns (bytes32 high, bytes32 low) {
        (high, low) = abi.decode(_call(HASH_512, message, 64), (bytes32, bytes32));
    }

    /// @notice What a contract should have its users sign: good for one purpose, of one contract, on one chain.
    /// @dev An account's key also signs its transactions, as 64 bytes (type 0x71) or up to 256 bytes (SCALE). This is
    /// longer, at least 288 bytes with one word of content, so that none of these can ever be the other.
    /// @param purpose The keccak-256 of a sentence that says what the signature does and what `content` holds.
    /// @param content The ABI encoding of it. Put a nonce or an expiry in, or the signature is good for ever.
    function signable(bytes32 purpose, bytes memory content) internal view returns (bytes memory) {
        assert(content.length >= 32);
        return abi.encode(MESSAGE_V1, purpose, block.chainid, address(this), content);
    }

    function _verify(address precompile, bytes memory publicKey, bytes memory signature, bytes memory message)
        private
        view
        returns (bool)
    {
        return abi.decode(_call(precompile, bytes.concat(publicKey, signature, message), 32), (uint256)) == 1;
    }

    function _call(address precompile, bytes memory input, uint256 length) private view returns (bytes memory) {
        (bool success, bytes memory output) = precompile.staticcall(input);
        if (!success || output.length != length) revert QuantumSafeMissing(precompile);
        return output;
    }
}
