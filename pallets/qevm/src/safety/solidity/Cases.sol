// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

// Contracts whose judgement is known. The name of each says which flags the analysis must raise, in the order of
// `tests.rs`; `Plain` means none. `compiled.json` is what solc 0.8.37 makes of them, in four ways; how: README.md.

abstract contract Token {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    string public name = "Token";
    uint8 public constant decimals = 18;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    function transfer(address to, uint256 value) external returns (bool) {
        move(msg.sender, to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        allowance[from][msg.sender] -= value;
        move(from, to, value);
        return true;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        permitted(msg.sender, spender, value);
        return true;
    }

    function permitted(address owner, address spender, uint256 value) internal {
        allowance[owner][spender] = value;
        emit Approval(owner, spender, value);
    }

    function move(address from, address to, uint256 value) internal {
        require(to != address(0), "to nobody");
        balanceOf[from] -= value;
        unchecked {
            balanceOf[to] += value;
        }
        emit Transfer(from, to, value);
    }
}

contract Plain is Token {
    address[] private owners;
    uint256[] private numbers;

    constructor() {
        balanceOf[msg.sender] = 10 ** 24;
    }

    function several(address[] calldata to, uint256[] calldata values) external {
        require(to.length == values.length, "lengths differ");
        for (uint256 i = 0; i < to.length; ++i) {
            move(msg.sender, to[i], values[i]);
            owners.push(to[i]);
        }
    }

    function sorted(uint256[] memory all) external returns (uint256[] memory) {
        for (uint256 i = 1; i < all.length; ++i) {
            for (uint256 j = i; j > 0 && all[j - 1] > all[j]; --j) (all[j - 1], all[j]) = (all[j], all[j - 1]);
        }
        numbers = all;
        return all;
    }

    function hashes(bytes calldata data) external view returns (bytes32, bytes32, bytes20) {
        return (keccak256(data), sha256(data), ripemd160(abi.encode(data, block.timestamp)));
    }
}

contract Ecrecover is Token {
    mapping(address => uint256) public nonces;

    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        require(block.timestamp <= deadline, "too late");
        bytes32 inner = keccak256(abi.encode(owner, spender, value, nonces[owner]++, deadline));
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", domain(), inner));
        require(recovered(digest, v, r, s) == owner, "not the owner");
        permitted(owner, spender, value);
    }

    function domain() public view returns (bytes32) {
        return keccak256(abi.encode(keccak256(bytes(name)), block.chainid, address(this)));
    }

    function recovered(bytes32 digest, uint8 v, bytes32 r, bytes32 s) private pure returns (address) {
        require(uint256(s) <= 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0, "high s");
        return ecrecover(digest, v, r, s);
    }
}

library Signatures {
    function recover(bytes32 digest, bytes memory signature) internal pure returns (address signer) {
        if (signature.length != 65) return address(0);
        bytes32 r;
        bytes32 s;
        uint8 v;
        assembly {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
            v := byte(0, mload(add(signature, 0x60)))
        }
        signer = ecrecover(digest, v, r, s);
    }
}

contract Ecrecover_UnknownCalls {
    using Signatures for bytes32;

    mapping(address => bool) private isOwner;
    uint256 private threshold;
    uint256 private nonce;

    function execute(address to, uint256 value, bytes calldata data, bytes[] calldata signatures) external {
        bytes32 digest = keccak256(abi.encode(to, value, data, nonce++, block.chainid));
        address last;
        uint256 count;
        for (uint256 i = 0; i < signatures.length; ++i) {
            address signer = digest.recover(signatures[i]);
            require(signer > last && isOwner[signer], "who is that");
            last = signer;
            ++count;
        }
        require(count >= threshold, "too few");
        (bool done, bytes memory answer) = to.call{value: value}(data);
        require(done, string(answer));
    }
}

contract Secp256r1 {
    function verify(bytes32 hash, bytes32 r, bytes32 s, bytes32 x, bytes32 y) external view returns (bool) {
        (bool done, bytes memory answer) = address(0x100).staticcall(abi.encode(hash, r, s, x, y));
        return done && answer.length == 32 && abi.decode(answer, (uint256)) == 1;
    }
}

contract Pairing {
    function holds(uint256[12] memory input) external view returns (bool) {
        uint256[1] memory answer;
        bool done;
        assembly {
            done := staticcall(gas(), 8, input, 384, answer, 32)
        }
        return done && answer[0] == 1;
    }
}

contract Pairing_Bls {
    address private constant BLS = address(0x0f);

    function holds(bytes calldata input) external view returns (bool) {
        (bool done, bytes memory answer) = BLS.staticcall(input);
        return done && abi.decode(answer, (bool));
    }
}

contract Kzg {
    function holds(bytes calldata input) external view returns (bool done) {
        (done,) = address(10).staticcall(input);
    }
}

contract Selfdestruct {
    address payable private immutable owner = payable(msg.sender);

    function end() external {
        require(msg.sender == owner);
        selfdestruct(owner);
    }
}

contract DelegatecallToStorage_UnknownCalls {
    address private implementation;
    bool private locked;

    constructor(address first) {
        implementation = first;
    }

    function upgrade(address next) external {
        require(!locked);
        implementation = next;
    }

    fallback() external payable {
        (bool done, bytes memory answer) = implementation.delegatecall(msg.data);
        require(done);
        assembly {
            return(add(answer, 32), mload(answer))
        }
    }
}

interface IThing {
    function act(uint256 value) external returns (uint256);
}

contract UnknownCalls {
    IThing[] private things;

    function add(IThing thing) external {
        things.push(thing);
    }

    function act() external returns (uint256 sum) {
        for (uint256 i = 0; i < things.length; ++i) sum += things[i].act(i);
    }
}

contract Plain_PostQuantum {
    function verify(bytes calldata input) external view returns (bool) {
        (bool done, bytes memory answer) = address(0x5103).staticcall(input);
        return done && abi.decode(answer, (uint256)) == 1;
    }
}
