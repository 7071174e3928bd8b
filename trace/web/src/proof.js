// W3C Data Integrity proofs eddsa-jcs-2022: as cropmark_trace/proof.py. The closed form was checked before.
import { concat } from "./bytes.js";
import { verify } from "./ed25519.js";
import { sha256 } from "./hash.js";
import { canonical } from "./jcs.js";
import { decodeBase58, publicOf } from "./multikey.js";

export const signerOf = (proof) => proof.verificationMethod.split("#")[0];

// `plain` are the canonical bytes of the document without its proofs.
export async function verifyProof(plain, proof) {
  const options = { ...proof };
  delete options.proofValue;
  const signature = decodeBase58(proof.proofValue, 64);
  if (signature === null) return false;
  return verify(publicOf(signerOf(proof)), signature, concat(sha256(canonical(options)), sha256(plain)));
}
