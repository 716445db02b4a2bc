// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IQuantumSafe} from "../src/IQuantumSafe.sol";

/// @title Stands in for the precompile where there is none
/// @dev "Signatures" are the keccak-256 of who signs and what, so the logic around them can be tested, they cannot.
contract MockQuantumSafe is IQuantumSafe {
    mapping(bytes32 handle => uint8 status) private _status;

    /// @dev By an account: tag 0 and a hash over account and message.
    function sign(address signer, bytes calldata message) public pure returns (bytes memory) {
        return abi.encodePacked(uint8(0), keccak256(abi.encode(signer, message)));
    }

    /// @dev With a key: any bytes before a hash over them and the message.
    function signWith(bytes calldata key, bytes calldata message) public pure returns (bytes memory) {
        return abi.encodePacked(keccak256(abi.encode(key, message)));
    }

    function qVerify(bytes calldata message, bytes calldata signature) external pure returns (bool) {
        if (signature.length < 32) return false;
        uint256 cut = signature.length - 32;
        return keccak256(signWith(signature[:cut], message)) == keccak256(signature[cut:]);
    }

    function qVerify(address signer, bytes calldata message, bytes calldata signature) external pure returns (bool) {
        return keccak256(sign(signer, message)) == keccak256(signature);
    }

    function qHash(bytes calldata message) external pure returns (bytes32) {
        return keccak256(message);
    }

    function qHash512(bytes calldata message) external pure returns (bytes32, bytes32) {
        return (keccak256(message), keccak256(abi.encode(keccak256(message))));
    }

    function qSign(bytes calldata message) external returns (bytes32 handle) {
        handle = keccak256(abi.encode(msg.sender, message));
        _status[handle] = 1;
        emit SigningRequested(handle, msg.sender, message);
    }

    function qSignature(bytes32 handle) external view returns (uint8, bytes memory) {
        return (_status[handle], "");
    }
}

/// @dev A hash precompile of 32 or 64 bytes, by immutable length.
contract MockHash {
    uint256 private immutable _words;

    constructor(uint256 words) {
        _words = words;
    }

    fallback(bytes calldata input) external returns (bytes memory) {
        bytes32 first = keccak256(input);
        return _words == 1 ? abi.encode(first) : abi.encode(first, keccak256(abi.encode(first)));
    }
}

/// @dev A verifier that reports what it got: good if key, signature and message are the bytes 1, 2 and 3 repeated.
contract MockVerifier {
    fallback(bytes calldata input) external returns (bytes memory) {
        uint256 ones;
        uint256 twos;
        while (ones < input.length && input[ones] == 0x01) ++ones;
        while (ones + twos < input.length && input[ones + twos] == 0x02) ++twos;
        bool good = ones > 0 && twos > 0 && ones + twos < input.length;
        for (uint256 i = ones + twos; i < input.length; ++i) {
            good = good && input[i] == 0x03;
        }
        return abi.encode(good);
    }
}
