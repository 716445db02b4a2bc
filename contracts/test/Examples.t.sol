// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IQuantumSafe} from "../src/IQuantumSafe.sol";
import {QuantumSafe} from "../src/QuantumSafe.sol";
import {Notary} from "../src/examples/Notary.sol";
import {QuantumMultisig} from "../src/examples/QuantumMultisig.sol";
import {QuantumPermitToken} from "../src/examples/QuantumPermitToken.sol";
import {MockHash, MockQuantumSafe, MockVerifier} from "./MockQuantumSafe.sol";
import {vm} from "./Vm.sol";

/// @dev Puts stand-ins where a Quids chain has its precompiles.
abstract contract WithPrecompiles {
    MockQuantumSafe internal constant MOCK = MockQuantumSafe(address(QuantumSafe.PRECOMPILE));

    function setUp() public virtual {
        vm.etch(address(QuantumSafe.PRECOMPILE), address(new MockQuantumSafe()).code);
        vm.etch(QuantumSafe.BLAKE3, address(new MockHash(1)).code);
        vm.etch(QuantumSafe.HASH_512, address(new MockHash(2)).code);
        vm.etch(QuantumSafe.FALCON_512, address(new MockVerifier()).code);
    }
}

contract QuantumSafeTest is WithPrecompiles {
    function repeated(bytes1 value, uint256 length) private pure returns (bytes memory out) {
        out = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            out[i] = value;
        }
    }

    function testKeySignatureAndMessageReachTheVerifierInOrder() external view {
        assert(QuantumSafe.verifyFalcon512(repeated(0x01, 897), repeated(0x02, 666), repeated(0x03, 5)));
        assert(!QuantumSafe.verifyFalcon512(repeated(0x02, 897), repeated(0x01, 666), repeated(0x03, 5)));
    }

    function testALengthThatIsOffIsFalseAndMovesNoBytes() external view {
        assert(!QuantumSafe.verifyFalcon512(repeated(0x01, 896), repeated(0x02, 667), repeated(0x03, 5)));
        assert(!QuantumSafe.verifyFalcon512(repeated(0x01, 897), repeated(0x02, 665), repeated(0x03, 5)));
        assert(!QuantumSafe.verifyMlDsa44("", "", ""));
        assert(!QuantumSafe.verifyMlDsa65("", "", ""));
        assert(!QuantumSafe.verifyMlDsa87("", "", ""));
        assert(!QuantumSafe.verifySphincs256f("", "", ""));
    }

    function missing() external view {
        QuantumSafe.verifyMlDsa87(new bytes(2592), new bytes(4627), "");
    }

    function testAChainWithoutThePrecompileIsAnError() external {
        vm.expectRevert(abi.encodeWithSelector(QuantumSafe.QuantumSafeMissing.selector, QuantumSafe.ML_DSA_87));
        this.missing();
    }

    function testMessagesDifferByChainContractPurposeAndContentAndAreLong() external {
        bytes memory content = abi.encode(uint256(1));
        bytes memory message = QuantumSafe.signable("a", content);
        assert(message.length > 256);
        assert(keccak256(message) != keccak256(QuantumSafe.signable("b", content)));
        assert(keccak256(message) != keccak256(QuantumSafe.signable("a", abi.encode(uint256(2)))));
        vm.chainId(block.chainid + 1);
        assert(keccak256(message) != keccak256(QuantumSafe.signable("a", content)));
    }
}

contract MultisigTest is WithPrecompiles {
    QuantumMultisig private wallet;
    address private constant A = address(0xa1);
    address private constant B = address(0xb2);
    address private constant C = address(0xc3);
    address private constant STRANGER = address(0xd4);

    function setUp() public override {
        super.setUp();
        wallet = new QuantumMultisig(list(A, B, C), 2);
        vm.deal(address(wallet), 10 ether);
    }

    function list(address one, address two) private pure returns (address[] memory out) {
        out = new address[](2);
        (out[0], out[1]) = (one, two);
    }

    function list(address one, address two, address three) private pure returns (address[] memory out) {
        out = new address[](3);
        (out[0], out[1], out[2]) = (one, two, three);
    }

    function signed(address[] memory signers, uint256 nonce, address to, uint256 value, bytes memory data)
        private
        view
        returns (bytes[] memory out)
    {
        out = new bytes[](signers.length);
        for (uint256 i = 0; i < signers.length; ++i) {
            out[i] = MOCK.sign(signers[i], wallet.signable(nonce, to, value, data));
        }
    }

    function testEnoughOwnersMoveFundsAndASignatureIsGoodOnce() external {
        bytes[] memory signatures = signed(list(A, C), 0, STRANGER, 1 ether, "");
        wallet.execute(STRANGER, 1 ether, "", list(A, C), signatures);
        assert(STRANGER.balance == 1 ether && wallet.nonce() == 1);
        vm.expectRevert(abi.encodeWithSelector(QuantumMultisig.BadSignature.selector, A));
        wallet.execute(STRANGER, 1 ether, "", list(A, C), signatures);
    }

    function testRefusesTooFewStrangersDoublesAndChangedCalls() external {
        address[] memory one = new address[](1);
        one[0] = A;
        bytes[] memory signatures = signed(one, 0, STRANGER, 1, "");
        vm.expectRevert(abi.encodeWithSelector(QuantumMultisig.TooFewSignatures.selector, 1, 2));
        wallet.execute(STRANGER, 1, "", one, signatures);

        signatures = signed(list(A, A), 0, STRANGER, 1, "");
        vm.expectRevert(abi.encodeWithSelector(QuantumMultisig.SignersOutOfOrder.selector, A, A));
        wallet.execute(STRANGER, 1, "", list(A, A), signatures);

        signatures = signed(list(A, STRANGER), 0, STRANGER, 1, "");
        vm.expectRevert(abi.encodeWithSelector(QuantumMultisig.NotOwner.selector, STRANGER));
        wallet.execute(STRANGER, 1, "", list(A, STRANGER), signatures);

        signatures = signed(list(A, B), 0, STRANGER, 1, "");
        vm.expectRevert(abi.encodeWithSelector(QuantumMultisig.BadSignature.selector, A));
        wallet.execute(STRANGER, 2, "", list(A, B), signatures);
    }

    function testOwnersChangeOnlyByTheWalletItself() external {
        bytes memory data = abi.encodeCall(QuantumMultisig.setOwners, (list(B, STRANGER), 1));
        vm.expectRevert(abi.encodeWithSelector(QuantumMultisig.OnlyItself.selector, address(this)));
        wallet.setOwners(list(B, STRANGER), 1);
        bytes[] memory signatures = signed(list(A, B), 0, address(wallet), 0, data);
        wallet.execute(address(wallet), 0, data, list(A, B), signatures);
        assert(!wallet.isOwner(A) && wallet.isOwner(B) && wallet.isOwner(STRANGER) && wallet.threshold() == 1);
    }

    function testTheCalleesReasonComesThrough() external {
        bytes memory data = abi.encodeCall(QuantumMultisig.setOwners, (list(B, B), 1));
        bytes[] memory signatures = signed(list(A, B), 0, address(wallet), 0, data);
        vm.expectRevert(abi.encodeWithSelector(QuantumMultisig.BadOwner.selector, B));
        wallet.execute(address(wallet), 0, data, list(A, B), signatures);
    }

    function testConstructorRefusesBadOwnersAndThresholds() external {
        vm.expectRevert(abi.encodeWithSelector(QuantumMultisig.BadThreshold.selector, 0, 2));
        new QuantumMultisig(list(A, B), 0);
        vm.expectRevert(abi.encodeWithSelector(QuantumMultisig.BadThreshold.selector, 3, 2));
        new QuantumMultisig(list(A, B), 3);
        vm.expectRevert(abi.encodeWithSelector(QuantumMultisig.BadOwner.selector, A));
        new QuantumMultisig(list(A, A), 1);
    }
}

