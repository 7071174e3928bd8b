// The verifier as one classic script: in a worker it answers messages, in a page it sets `cropmarkVerify`.
import { sha256, toHex } from "./bytes.js";
import { best } from "./ed25519.js";
import { RpcError, ask } from "./rpc.js";
import { UnusableError, question, verify } from "./verify.js";

async function facts(bytes, rpc) {
  const wanted = rpc ? question(bytes) : null;
  if (!wanted) return null;
  try {
    return await ask(rpc, new URL(rpc).origin, wanted);
  } catch (error) {
    if (error instanceof RpcError) return null;
    throw error;
  }
}

/** Resolves to the verdict with the file's digest and whose Ed25519 was used, or to {unusable, digest}. */
async function run({ bytes, policy, batch, rpc }, progress) {
  const digest = toHex(sha256(bytes));
  try {
    const chain = await facts(bytes, rpc);
    const verdict = await verify(bytes, { policy, batch, chain, progress });
    return { ...verdict, digest, engine: (await best()).name };
  } catch (error) {
    if (error instanceof UnusableError) return { unusable: error.message, digest };
    throw error;
  }
}

if (typeof document === "undefined") {
  self.onmessage = async ({ data }) => {
    try {
      self.postMessage({ done: await run(data, (check) => self.postMessage({ check })) });
    } catch (error) {
      self.postMessage({ error: String(error) });
    }
  };
} else self.cropmarkVerify = run;
