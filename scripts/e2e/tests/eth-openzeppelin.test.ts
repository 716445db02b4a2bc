// OpenZeppelin's contracts: ERC-20 with an EIP-712 permit, ERC-721, ERC-1155, AccessControl, Governor, an upgradeable
// proxy; and contracts at addresses that are the same on every chain.

import assert from 'node:assert/strict';
import { before, it } from 'node:test';
import {
  concat,
  encodeDeployData,
  getAddress,
  getContractAddress,
  type Hex,
  keccak256,
  pad,
  parseSignature,
  stringToHex,
  zeroAddress,
} from 'viem';
import { CHAIN_ID, type Contract, ETHER, ethereumSuite } from '../lib/ethereum.ts';
import { compile } from '../lib/solidity.ts';

const { BoxV1, BoxV2, Coin, Goods, Item, Proxy, Senate, Treasury } = compile('solidity/Tokens.sol');

/** Arachnid's deterministic deployment proxy: a transaction without chain id by a key that nobody has. */
const DEPLOYER = {
  from: '0x3fab184622dc19b6109349b94811493bf2a45362',
  address: '0x4e59b44847b379578588920ca78fbf26c0b4956c',
  transaction:
    '0xf8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf31ba02222222222222222222222222222222222222222222222222222222222222222a02222222222222222222222222222222222222222222222222222222222222222',
} as const;

