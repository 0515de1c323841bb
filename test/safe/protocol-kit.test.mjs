// The official Safe protocol kit against what `ballast safe` computes and signs, on a real Safe 1.4.1.
// RPC_URL, SAFE and CONTRACTS (the kit's contract addresses, JSON) name the chain's contracts; the other variables are each test's.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import Safe, { EthSafeSignature } from "@safe-global/protocol-kit";

const CHAIN_ID = 31337;

function environment(name) {
  const value = process.env[name];
  assert.ok(value, `${name} must be set`);
  return value;
}

const read = (name) => JSON.parse(readFileSync(environment(name), "utf8"));
const kitOf = (signer) =>
  Safe.init({
    provider: environment("RPC_URL"),
    signer,
    safeAddress: environment("SAFE"),
    contractNetworks: { [CHAIN_ID]: JSON.parse(environment("CONTRACTS")) },
  });
const built = (kit, { calls, nonce }) => kit.createTransaction({ transactions: calls, onlyCalls: true, options: { nonce } });

describe("ballast safe through @safe-global/protocol-kit", () => {
  test("the kit computes the same safeTxHash for every transaction", { skip: !process.env.VECTORS }, async () => {
    const kit = await kitOf();
    const vectors = read("VECTORS");
    assert.equal(vectors.length, 100);
    let batches = 0;
    for (const vector of vectors) {
      assert.equal(await kit.getTransactionHash(await built(kit, vector)), vector.safeTxHash);
      batches += vector.calls.length > 1;
    }
    assert.ok(batches > 20 && batches < 100, `${batches} batches`);
  });

  test("the kit signs a proposal", { skip: !process.env.SIGNATURES }, async () => {
    const kit = await kitOf(environment("OWNER_KEY"));
    const { calls, transaction, safeTxHash } = read("PROPOSAL");
    const unsigned = await built(kit, { calls, nonce: Number(transaction.nonce) });
    assert.equal(await kit.getTransactionHash(unsigned), safeTxHash);
    const typed = (await kit.signTransaction(unsigned)).encodedSignatures();
    const message = (await kit.signTransaction(unsigned, "eth_sign")).encodedSignatures();
    writeFileSync(environment("SIGNATURES"), JSON.stringify({ typed, message }));
  });

  test("the kit executes a proposal with the signatures in it", { skip: !process.env.EXECUTE }, async () => {
    const kit = await kitOf(environment("SENDER_KEY"));
    const { calls, transaction, safeTxHash, signatures } = read("PROPOSAL");
    const signed = await built(kit, { calls, nonce: Number(transaction.nonce) });
    for (const { owner, kind, signature } of signatures) {
      signed.addSignature(new EthSafeSignature(owner, signature, kind === "contract"));
    }
    assert.ok(await kit.isValidTransaction(signed), "the kit's simulation");
    assert.equal(await kit.getTransactionHash(signed), safeTxHash);
    const nonce = await kit.getNonce();
    const { hash } = await kit.executeTransaction(signed);
    await kit.getSafeProvider().getExternalProvider().waitForTransactionReceipt({ hash, pollingInterval: 100 });
    assert.equal(await kit.getNonce(), nonce + 1);
  });
});
