// Merkle tree hashes and inclusion proofs of RFC 9162 §2.1, with SHA-256. Indexes and sizes are BigInt.
import { equal, sha256 } from "./bytes.js";

const LEAF = new Uint8Array([0]);
const NODE = new Uint8Array([1]);

export const leafHash = (bytes) => sha256(LEAF, bytes);

/** Tells whether leaf hash `leaf` is number `index` of `size` under `root` (RFC 9162 §2.1.3.2). */
export function verifyInclusion(leaf, index, size, path, root) {
  if (index < 0n || index >= size || ![leaf, root, ...path].every((hash) => hash.length === 32)) return false;
  let position = index;
  let last = size - 1n;
  let result = leaf;
  for (const sibling of path) {
    if (last === 0n) return false;
    if (position & 1n || position === last) {
      result = sha256(NODE, sibling, result);
      while (!(position & 1n) && position) {
        position >>= 1n;
        last >>= 1n;
      }
    } else result = sha256(NODE, result, sibling);
    position >>= 1n;
    last >>= 1n;
  }
  return last === 0n && equal(result, root);
}