ethereumSuite(import.meta.filename, (ethereum) => {
  let coin: Contract;
  const [owner, friend, third] = [5, 6, 7].map((index) => () => ethereum().account(index)) as [() => any, () => any, () => any];

  before(async () => {
    coin = await ethereum().deploy(Coin!, [1_000n * ETHER], { who: owner() });
  });

  it('ERC-20: transfers, allowances, errors', async () => {
    const receipt = await coin.write('transfer', [friend().address, ETHER], { who: owner() });
    assert.deepEqual(coin.events(receipt, 'Transfer'), [{ from: owner().address, to: friend().address, value: ETHER }]);
    await coin.write('approve', [third().address, 5n], { who: friend() });
    await coin.write('transferFrom', [friend().address, third().address, 4n], { who: third() });
    assert.equal(await coin.read('balanceOf', third().address), 4n);
    assert.equal(await coin.read('allowance', friend().address, third().address), 1n);
    await assert.rejects(
      coin.write('transferFrom', [friend().address, third().address, 2n], { who: third() }),
      /ERC20InsufficientAllowance/,
    );
    assert.deepEqual(
      await Promise.all(['name', 'symbol', 'decimals', 'totalSupply'].map((name) => coin.read(name))),
      ['Coin', 'COIN', 18, 1_000n * ETHER],
    );
  });

  it('ERC-20: a permit by EIP-712 signature', async () => {
    const deadline = 2n ** 40n;
    const signature = parseSignature(
      await owner().signTypedData({
        domain: { name: 'Coin', version: '1', chainId: CHAIN_ID, verifyingContract: coin.address },
        primaryType: 'Permit',
        types: {
          Permit: ['address owner', 'address spender', 'uint256 value', 'uint256 nonce', 'uint256 deadline']
            .map((field) => field.split(' '))
            .map(([type, name]) => ({ type: type!, name: name! })),
        },
        message: { owner: owner().address, spender: third().address, value: 9n, nonce: 0n, deadline },
      }),
    );
    const { v, r, s } = signature;
    await coin.write('permit', [owner().address, third().address, 9n, deadline, Number(v), r, s], { who: third() });
    assert.equal(await coin.read('allowance', owner().address, third().address), 9n);
    assert.equal(await coin.read('nonces', owner().address), 1n);
  });

  it('ERC-721: mints, approves, moves, refuses', async () => {
    const item = await ethereum().deploy(Item!, [], { who: owner() });
    await item.write('mint', [owner().address, 7n, 'ipfs://seven'], { who: owner() });
    await item.write('approve', [friend().address, 7n], { who: owner() });
    await item.write('safeTransferFrom(address,address,uint256)', [owner().address, third().address, 7n], { who: friend() });
    assert.equal(await item.read('ownerOf', 7n), third().address);
    assert.equal(await item.read('tokenURI', 7n), 'ipfs://seven');
    // To a contract that does not know what to do with it.
    await assert.rejects(
      item.write('safeTransferFrom(address,address,uint256)', [third().address, coin.address, 7n], { who: third() }),
      /ERC721InvalidReceiver/,
    );
  });

  it('ERC-1155: batches', async () => {
    const goods = await ethereum().deploy(Goods!, [[1n, 2n], [10n, 20n]], { who: owner() });
    const receipt = await goods.write('safeBatchTransferFrom', [owner().address, friend().address, [1n, 2n], [3n, 4n], '0x'], { who: owner() });
    assert.deepEqual(goods.events(receipt, 'TransferBatch')[0]?.values, [3n, 4n]);
    const accounts = [owner().address, friend().address];
    assert.deepEqual(await goods.read('balanceOfBatch', accounts, [2n, 2n]), [16n, 4n]);
  });

  it('AccessControl: grants and revokes', async () => {
    const treasury = await ethereum().deploy(Treasury!, [], { who: owner(), value: ETHER });
    const role = keccak256(stringToHex('SPENDER'));
    const spend = () => treasury.write('spend', [zeroAddress, 1n], { who: friend() });
    await assert.rejects(spend(), /AccessControlUnauthorizedAccount/);
    await treasury.write('grantRole', [role, friend().address], { who: owner() });
    await spend();
    assert.equal(await ethereum().public.getBalance({ address: treasury.address }), ETHER - 1n);
    await treasury.write('revokeRole', [role, friend().address], { who: owner() });
    await assert.rejects(spend(), /AccessControlUnauthorizedAccount/);
  });

  it('Governor: proposes, votes, executes', async () => {
    const senate = await ethereum().deploy(Senate!, [coin.address], { who: owner() });
    await coin.write('delegate', [owner().address], { who: owner() });
    await coin.write('transfer', [senate.address, 50n], { who: owner() });
    const call = [[coin.address], [0n], [coin.data('transfer', third().address, 50n)]];
    const proposed = await senate.write('propose', [...call, 'pay the third'], { who: owner() });
    const [{ proposalId, voteEnd }] = senate.events(proposed, 'ProposalCreated') as any;
    await reach(proposed.blockNumber + 2n);
    const voted = await senate.write('castVoteWithReason', [proposalId, 1, 'why not'], { who: owner() });
    assert.equal(senate.events(voted, 'VoteCast')[0]?.reason, 'why not');
    await reach(voteEnd + 1n);
    assert.equal(await senate.read('state', proposalId), 4, 'succeeded');
    const before = await coin.read<bigint>('balanceOf', third().address);
    await senate.write('execute', [...call, keccak256(stringToHex('pay the third'))], { who: friend() });
    assert.equal(await coin.read('balanceOf', third().address), before + 50n);
  });

  it('UUPS proxy: keeps its state over an upgrade that only the owner may make', async () => {
    const [one, two] = [await ethereum().deploy(BoxV1!), await ethereum().deploy(BoxV2!)];
    const proxy = await ethereum().deploy(Proxy!, [one.address, one.data('initialize', owner().address, 21n)]);
    const box = ethereum().contract(BoxV2!.abi, proxy.address);
    assert.equal(await box.read('value'), 21n);
    await assert.rejects(box.write('double', [], { who: friend() }), /revert/i);
    await assert.rejects(
      box.write('upgradeToAndCall', [two.address, '0x'], { who: friend() }),
      /OwnableUnauthorizedAccount/,
    );
    const receipt = await box.write('upgradeToAndCall', [two.address, two.data('double')], { who: owner() });
    assert.equal(box.events(receipt, 'Upgraded')[0]?.implementation, two.address);
    assert.equal(await box.read('value'), 42n);
    await assert.rejects(box.write('initialize', [friend().address, 1n], { who: friend() }), /InvalidInitialization/);
    const slot = '0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc';
    assert.equal(await ethereum().public.getStorageAt({ address: proxy.address, slot }), pad(two.address.toLowerCase() as Hex));
  });

  it('CREATE2: the deterministic deployment proxy, by its transaction without a chain id', async () => {
    const { public: client } = ethereum();
    if (!(await client.getCode({ address: DEPLOYER.address }))) {
      await ethereum().send(DEPLOYER.from, undefined, { value: ETHER / 10n });
      const hash = await client.sendRawTransaction({ serializedTransaction: DEPLOYER.transaction });
      const receipt = await ethereum().receipt(hash);
      assert.equal(receipt.contractAddress?.toLowerCase(), DEPLOYER.address);
      const sent = await client.getTransaction({ hash });
      assert.equal(sent.from.toLowerCase(), DEPLOYER.from);
      assert.equal(sent.chainId, undefined);
      assert.equal(sent.v, 27n);
    }
    const salt = pad('0x5155');
    const initcode = encodeDeployData({ ...Treasury!, args: [] });
    await ethereum().send(DEPLOYER.address, concat([salt, initcode]));
    const address = getContractAddress({ opcode: 'CREATE2', from: DEPLOYER.address, salt, bytecode: initcode });
    assert.ok((await client.getCode({ address }))!.length > 1000);
    assert.equal(getAddress(address), address);
    await assert.rejects(ethereum().send(DEPLOYER.address, concat([salt, initcode])), 'the place is taken');
  });

  /** Waits for a block; where none come by themselves, makes them with transactions. */
  async function reach(number: bigint): Promise<void> {
    while ((await ethereum().public.getBlockNumber()) < number) {
      await ethereum().send(third().address, undefined, { who: third() });
    }
  }
});
