// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {GovernorCountingSimple} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721URIStorage} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721URIStorage.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

/// @title ERC-20 with EIP-2612 permits and votes
contract Coin is ERC20, ERC20Permit, ERC20Votes {
    constructor(uint256 supply) ERC20("Coin", "COIN") ERC20Permit("Coin") {
        _mint(msg.sender, supply);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }

    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }
}

/// @title ERC-721
contract Item is ERC721URIStorage {
    constructor() ERC721("Item", "ITEM") {}

    function mint(address to, uint256 id, string calldata uri) external {
        _safeMint(to, id);
        _setTokenURI(id, uri);
    }
}

/// @title ERC-1155
contract Goods is ERC1155 {
    constructor(uint256[] memory ids, uint256[] memory amounts) ERC1155("ipfs://{id}") {
        _mintBatch(msg.sender, ids, amounts, "");
    }
}

/// @title AccessControl
contract Treasury is AccessControl {
    bytes32 public constant SPENDER = keccak256("SPENDER");

    constructor() payable {
        _grantRole(DEFAULT_ADMIN_ROLE, msg.sender);
    }

    receive() external payable {}

    function spend(address payable to, uint256 amount) external onlyRole(SPENDER) {
        to.transfer(amount);
    }
}

/// @title Governor whose votes are Coins
contract Senate is Governor, GovernorCountingSimple, GovernorVotes {
    constructor(IVotes token) Governor("Senate") GovernorVotes(token) {}

    function votingDelay() public pure override returns (uint256) {
        return 1;
    }

    function votingPeriod() public pure override returns (uint256) {
        return 4;
    }

    function quorum(uint256) public pure override returns (uint256) {
        return 1;
    }
}

/// @title Upgradeable contract, before
contract BoxV1 is OwnableUpgradeable, UUPSUpgradeable {
    uint256 public value;

    constructor() {
        _disableInitializers();
    }

    function initialize(address owner, uint256 value_) external initializer {
        __Ownable_init(owner);
        value = value_;
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}
}

/// @title Upgradeable contract, after
contract BoxV2 is BoxV1 {
    function double() external {
        value *= 2;
    }
}

/// @title The proxy, under a name of its own
contract Proxy is ERC1967Proxy {
    constructor(address implementation, bytes memory data) ERC1967Proxy(implementation, data) {}
}
