export { quids } from './chain.ts';
export { devPair, ethereumPair, TEST_MNEMONIC } from './dev.ts';
export { blake3_256, deriveKey, quantumResistantHash } from './hash.ts';
export { QuidsPair, verify, type SigningKey } from './pair.ts';
export { papiSigner, type PapiSigner, type PapiSignerOptions } from './papi.ts';
export { provePossession, tagged } from './possession.ts';
export { accountAddress, encodeSignature, Scheme } from './scheme.ts';
export { QuidsSigner, type KeyPolicy, type SignerApi } from './signer.ts';
export {
  QUANTUM_TRANSACTION_TYPE, quantumAccount, quantumSigningPayload, signingHash, signQuantumTransaction,
  type QuantumTransactionFields, type QuantumTransactionOptions, type SignedQuantumTransaction,
} from './transaction.ts';
