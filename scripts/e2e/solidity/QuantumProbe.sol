// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {QuantumSafe} from "@quids/contracts/src/QuantumSafe.sol";

/// @title Every function of the library, for tests
contract QuantumProbe {
    function mlDsa44(bytes calldata key, bytes calldata signature, bytes calldata message) external view returns (bool) {
        return QuantumSafe.verifyMlDsa44(key, signature, message);
    }

    function mlDsa65(bytes calldata key, bytes calldata signature, bytes calldata message) external view returns (bool) {
        return QuantumSafe.verifyMlDsa65(key, signature, message);
    }

    function mlDsa87(bytes calldata key, bytes calldata signature, bytes calldata message) external view returns (bool) {
        return QuantumSafe.verifyMlDsa87(key, signature, message);
    }

    function falcon512(bytes calldata key, bytes calldata signature, bytes calldata message)
        external
        view
        returns (bool)
    {
        return QuantumSafe.verifyFalcon512(key, signature, message);
    }

    function sphincs256f(bytes calldata key, bytes calldata signature, bytes calldata message)
        external
        view
        returns (bool)
    {
        return QuantumSafe.verifySphincs256f(key, signature, message);
    }

    function blake3(bytes calldata message) external view returns (bytes32) {
        return QuantumSafe.blake3(message);
    }

    function hash512(bytes calldata message) external view returns (bytes32, bytes32) {
        return QuantumSafe.hash512(message);
    }

    function verify(bytes calldata message, bytes calldata signature) external view returns (bool) {
        return QuantumSafe.verify(message, signature);
    }

    function verifyBy(address signer, bytes calldata message, bytes calldata signature) external view returns (bool) {
        return QuantumSafe.verify(signer, message, signature);
    }

    function sign(bytes calldata message) external returns (bytes32) {
        return QuantumSafe.PRECOMPILE.qSign(message);
    }

    function signByDelegation(bytes calldata message) external returns (bool success) {
        (success,) = address(QuantumSafe.PRECOMPILE).delegatecall(
            abi.encodeCall(QuantumSafe.PRECOMPILE.qSign, (message))
        );
    }

    function signStatically(bytes calldata message) external view returns (bool success) {
        (success,) =
            address(QuantumSafe.PRECOMPILE).staticcall(abi.encodeCall(QuantumSafe.PRECOMPILE.qSign, (message)));
    }

    function status(bytes32 handle) external view returns (uint8, bytes memory) {
        return QuantumSafe.PRECOMPILE.qSignature(handle);
    }
}
