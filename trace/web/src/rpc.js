// Ask an Ethereum JSON-RPC node what the verifier wants to know about an anchor (docs/formats.md §10).
// Answers are bounded and checked in form; whether they are true is the node's word.

const ROOT_OF = "3de8b12b"; // keccak-256 of root_of(bytes32,uint64)
const ANCHORED = "0x10d64b358a2a34d1aefd3923dfecde63ee095436d398bd873df1fd341db42724"; // of Anchored(bytes32,uint64,bytes32,uint64)
const MAX_ANSWER = 2 * 1024 * 1024;
const SECONDS = 10;
const EVENT = /^0x([0-9a-f]{64})([0-9a-f]{64})([0-9a-f]{64})$/;

/** The node could not be asked, or did not answer as a node does. */
export class RpcError extends Error {}

const lower = (value) => (typeof value === "string" ? value.toLowerCase() : "");

function hash(value) {
  if (!/^0x[0-9a-f]{64}$/.test(lower(value))) throw new RpcError("not a hash");
  return lower(value);
}

function quantity(value) {
  const number = /^0x(?:0|[1-9a-f][0-9a-f]{0,15})$/.test(lower(value)) ? Number(value) : NaN;
  if (!Number.isSafeInteger(number)) throw new RpcError("not a number");
  return number;
}

async function call(url, method, params) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), SECONDS * 1000);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
      credentials: "omit",
      redirect: "error",
      referrerPolicy: "no-referrer",
      signal: stop.signal,
    });
    const text = await response.text();
    const answer = text.length <= MAX_ANSWER ? JSON.parse(text) : null;
    if (!answer || typeof answer !== "object" || !("result" in answer)) throw new RpcError(`${method} was refused`);
    return answer.result;
  } catch (error) {
    throw error instanceof RpcError ? error : new RpcError(`${method} could not be asked`);
  } finally {
    clearTimeout(timer);
  }
}

async function rootOf(url, { contract, logId, size }) {
  const data = `0x${ROOT_OF}${logId.slice(2)}${size.toString(16).padStart(64, "0")}`;
  const answer = await call(url, "eth_call", [{ to: contract, data }, "latest"]);
  if (answer === "0x") return null; // there is no contract at this address
  return /^0x0{64}$/.test(hash(answer)) ? null : hash(answer);
}

async function blockOf(url, number) {
  const block = await call(url, "eth_getBlockByNumber", [`0x${number.toString(16)}`, false]);
  return block === null ? null : { hash: hash(block.hash), time: quantity(block.timestamp) };
}

async function eventsOf(url, { contract, logId, size, block }) {
  const at = `0x${block.toString(16)}`;
  const wanted = { fromBlock: at, toBlock: at, address: contract, topics: [ANCHORED, logId] };
  const entries = await call(url, "eth_getLogs", [wanted]);
  if (!Array.isArray(entries)) throw new RpcError("not a list of events");
  const events = [];
  for (const entry of entries.slice(0, 64)) {
    const data = EVENT.exec(lower(entry.data));
    const ours = lower(entry.address) === contract && String(entry.topics) === String([ANCHORED, logId]);
    if (data && ours && BigInt(`0x${data[1]}`) === size) {
      events.push({ root: `0x${data[2]}`, transaction: hash(entry.transactionHash), blockHash: hash(entry.blockHash) });
    }
  }
  return events;
}

/** Resolves to the node's answers to a question of the verifier; throws RpcError. `source` names the node to people. */
export async function ask(url, source, question) {
  const chain = quantity(await call(url, "eth_chainId", []));
  if (chain !== question.chain) return { source, chain, root: null, blocks: {}, events: [] };
  const numbers = question.blocks.slice(0, 101);
  const [root, events, ...found] = await Promise.all([
    rootOf(url, question),
    eventsOf(url, question),
    ...numbers.map((number) => blockOf(url, number)),
  ]);
  const blocks = {};
  found.forEach((block, at) => {
    if (block) blocks[numbers[at]] = block;
  });
  return { source, chain, root, blocks, events };
}