contract PermitTest is WithPrecompiles {
    QuantumPermitToken private token;
    address private constant SPENDER = address(0x5e);

    function setUp() public override {
        super.setUp();
        token = new QuantumPermitToken("Quantum", "QNT", 1000);
    }

    function testAPermitSetsTheAllowanceOnce() external {
        bytes memory signature = MOCK.sign(address(this), token.signable(address(this), SPENDER, 7, block.timestamp));
        token.permit(address(this), SPENDER, 7, block.timestamp, signature);
        assert(token.allowance(address(this), SPENDER) == 7 && token.nonces(address(this)) == 1);
        vm.expectRevert(abi.encodeWithSelector(QuantumPermitToken.BadPermit.selector, address(this)));
        token.permit(address(this), SPENDER, 7, block.timestamp, signature);
    }

    function testRefusesExpiredAndForeignPermits() external {
        vm.warp(1000);
        bytes memory signature = MOCK.sign(address(this), token.signable(address(this), SPENDER, 7, 999));
        vm.expectRevert(abi.encodeWithSelector(QuantumPermitToken.PermitExpired.selector, 999));
        token.permit(address(this), SPENDER, 7, 999, signature);
        signature = MOCK.sign(SPENDER, token.signable(address(this), SPENDER, 7, 1000));
        vm.expectRevert(abi.encodeWithSelector(QuantumPermitToken.BadPermit.selector, address(this)));
        token.permit(address(this), SPENDER, 7, 1000, signature);
    }
}

contract NotaryTest is WithPrecompiles {
    Notary private notary;
    bytes private key;

    function setUp() public override {
        super.setUp();
        notary = new Notary();
        key = abi.encodePacked(QuantumSafe.SCHEME_FALCON_512, new bytes(897));
    }

    function testRegistersOnceAndAsksForACertificateOnce() external {
        (bytes32 high, bytes32 low, bytes memory message) = notary.signable("a deed");
        vm.expectRevert(abi.encodeWithSelector(Notary.NotRegistered.selector, high, low));
        notary.certify(high, low);
        bytes memory signature = MOCK.signWith(key, message);
        notary.register(high, low, key, signature);
        Notary.Entry memory entry = notary.find(high, low);
        assert(entry.time == block.timestamp && entry.author == keccak256(key) && entry.request == 0);
        vm.expectRevert(abi.encodeWithSelector(Notary.AlreadyRegistered.selector, high, low));
        notary.register(high, low, key, signature);

        (uint8 status,) = notary.certificate(high, low);
        assert(status == QuantumSafe.UNKNOWN);
        bytes32 request = notary.certify(high, low);
        (status,) = notary.certificate(high, low);
        assert(status == QuantumSafe.PENDING);
        vm.expectRevert(abi.encodeWithSelector(Notary.AlreadyRequested.selector, request));
        notary.certify(high, low);
    }

    function testRefusesAKeyCutElsewhereAndAForeignSignature() external {
        (bytes32 high, bytes32 low, bytes memory message) = notary.signable("a deed");
        bytes memory signature = MOCK.signWith(key, message);
        bytes memory cut = abi.encodePacked(key, signature[0]);
        vm.expectRevert(abi.encodeWithSelector(Notary.BadSignature.selector));
        notary.register(high, low, cut, signature);
        signature = MOCK.signWith(key, "another");
        vm.expectRevert(abi.encodeWithSelector(Notary.BadSignature.selector));
        notary.register(high, low, key, signature);
    }
}
