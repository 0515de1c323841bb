// The official Safe API kit against the Transaction Service that the tests of `ballast safe` talk to.
// SERVICE_URL and API_KEY name the service, RPC_URL, SAFE and CONTRACTS the chain's contracts, PROPOSED what `ballast` proposed there.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import SafeApiKit from "@safe-global/api-kit";
import Safe from "@safe-global/protocol-kit";
import { createWalletClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";

function environment(name) {
  const value = process.env[name];
  assert.ok(value, `${name} must be set`);
  return value;
}

describe("the service through @safe-global/api-kit", () => {
  const safe = environment("SAFE");
  const api = new SafeApiKit({ chainId: 31337n, txServiceUrl: environment("SERVICE_URL"), apiKey: environment("API_KEY") });
  const kitOf = (signer) =>
    Safe.init({
      provider: environment("RPC_URL"),
      signer,
      safeAddress: safe,
      contractNetworks: { 31337: JSON.parse(environment("CONTRACTS")) },
    });
  const owners = [environment("OWNER_KEY"), environment("SECOND_KEY")];

  test("it shows what ballast proposed", async () => {
    const shown = await api.getTransaction(environment("PROPOSED"));
    assert.equal(shown.safe, safe);
    assert.equal(shown.confirmations.length, 1);
    const kit = await kitOf();
    assert.equal(await kit.getTransactionHash(await kit.toSafeTransactionType(shown)), environment("PROPOSED"));
    const pending = await api.getPendingTransactions(safe);
    assert.ok(pending.results.some((one) => one.safeTxHash === environment("PROPOSED")));
  });

  test("it takes a proposal and a confirmation of the kit's", async () => {
    const nonce = await api.getNextNonce(safe);
    const kit = await kitOf(owners[0]);
    const call = { to: safe, value: "0", data: "0x" };
    const transaction = await kit.createTransaction({ transactions: [call], options: { nonce: Number(nonce) } });
    const safeTxHash = await kit.getTransactionHash(transaction);
    const signature = (await kit.signHash(safeTxHash)).data;
    const propose = (changes) =>
      api.proposeTransaction({
        safeAddress: safe,
        safeTransactionData: transaction.data,
        safeTxHash,
        senderAddress: privateKeyToAccount(owners[0]).address,
        senderSignature: signature,
        ...changes,
      });
    await assert.rejects(propose({ safeTxHash: `0x${"11".repeat(32)}` }), /does not match/);
    await assert.rejects(propose({ senderAddress: privateKeyToAccount(owners[1]).address }), /does not match sender/);
    await propose({});
    const second = await kitOf(owners[1]);
    await api.confirmTransaction(safeTxHash, (await second.signHash(safeTxHash)).data);
    const { results } = await api.getTransactionConfirmations(safeTxHash);
    assert.deepEqual(
      results.map((one) => one.owner).sort(),
      owners.map((key) => privateKeyToAccount(key).address).sort(),
    );
    assert.equal(await api.getNextNonce(safe), String(Number(nonce) + 1));
  });

  test("it registers a delegate", async () => {
    const owner = privateKeyToAccount(owners[0]);
    await api.addSafeDelegate({
      safeAddress: safe,
      delegateAddress: environment("DELEGATE"),
      delegatorAddress: owner.address,
      signer: createWalletClient({ account: owner, chain: foundry, transport: http(environment("RPC_URL")) }),
      label: "keeper",
    });
  });
});
