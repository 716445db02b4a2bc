"""py-substrate-interface against a node: what a script or an indexer in Python does first.

usage: python scenario.py -v     (environment: QUIDS_BIN, the node to start; QUIDS_E2E_LOGS, a folder for its log)
"""

import json
import os
import socket
import subprocess
import tempfile
import time
import unittest

from blake3 import blake3
from substrateinterface import SubstrateInterface
from substrateinterface.exceptions import SubstrateRequestException

from quids import QuidsKeypair, QuidsSubstrate

UNIT = 10**18
ENDOWMENT = 1_000_000 * UNIT
BLOCK_MS = 500
START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 5

BINARY = os.environ.get('QUIDS_BIN', os.path.expanduser('~/.cache/quids/target/debug/quids'))


class Node:
    """A development node on a free port, ended by its own process id."""

    def __init__(self):
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            self.port = taken.getsockname()[1]
        self.url = f'ws://127.0.0.1:{self.port}'
        logs = os.environ.get('QUIDS_E2E_LOGS') or tempfile.mkdtemp(prefix='quids-e2e-')
        options = ['--dev', '--tmp', '--rpc-port', str(self.port), '--block-time', str(BLOCK_MS)]
        with open(os.path.join(logs, f'python-{self.port}.log'), 'w') as log:
            self.process = subprocess.Popen([BINARY, 'run', *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        # Read by scripts/e2e/run, should this process be killed.
        with open(os.path.join(logs, 'pids'), 'a') as pids:
            pids.write(f'{self.process.pid}\n')

    def connect(self) -> QuidsSubstrate:
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f'{BINARY} ended with {self.process.returncode}')
            try:
                return QuidsSubstrate(url=self.url)
            except OSError:
                if time.monotonic() > deadline:
                    self.stop()
                    raise
                time.sleep(0.1)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def quids(*arguments: str):
    """What the command line answers, as JSON."""
    done = subprocess.run([BINARY, *arguments, '--json'], capture_output=True, text=True, timeout=30)
    return json.loads(done.stdout)


class Scenario(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node()
        cls.addClassCleanup(cls.node.stop)
        cls.chain = cls.node.connect()
        cls.addClassCleanup(cls.chain.close)

    def free(self, who, at=None) -> int:
        return self.chain.query('System', 'Account', [who], block_hash=at).value['data']['free']

    def transfer(self, to: str, amount: int):
        return self.chain.compose_call('Balances', 'transfer_allow_death', {'dest': to, 'value': amount})

    def send(self, call, pair, **options):
        extrinsic = self.chain.create_signed_extrinsic(call, pair, **options)
        return extrinsic, self.chain.submit_extrinsic(extrinsic, wait_for_finalization=True)

    def event(self, receipt, pallet: str, name: str) -> dict:
        events = [event.value for event in receipt.triggered_events]
        found = [event for event in events if (event['module_id'], event['event_id']) == (pallet, name)]
        self.assertEqual(len(found), 1, f'{pallet}.{name}: {found}')
        return found[0]['attributes']

    def test_the_chain_describes_itself(self):
        chain = self.chain
        self.assertEqual(chain.chain, 'Quids Development')
        self.assertEqual(chain.name, 'Quids Node')
        self.assertRegex(chain.version, r'^\d+\.\d+\.\d+')
        self.assertEqual((chain.token_symbol, chain.token_decimals), ('QDS', 18))
        self.assertTrue(chain.properties['isEthereum'])
        chain.init_runtime()
        self.assertEqual((chain.runtime_version, chain.transaction_version), (1, 1))
        self.assertEqual(chain.get_constant('Balances', 'ExistentialDeposit').value, 0)
        self.assertEqual(chain.get_constant('System', 'BlockHashCount').value, 4096)
        self.assertGreater(chain.get_constant('Balances', 'Fees').value['per_byte'], 0)
        pallets = {pallet['name'] for pallet in chain.get_metadata_modules()}
        self.assertLessEqual({'System', 'Timestamp', 'Balances', 'Upgrade'}, pallets)

    def test_storage_is_read_one_by_one_and_by_pages(self):
        eve = QuidsKeypair.dev('eve').ss58_address
        self.assertEqual(self.free(eve), ENDOWMENT)
        self.assertEqual(self.free('0x' + '99' * 20), 0)
        at = self.chain.get_block_hash(0)
        whole = [key.value for key, _ in self.chain.query_map('System', 'Account', block_hash=at)]
        self.assertEqual(len(set(whole)), 27)
        self.assertIn(eve.lower(), whole)
        paged = [key.value for key, _ in self.chain.query_map('System', 'Account', page_size=5, block_hash=at)]
        self.assertEqual(paged, whole)
        first = self.chain.query_map('System', 'Account', max_results=7, page_size=3, block_hash=at)
        self.assertEqual([key.value for key, _ in first][:7], whole[:7])

    def test_new_heads_come_one_after_the_other(self):
        heads = []

        def see(block, number, _subscription):
            heads.append(block['header'])
            return 'enough' if number == 3 else None

        self.assertEqual(self.chain.subscribe_block_headers(see), 'enough')
        self.assertEqual(len(heads), 4)
        for parent, child in zip(heads, heads[1:]):
            self.assertEqual(child['number'], parent['number'] + 1)
            self.assertEqual(self.chain.get_block_hash(parent['number']), child['parentHash'])

    def test_a_value_is_followed_as_it_changes(self):
        times = []

        def see(now, _number, _subscription):
            times.append(now.value)
            return 'enough' if len(times) == 3 else None

        self.chain.query('Timestamp', 'Now', subscription_handler=see)
        self.assertEqual(times, sorted(set(times)))
        self.assertEqual(len(times), 3)

    def test_blocks_are_read_whole(self):
        # As plain a connection as there is: reading needs nothing of ours.
        with SubstrateInterface(url=self.node.url) as plain:
            block = plain.get_block(block_number=2)
            self.assertEqual(block['header']['number'], 2)
            names = [extrinsic.value['call']['call_module'] for extrinsic in block['extrinsics']]
            self.assertEqual(names[0], 'Timestamp')
            logs = [log.value for log in block['header']['digest']['logs']]
            self.assertTrue(any('PreRuntime' in log for log in logs), logs)
            header = plain.get_block_header(block_hash=block['header']['hash'])
            self.assertEqual(header['header']['stateRoot'], block['header']['stateRoot'])
            finalized = plain.get_block_header(finalized_only=True)['header']['number']
            self.assertGreaterEqual(finalized, 2)

    def test_a_transfer_binds_the_key_and_the_next_one_spares_it(self):
        bob, to = QuidsKeypair.dev('bob'), '0x' + '11' * 20
        lengths = []
        for time_sent in (0, 1):
            before, given = self.free(bob.ss58_address), self.free(to)
            call = self.transfer(to, UNIT)
            estimate = self.chain.get_payment_info(call, bob)['partialFee']
            extrinsic, receipt = self.send(call, bob)
            self.assertTrue(receipt.is_success, receipt.error_message)
            self.assertTrue(receipt.finalized)
            moved = self.event(receipt, 'Balances', 'Transfer')
            self.assertEqual(moved, {'from': bob.ss58_address.lower(), 'to': to, 'amount': UNIT})
            fee = self.event(receipt, 'Balances', 'TransactionFeePaid')['actual_fee']
            self.assertEqual(fee, estimate)
            self.assertEqual(self.free(bob.ss58_address), before - UNIT - fee)
            self.assertEqual(self.free(to), given + UNIT)
            self.assertEqual(self.chain.get_account_nonce(bob.ss58_address), time_sent + 1)
            bound = [e.value['event_id'] for e in receipt.triggered_events].count('KeyBound')
            self.assertEqual(bound, 1 - time_sent)
            # Found in its block by its BLAKE3 hash, and read back as it was sent.
            self.assertEqual(receipt.extrinsic.data.data, extrinsic.data.data)
            self.assertEqual(receipt.extrinsic.value['address'], bob.ss58_address.lower())
            self.assertEqual(receipt.extrinsic_hash, '0x' + blake3(bytes(extrinsic.data.data)).hexdigest())
            # State at an old block: the parent's.
            parent = self.chain.get_block_header(block_hash=receipt.block_hash)['header']['parentHash']
            self.assertEqual(self.free(bob.ss58_address, at=parent), before)
            lengths.append(len(extrinsic.data.data))
        self.assertEqual(lengths[0] - lengths[1], 2 + len(bob.ml_dsa_key))

    def test_tip_and_mortality(self):
        dave = QuidsKeypair.dev('dave')
        _, receipt = self.send(self.transfer('0x' + '22' * 20, 1), dave, tip=UNIT, era={'period': 64})
        self.assertTrue(receipt.is_success, receipt.error_message)
        self.assertEqual(self.event(receipt, 'Balances', 'TransactionFeePaid')['tip'], UNIT)
        self.assertEqual(receipt.extrinsic.value['tip'], UNIT)
        self.assertNotEqual(receipt.extrinsic.value['era'], '00')

    def test_a_failed_call_is_named_by_its_error(self):
        charlie = QuidsKeypair.dev('charlie')
        _, receipt = self.send(self.transfer('0x' + '33' * 20, 2 * ENDOWMENT), charlie)
        self.assertFalse(receipt.is_success)
        self.assertEqual(receipt.error_message['name'], 'InsufficientBalance')
        call = self.chain.compose_call('Balances', 'force_set_balance', {'who': charlie.ss58_address, 'new_free': 1})
        _, receipt = self.send(call, charlie)
        self.assertEqual(receipt.error_message['name'], 'BadOrigin')

    def test_a_refused_transaction_is_an_error(self):
        eve = QuidsKeypair.dev('eve')
        call = self.transfer('0x' + '44' * 20, 1)
        ferdie = QuidsKeypair.from_seed(bytes(32), account=QuidsKeypair.dev('ferdie').public_key)
        signed = self.chain.create_signed_extrinsic
        # Codes of scripts/e2e/lib/refusal.ts: KeyMismatch, BadProof, Payment.
        for code, extrinsic in (
            (102, signed(call, ferdie)),
            (5, signed(call, eve, signature=eve.placeholder())),
            (2, signed(call, QuidsKeypair.generate())),
        ):
            with self.assertRaisesRegex(SubstrateRequestException, f'code {code}: .'):
                self.chain.submit_extrinsic(extrinsic)
        self.assertEqual(self.chain.get_account_nonce(eve.ss58_address), 0)

    def test_keys_and_signatures_are_those_of_the_command_line(self):
        alice, message = QuidsKeypair.dev('alice'), 'a message'
        shown = quids('key', 'inspect', 'alice')
        self.assertEqual(shown['public_key'], '0x' + alice.ml_dsa_key.hex())
        self.assertEqual(shown['address'], alice.ss58_address)
        theirs = quids('key', 'sign', '--key', 'alice', message)['signature']
        self.assertTrue(alice.verify(message.encode(), bytes.fromhex(theirs[2:])))
        self.assertFalse(alice.verify(b'another', bytes.fromhex(theirs[2:])))
        ours, key = alice.sign_message(message.encode()).hex(), alice.ml_dsa_key.hex()
        verify = ['key', 'verify', '--scheme', 'ml-dsa-87', '--public-key', key, '--signature', ours]
        self.assertTrue(quids(*verify, message)['valid'])
        self.assertFalse(quids(*verify, 'another')['valid'])


if __name__ == '__main__':
    unittest.main()
