"""web3.py against a node: accounts, transactions of every type, contracts, logs, errors.

usage: python web3_scenario.py -v     (environment: QUIDS_BIN, the node to start; or QUIDS_ETH_URL, one that runs)
"""

import json
import os
import subprocess
import time
import unittest

from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from web3 import HTTPProvider, Web3
from web3.exceptions import ContractCustomError, ContractLogicError, TransactionNotFound, Web3RPCError

CHAIN_ID = 20821
ETHER = 10**18
MNEMONIC = 'test test test test test test test test test test test junk'
RECEIPT_SECONDS_MAX = 20
HERE = os.path.dirname(os.path.abspath(__file__))


def compile_probe():
    """ABI and bytecode of solidity/Probe.sol, by the compiler from npm."""
    with open(os.path.join(HERE, '../solidity/Probe.sol')) as source:
        request = {
            'language': 'Solidity',
            'sources': {'Probe.sol': {'content': source.read()}},
            'settings': {
                'optimizer': {'enabled': True},
                'evmVersion': 'prague',
                'outputSelection': {'*': {'*': ['abi', 'evm.bytecode.object']}},
            },
        }
    solc = [os.path.join(HERE, '../bin/solc'), '--standard-json']
    answer = subprocess.run(solc, input=json.dumps(request), capture_output=True, text=True, check=True, timeout=120)
    probe = json.loads(answer.stdout)['contracts']['Probe.sol']['Probe']
    return probe['abi'], probe['evm']['bytecode']['object']


