// A Hardhat 2 project as anyone would write it for a Quids node, but for the compiler: that is the one from npm, since
// Hardhat downloads its own.

const { subtask } = require('hardhat/config');
const { TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD } = require('hardhat/builtin-tasks/task-names');
require('@nomicfoundation/hardhat-ethers');

const { version } = require('solc/package.json');
const out = process.env.QUIDS_HARDHAT_OUT;

subtask(TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD, async () => ({
  version,
  longVersion: require('solc').version(),
  compilerPath: require.resolve('solc/soljson.js'),
  isSolcJs: true,
}));

module.exports = {
  solidity: { version, settings: { optimizer: { enabled: true }, evmVersion: 'prague' } },
  defaultNetwork: 'quids',
  networks: {
    quids: {
      url: process.env.QUIDS_HARDHAT_URL ?? 'http://127.0.0.1:9944',
      chainId: 20821,
      accounts: { mnemonic: 'test test test test test test test test test test test junk' },
    },
    // As Hardhat's own localhost: the node signs.
    remote: { url: process.env.QUIDS_HARDHAT_URL ?? 'http://127.0.0.1:9944' },
  },
  paths: out ? { artifacts: `${out}/artifacts`, cache: `${out}/cache` } : {},
  mocha: { timeout: 60_000 },
};
