// Verify every case of a folder that `python -m tests.trace.corpus` wrote, and print the verdicts as JSON lines.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { UnusableError, verify } from "./src/verify.js";

const folder = process.argv[2];
const json = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : null);

for (const name of readdirSync(folder).sort()) {
  const at = (file) => join(folder, name, file);
  const options = json(at("options.json"));
  if (options.evidence) continue;
  let said;
  try {
    const verdict = await verify(new Uint8Array(readFileSync(at("bundle.json"))), {
      policy: json(at("policy.json")),
      chain: json(at("chain.json")),
      batch: options.batch,
      blockHash: options.blockHash,
    });
    const checks = verdict.checks.map(({ name: check, result, code }) => ({ name: check, result, code }));
    said = { unusable: false, verdict: verdict.verdict, checks };
  } catch (error) {
    if (!(error instanceof UnusableError)) throw error;
    said = { unusable: true };
  }
  console.log(JSON.stringify({ name, ...said }));
}