class Web3Scenario(unittest.TestCase):
    node = None

    @classmethod
    def setUpClass(cls):
        url = os.environ.get('QUIDS_ETH_URL')
        if url is None:
            from scenario import Node

            cls.node = Node()
            cls.addClassCleanup(cls.node.stop)
            cls.node.connect().close()
            url = cls.node.url.replace('ws', 'http', 1)
        cls.w3 = Web3(HTTPProvider(url, request_kwargs={'timeout': 20}))
        Account.enable_unaudited_hdwallet_features()
        cls.account = Account.from_mnemonic(MNEMONIC, account_path="m/44'/60'/0'/0/7")
        abi, code = compile_probe()
        receipt = cls.send(cls.w3.eth.contract(abi=abi, bytecode=code).constructor(5))
        cls.probe = cls.w3.eth.contract(address=receipt['contractAddress'], abi=abi)

    @classmethod
    def send(cls, call, **fields):
        """Signs and sends a call of a contract; the receipt."""
        base = {'from': cls.account.address, 'nonce': cls.w3.eth.get_transaction_count(cls.account.address)}
        return cls.submit(call.build_transaction({**base, 'chainId': CHAIN_ID, **fields}))

    @classmethod
    def submit(cls, transaction):
        signed = cls.account.sign_transaction(transaction)
        sent = cls.w3.eth.send_raw_transaction(signed.raw_transaction)
        return cls.w3.eth.wait_for_transaction_receipt(sent, timeout=RECEIPT_SECONDS_MAX, poll_latency=0.05)

    def test_reads_the_chain(self):
        self.assertTrue(self.w3.is_connected())
        self.assertEqual(self.w3.eth.chain_id, CHAIN_ID)
        self.assertEqual(self.w3.net.version, str(CHAIN_ID))
        self.assertGreater(self.w3.eth.get_balance(self.account.address), ETHER)
        block = self.w3.eth.get_block('latest', full_transactions=True)
        self.assertEqual(self.w3.eth.get_block(block['hash'])['number'], block['number'])
        history = self.w3.eth.fee_history(2, 'latest', [50])
        self.assertEqual(len(history['baseFeePerGas']), len(history['gasUsedRatio']) + 1)
        self.assertGreaterEqual(self.w3.eth.gas_price, 0)
        with self.assertRaises(TransactionNotFound):
            self.w3.eth.get_transaction('0x' + '12' * 32)

    def test_sends_every_type_and_decodes_events(self):
        price = self.w3.eth.gas_price * 2
        access = [{'address': self.probe.address, 'storageKeys': ['0x' + '00' * 32]}]
        for fields in ({'gasPrice': price}, {'gasPrice': price, 'accessList': access}, {}):
            before = self.probe.functions.count().call()
            receipt = self.send(self.probe.functions.increment('web3.py'), value=1, **fields)
            self.assertEqual(receipt['status'], 1)
            (event,) = self.probe.events.Counted().process_receipt(receipt)
            self.assertEqual(event['args'], {'who': self.account.address, 'count': before + 1, 'note': 'web3.py'})
            transaction = self.w3.eth.get_transaction(receipt['transactionHash'])
            self.assertEqual(transaction['from'], self.account.address)
            self.assertEqual(self.probe.functions.count().call(block_identifier=receipt['blockNumber'] - 1), before)

    def test_lets_the_node_sign(self):
        who = self.w3.eth.accounts[8]
        sent = self.probe.functions.increment('the node signs').transact({'from': who})
        receipt = self.w3.eth.wait_for_transaction_receipt(sent, timeout=RECEIPT_SECONDS_MAX, poll_latency=0.05)
        self.assertEqual((receipt['status'], receipt['from']), (1, who))
        signature = self.w3.eth.sign(who, text='hello')
        self.assertEqual(Account.recover_message(encode_defunct(text='hello'), signature=signature), who)

    def test_filters_logs(self):
        watched = self.probe.events.Numbered.create_filter(from_block='latest', argument_filters={'number': [901, 902]})
        receipt = self.send(self.probe.functions.emitMany(900, 4))
        found = self.probe.events.Numbered.get_logs(from_block=receipt['blockNumber'], to_block=receipt['blockNumber'])
        self.assertEqual([log['args']['number'] for log in found], [900, 901, 902, 903])
        self.assertEqual([log['args']['number'] for log in watched.get_new_entries()], [901, 902])
        self.assertEqual(watched.get_new_entries(), [])
        self.w3.eth.uninstall_filter(watched.filter_id)

    def test_names_errors(self):
        with self.assertRaises(ContractCustomError) as custom:
            self.probe.functions.failCustom(11).call()
        self.assertIn('6073b21f', str(custom.exception))
        with self.assertRaisesRegex(ContractLogicError, 'for a reason'):
            self.probe.functions.failText().call()
        nonce = self.w3.eth.get_transaction_count(self.account.address)
        price = self.w3.eth.gas_price * 2
        fees = {'maxFeePerGas': price, 'maxPriorityFeePerGas': price // 2}
        fields = {'to': self.account.address, 'value': 1, 'gas': 21_000, 'chainId': CHAIN_ID, **fees}
        for changes, words in (
            ({'nonce': nonce - 1}, '(?i)nonce too low'),
            ({'nonce': nonce, 'value': 2**100}, '(?i)insufficient funds'),
            ({'nonce': nonce, 'gas': 20_000}, '(?i)intrinsic gas too low'),
            ({'nonce': nonce, 'chainId': 1}, '(?i)chain.?id'),
        ):
            with self.subTest(words), self.assertRaisesRegex(Web3RPCError, words):
                self.submit({**fields, **changes})

    def test_waits_for_blocks(self):
        start = self.w3.eth.block_number
        self.submit({
            'to': self.account.address,
            'value': 1,
            'gas': 21_000,
            'gasPrice': self.w3.eth.gas_price * 2,
            'nonce': self.w3.eth.get_transaction_count(self.account.address),
            'chainId': CHAIN_ID,
        })
        deadline = time.monotonic() + RECEIPT_SECONDS_MAX
        while self.w3.eth.block_number == start:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_signs_typed_data_that_contracts_can_check(self):
        signed = self.account.sign_message(encode_typed_data(
            {'name': 'Probe', 'version': '1', 'chainId': CHAIN_ID, 'verifyingContract': self.probe.address},
            {'Note': [{'name': 'text', 'type': 'string'}]},
            {'text': 'hello'},
        ))
        recover = '0x' + '00' * 19 + '01'
        data = signed.message_hash + signed.v.to_bytes(32) + signed.r.to_bytes(32) + signed.s.to_bytes(32)
        answer = self.w3.eth.call({'to': recover, 'data': data})
        self.assertEqual(Web3.to_checksum_address(answer[12:]), self.account.address)


if __name__ == '__main__':
    unittest.main()
