// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title What tests of transactions, logs, errors and traces need of a contract
contract Probe {
    uint256 public count;
    mapping(address => uint256) public seen;
    uint256[] private _values;

    event Counted(address indexed who, uint256 indexed count, string note);
    event Numbered(uint256 indexed number);

    error TooMuch(uint256 given, uint256 allowed);

    constructor(uint256 start) payable {
        count = start;
    }

    receive() external payable {}

    function increment(string calldata note) external payable returns (uint256) {
        ++seen[msg.sender];
        emit Counted(msg.sender, ++count, note);
        return count;
    }

    function emitMany(uint256 from, uint256 number) external {
        for (uint256 i = 0; i < number; ++i) {
            emit Numbered(from + i);
        }
    }

    function store(uint256 number) external {
        for (uint256 i = 0; i < number; ++i) {
            _values.push(i + 1);
        }
    }

    function clear() external {
        delete _values;
    }

    function failCustom(uint256 given) external {
        count = given;
        revert TooMuch(given, 10);
    }

    function failText() external pure {
        revert("for a reason");
    }

    function failPanic(uint256 divisor) external pure returns (uint256) {
        return 1 / divisor;
    }

    function failSilently() external pure {
        assembly {
            revert(0, 0)
        }
    }

    function failInvalid() external pure {
        assembly {
            invalid()
        }
    }

    function burnAll() external view returns (uint256 n) {
        while (gasleft() > 0) ++n;
    }

    /// @dev One inner call that succeeds, one that fails and is swallowed, one static, and a creation.
    function nested(uint256 depth) external returns (uint256) {
        try this.failCustom(depth) {} catch {}
        uint256 before = Probe(payable(this)).count();
        emit Numbered(before);
        if (depth > 0) return this.nested(depth - 1);
        new Child{salt: bytes32(before)}();
        return this.increment("nested");
    }

    function pay(address payable to, uint256 amount) external payable {
        (bool success,) = to.call{value: amount}("");
        require(success, "payment failed");
    }

    function environment()
        external
        view
        returns (uint256 chainId, uint256 number, uint256 timestamp, address coinbase, uint256 gasLimit, uint256 baseFee)
    {
        return (block.chainid, block.number, block.timestamp, block.coinbase, block.gaslimit, block.basefee);
    }

    function blockHash(uint256 number) external view returns (bytes32) {
        return blockhash(number);
    }

    function hashes(bytes calldata data) external pure returns (bytes32, bytes32, bytes20, address) {
        address signer = ecrecover(keccak256(data), 27, bytes32(uint256(1)), bytes32(uint256(2)));
        return (keccak256(data), sha256(data), ripemd160(data), signer);
    }
}

/// @dev What `Probe.nested` makes.
contract Child {
    address public immutable PARENT = msg.sender;
}

/// @title Code for accounts that delegate to it (EIP-7702)
contract Batch {
    struct Call {
        address to;
        uint256 value;
        bytes data;
    }

    event Executed(address indexed account, uint256 calls);

    error OnlyItself(address caller);

    function execute(Call[] calldata calls) external payable {
        if (msg.sender != address(this)) revert OnlyItself(msg.sender);
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool success,) = calls[i].to.call{value: calls[i].value}(calls[i].data);
            require(success, "call failed");
        }
        emit Executed(address(this), calls.length);
    }

    function who() external view returns (address) {
        return address(this);
    }
}
