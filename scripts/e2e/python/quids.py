"""py-substrate-interface for Quids: BLAKE3 for transactions, keys that sign with ML-DSA-87, the key sent along once.

    substrate = QuidsSubstrate(url='ws://127.0.0.1:9944')
    call = substrate.compose_call('Balances', 'transfer_allow_death', {'dest': '0x…', 'value': 10**18})
    extrinsic = substrate.create_signed_extrinsic(call, QuidsKeypair.from_seed(seed))
    receipt = substrate.submit_extrinsic(extrinsic, wait_for_finalization=True)
"""

import copy
import os
from typing import Optional

from blake3 import blake3
from dilithium_py.ml_dsa import ML_DSA_87
from eth_utils import to_checksum_address
from scalecodec.base import ScaleBytes
from scalecodec.types import GenericExtrinsic
from substrateinterface import Keypair, SubstrateInterface

# Key derivation contexts of BLAKE3: accounts (primitives/crypto), development keys (client/keystore).
ACCOUNT_CONTEXT = 'quids 2026 account v1'
DEV_CONTEXT = 'quids dev account v1'

# Index of ML-DSA-87 in the chain's signature enum, and lengths in bytes (FIPS 204).
ML_DSA_87_TAG = 0
SIGNATURE_LEN = 4627


def account_of(public_key: bytes) -> bytes:
    """The 20-byte account of an ML-DSA-87 key."""
    hasher = blake3(derive_key_context=ACCOUNT_CONTEXT)
    return hasher.update(bytes([ML_DSA_87_TAG]) + public_key).digest()[:20]


class QuidsKeypair(Keypair):
    """An ML-DSA-87 key pair and the account it signs for.

    What py-substrate-interface calls `public_key` is what it puts into the transaction as its sender: here the account.
    The key itself is `ml_dsa_key`. `sign` gives what a transaction carries, `sign_message` the bare signature.
    """

    def __init__(self, ml_dsa_key: bytes, secret: bytes, account: Optional[bytes] = None):
        """`account`: for one whose key was rotated, and so is not the one that the key derives."""
        # Not the parent's constructor: it knows keys of 20 and 32 bytes only.
        self.ml_dsa_key = ml_dsa_key
        self._secret = secret
        self.public_key = account or account_of(ml_dsa_key)
        self.ss58_address = to_checksum_address(self.public_key)
        self.carries_key = True
        # Unused: `QuidsExtrinsic` takes the scheme from the signature.
        self.crypto_type = None
        self.private_key = self.seed_hex = self.mnemonic = self.derive_path = self.ss58_format = None

    @classmethod
    def from_seed(cls, seed: bytes, account: Optional[bytes] = None) -> 'QuidsKeypair':
        """From the 32-byte seed of FIPS 204: the same key in every library."""
        public, secret = ML_DSA_87.key_derive(seed)
        return cls(public, secret, account)

    @classmethod
    def generate(cls) -> 'QuidsKeypair':
        return cls.from_seed(os.urandom(32))

    @classmethod
    def dev(cls, name: str) -> 'QuidsKeypair':
        """A development account: its key is public knowledge."""
        return cls.from_seed(blake3(name.lower().encode(), derive_key_context=DEV_CONTEXT).digest())

    def carrying(self, carries_key: bool) -> 'QuidsKeypair':
        """The same, sending its key along or not."""
        other = copy.copy(self)
        other.carries_key = carries_key
        return other

    def sign_message(self, message: bytes) -> bytes:
        """A detached signature, 4627 bytes: pure ML-DSA, hedged, empty context."""
        return ML_DSA_87.sign(self._secret, message, ctx=b'')

    def sign(self, data) -> bytes:
        """What a signed transaction carries, in SCALE: tag, then the key unless it is bound, then the signature."""
        return self._carried(self.sign_message(bytes(data.data if isinstance(data, ScaleBytes) else data)))

    def placeholder(self) -> bytes:
        """As long as what `sign` gives."""
        return self._carried(bytes(SIGNATURE_LEN))

    def verify(self, data, signature: bytes) -> bool:
        """Whether `signature` is a bare one of this key over `data`."""
        return ML_DSA_87.verify(self.ml_dsa_key, bytes(data), signature, ctx=b'')

    def _carried(self, signature: bytes) -> bytes:
        key = b'\x01' + _scale_bytes(self.ml_dsa_key) if self.carries_key else b'\x00'
        return bytes([ML_DSA_87_TAG]) + key + _scale_bytes(signature)

    def __repr__(self) -> str:
        return f'<QuidsKeypair (address={self.ss58_address})>'


class QuidsExtrinsic(GenericExtrinsic):
    """A transaction named by the BLAKE3 of its bytes, whose signature comes encoded."""

    @property
    def extrinsic_hash(self) -> bytes:
        return blake3(bytes(self.data.data)).digest()

    def process_encode(self, value):
        # py-substrate-interface hands over the bare bytes and would wrap them in a `MultiSignature`.
        if value.pop('signature_version', None) is not None or isinstance(value.get('signature'), str):
            encoded = ScaleBytes(value['signature'])
            value['signature'] = self.runtime_config.create_scale_object('ExtrinsicSignature', encoded).decode()
        return super().process_encode(value)


# Answers of runtime APIs are decoded by py-substrate-interface's own table, which has nonces of 32 bits.
TYPES = {'types': {'Extrinsic': QuidsExtrinsic.__name__, 'Index': 'u64'}}


class QuidsSubstrate(SubstrateInterface):
    """A connection to a Quids chain."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, type_registry=TYPES, **kwargs)

    def is_bound(self, account: str) -> bool:
        """Whether the chain holds a key for the account."""
        return self.query('System', 'Keys', [account]).value is not None

    def create_signed_extrinsic(self, call, keypair, *args, **kwargs):
        """As the parent's. A `QuidsKeypair` sends its key along until the chain holds one for the account."""
        return super().create_signed_extrinsic(call, self._informed(keypair), *args, **kwargs)

    def get_payment_info(self, call, keypair):
        """The fee of a transaction by this key pair, as the parent's."""
        signature = self._informed(keypair).placeholder()
        extrinsic = super().create_signed_extrinsic(call, keypair, signature=signature)
        length = self.runtime_config.create_scale_object('u32')
        length.encode(len(extrinsic.data))
        return self.runtime_call('TransactionPaymentApi', 'query_info', [extrinsic, length]).value

    def _informed(self, keypair):
        if not isinstance(keypair, QuidsKeypair):
            raise TypeError(f'a QuidsKeypair is needed, not {type(keypair).__name__}')
        return keypair.carrying(not self.is_bound(keypair.ss58_address))


def _scale_bytes(data: bytes) -> bytes:
    """`Vec<u8>` of 64 to 16383 bytes."""
    if not 64 <= len(data) < 1 << 14:
        raise ValueError(f'{len(data)} bytes are outside 64..16384')
    return (len(data) << 2 | 1).to_bytes(2, 'little') + data
