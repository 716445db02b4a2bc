// What Hardhat's tests do with a node: deploy, expect errors, read events, move time, take snapshots, go back.

const assert = require('node:assert/strict');
const { ethers, network } = require('hardhat');

const DAY_S = 86_400;
const send = (method, ...params) => network.provider.send(method, params);

describe('Vault', () => {
  let owner, other, vault, start;

  beforeEach(async () => {
    [owner, other] = await ethers.getSigners();
    start = await send('evm_snapshot');
    const { timestamp } = await ethers.provider.getBlock('latest');
    vault = await ethers.deployContract('Vault', [timestamp + DAY_S], { value: 5n });
    await vault.waitForDeployment();
  });

  afterEach(async () => {
    assert.equal(await send('evm_revert', start), true);
  });

  it('pays once its time has come', async () => {
    await assert.rejects(vault.withdraw.staticCall(), /Locked|revert/);
    await assert.rejects(vault.connect(other).withdraw.staticCall(), /not the owner/);
    await send('evm_increaseTime', DAY_S + 1);
    await send('evm_mine');
    const receipt = await (await vault.withdraw()).wait();
    const [event] = await vault.queryFilter(vault.filters.Withdrawn(), receipt.blockNumber);
    assert.equal(event.args.amount, 5n);
    assert.equal(await ethers.provider.getBalance(vault), 0n);
  });

  it('is as before after going back', async () => {
    const [balance, number] = [await ethers.provider.getBalance(other), await ethers.provider.getBlockNumber()];
    const snapshot = await send('evm_snapshot');
    const transaction = await owner.sendTransaction({ to: other, value: 7n });
    await transaction.wait();
    assert.equal(await ethers.provider.getBalance(other), balance + 7n);
    assert.equal(await send('evm_revert', snapshot), true);
    assert.equal(await ethers.provider.getBalance(other), balance);
    assert.equal(await ethers.provider.getTransactionReceipt(transaction.hash), null);
    assert.ok((await ethers.provider.getBlockNumber()) >= number);
    assert.equal(await send('evm_revert', snapshot), false, 'a snapshot is good once');
    // And the chain goes on.
    await (await owner.sendTransaction({ to: other, value: 1n })).wait();
    assert.equal(await ethers.provider.getBalance(other), balance + 1n);
  });

  it('mines, and sets balances and times', async () => {
    const number = await ethers.provider.getBlockNumber();
    await send('hardhat_mine', '0x3');
    assert.ok((await ethers.provider.getBlockNumber()) >= number + 3);
    const nobody = '0x00000000000000000000000000000000000051ab';
    await send('hardhat_setBalance', nobody, '0x1234');
    assert.equal(await ethers.provider.getBalance(nobody), 0x1234n);
    const { timestamp } = await ethers.provider.getBlock('latest');
    await send('evm_setNextBlockTimestamp', timestamp + 1000);
    await send('evm_mine');
    assert.ok((await ethers.provider.getBlock('latest')).timestamp >= timestamp + 1000);
  });
});
