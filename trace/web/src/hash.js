// SHA-256, always the bundled one: WebCrypto's is not there on an insecure origin, and this one is not slower here.
import { sha256 as digest } from "@noble/hashes/sha2.js";
import { concat } from "./bytes.js";

export const sha256 = (...parts) => digest(concat(...parts));
