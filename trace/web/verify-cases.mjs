// Verifies folders as `python -m tests.trace.corpus` writes them and prints one JSON object: case → verdict.
// Usage: node verify-cases.mjs DIR [native|bundled]
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { UnusableError, verify } from "./src/verify.js";

const [folder, path = "native"] = process.argv.slice(2);
if (path === "bundled") Object.defineProperty(globalThis, "crypto", { value: {} });
const { best } = await import("./src/ed25519.js");
if ((await best()).name !== path) throw new Error(`this Node has no ${path} Ed25519`);

const verdicts = {};
for (const name of readdirSync(folder).sort()) {
  const read = (file) => readFileSync(join(folder, name, file));
  const said = (file) => JSON.parse(read(file).toString());
  try {
    const options = { policy: said("policy.json"), chain: said("chain.json"), ...said("options.json") };
    verdicts[name] = await verify(new Uint8Array(read("bundle.json")), options);
  } catch (error) {
    if (!(error instanceof UnusableError)) throw error;
    verdicts[name] = { unusable: true };
  }
}
console.log(JSON.stringify(verdicts));
