// Which raw readings a bundle must show: chosen by the record's id, so not by who builds the bundle (docs/formats.md §8).
import { sha256, unsigned, utf8 } from "./bytes.js";

const DOMAIN = utf8("cropmark/sample/v1\n");
const PER_GATEWAY = 8;

/** Returns {tree, seq, number} of each draw; `sizes` are the trees' as BigInt, `number` is to be taken modulo the count. */
export function draws(recordId, sizes) {
  const found = [];
  sizes.forEach((size, tree) => {
    for (let number = 0; number < PER_GATEWAY; number++) {
      const digest = sha256(DOMAIN, recordId, new Uint8Array([tree, number]));
      found.push({ tree, seq: unsigned(digest.subarray(0, 8)) % size, number: unsigned(digest.subarray(8, 16)) });
    }
  });
  return found;
}
