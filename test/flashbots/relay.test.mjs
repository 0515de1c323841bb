// The official Flashbots client library against a devnet's relay that builds a block every second or so.
// RPC_URL and RELAY_URL name the endpoints.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";

// The library is CommonJS: both must come from the same copy of ethers.
const require = createRequire(import.meta.url);
const { JsonRpcProvider, Network, Wallet, parseUnits } = require("ethers");
const { FlashbotsBundleProvider, FlashbotsBundleResolution, FlashbotsTransactionResolution } = require("@flashbots/ethers-provider-bundle");

const CHAIN_ID = 31337;
const RECEIVER = "0x00000000000000000000000000000000000000aa";
// Creation code of a contract that reverts when called.
const REVERTING = "0x600580600b6000396000f360006000fd00";
// anvil's published development keys 3 to 7, one per test so that nonces do not meet.
const KEYS = [
  "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
  "0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
  "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
  "0x92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
  "0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
];

function environment(name) {
  const value = process.env[name];
  assert.ok(value, `${name} must be set to the devnet's endpoint`);
  return value;
}

describe("the relay through @flashbots/ethers-provider-bundle", () => {
  let provider;
  let relay;
  const wallets = [];

  before(async () => {
    provider = new JsonRpcProvider(environment("RPC_URL"), CHAIN_ID, { staticNetwork: Network.from(CHAIN_ID), cacheTimeout: -1 });
    provider.pollingInterval = 50;
    // ethers 6.7.1 loses a "block" listener that is added while its last one is being removed: never let there be a last one.
    await provider.on("block", () => {});
    relay = await FlashbotsBundleProvider.create(provider, Wallet.createRandom(), environment("RELAY_URL"), CHAIN_ID);
    wallets.push(...KEYS.map((key) => new Wallet(key, provider)));
  });

  after(() => provider.destroy());

  const request = (overrides = {}) => ({
    chainId: CHAIN_ID,
    type: 2,
    to: RECEIVER,
    value: 1n,
    gasLimit: 100_000n,
    maxFeePerGas: parseUnits("3", "gwei"),
    maxPriorityFeePerGas: parseUnits("1", "gwei"),
    nonce: 0,
    ...overrides,
  });
  // Far enough ahead that the block is not built while the request is on its way.
  const soon = async () => (await provider.getBlockNumber()) + 2;
  const accepted = (response) => {
    assert.ok(!("error" in response), JSON.stringify(response.error));
    return response;
  };

  test("a raw bundle is simulated, included in its block, and its receipts are found", async () => {
    const [wallet] = wallets;
    const signed = [await wallet.signTransaction(request()), await wallet.signTransaction(request({ nonce: 1 }))];
    const target = await soon();
    const bundle = accepted(await relay.sendRawBundle(signed, target));
    assert.equal(bundle.bundleHash, FlashbotsBundleProvider.generateBundleHash(bundle.bundleTransactions.map((tx) => tx.hash)));
    const simulation = accepted(await relay.simulate(signed, target));
    assert.equal(simulation.firstRevert, undefined);
    assert.equal(simulation.bundleHash, bundle.bundleHash);
    assert.equal(await bundle.wait(), FlashbotsBundleResolution.BundleIncluded);
    const receipts = await bundle.receipts();
    assert.deepEqual(receipts.map((receipt) => [receipt.status, receipt.blockNumber, receipt.index]), [[1, target, 0], [1, target, 1]]);
    assert.equal(BigInt(simulation.totalGasUsed), receipts.reduce((sum, receipt) => sum + receipt.gasUsed, 0n));
  });

  test("a bundle is signed by the library, and one that reverts is never included", async () => {
    const [, wallet] = wallets;
    const creation = await wallet.sendTransaction(request({ to: null, value: 0n, data: REVERTING }));
    const { contractAddress } = await creation.wait();
    const transactions = [
      { signer: wallet, transaction: request({ nonce: 1 }) },
      { signer: wallet, transaction: request({ nonce: 2, to: contractAddress, value: 0n }) },
    ];
    const target = await soon();
    const bundle = accepted(await relay.sendBundle(transactions, target));
    const simulation = accepted(await bundle.simulate());
    assert.equal(simulation.firstRevert?.txHash, bundle.bundleTransactions[1].hash);
    assert.equal(await bundle.wait(), FlashbotsBundleResolution.BlockPassedWithoutInclusion);
    assert.equal(await provider.getTransactionCount(wallet.address), 1);
    assert.deepEqual(await bundle.receipts(), []);
  });

  test("a replacement takes the place of a bundle, and a cancelled one is not included", async () => {
    const [, , wallet] = wallets;
    const replacementUuid = randomUUID();
    const target = (await soon()) + 1;
    const send = async (value) => accepted(await relay.sendBundle([{ signer: wallet, transaction: request({ value }) }], target, { replacementUuid }));
    const first = await send(1n);
    const second = await send(2n);
    const results = await Promise.all([first.wait(), second.wait()]);
    assert.deepEqual(results, [FlashbotsBundleResolution.BlockPassedWithoutInclusion, FlashbotsBundleResolution.BundleIncluded]);

    const later = (await soon()) + 1;
    const third = accepted(await relay.sendBundle([{ signer: wallet, transaction: request({ nonce: 1 }) }], later, { replacementUuid }));
    const cancelled = accepted(await relay.cancelBundles(replacementUuid));
    assert.deepEqual(cancelled.bundleHashes, [third.bundleHash]);
    assert.equal(await third.wait(), FlashbotsBundleResolution.BlockPassedWithoutInclusion);
  });

  test("a private transaction is included without having been pending in public", async () => {
    const [, , , wallet] = wallets;
    const sent = accepted(await relay.sendPrivateTransaction({ signer: wallet, transaction: request() }));
    const { pending, queued } = await provider.send("txpool_content", []);
    assert.ok(!(wallet.address in pending) && !(wallet.address in queued));
    assert.equal(await sent.wait(), FlashbotsTransactionResolution.TransactionIncluded);
    assert.equal((await sent.receipts())[0].status, 1);
  });

  test("a private transaction that is cancelled is dropped", async () => {
    const [, , , , wallet] = wallets;
    // Waits for nonce 0, which never comes: cannot be included before it is cancelled.
    const maxBlockNumber = (await provider.getBlockNumber()) + 3;
    const sent = accepted(await relay.sendPrivateTransaction({ signer: wallet, transaction: request({ nonce: 1 }) }, { maxBlockNumber }));
    assert.equal(await relay.cancelPrivateTransaction(sent.transaction.hash), true);
    const creator = accepted(await relay.sendPrivateTransaction({ signer: wallet, transaction: request() }));
    assert.equal(await creator.wait(), FlashbotsTransactionResolution.TransactionIncluded);
    assert.equal(await sent.wait(), FlashbotsTransactionResolution.TransactionDropped);
    assert.equal(await provider.getTransactionCount(wallet.address), 1);
  });

  test("the relay's refusal reaches the caller as an error object", async () => {
    const [wallet] = wallets;
    const refused = await relay.sendRawBundle([await wallet.signTransaction(request())], 0);
    assert.match(refused.error.message, /target a block to come/);
  });
});
