// COSE_Sign1 of ours: [protected, {}, payload, signature], protected = {1: -8, 4: key}. Null for anything else.
import { utf8 } from "./bytes.js";
import { CborError, decode, encode } from "./cbor.js";
import { verify } from "./ed25519.js";

function take(bytes) {
  const parts = decode(bytes);
  if (!Array.isArray(parts) || parts.length !== 4) return null;
  const [guarded, bare, payload, signature] = parts;
  if (![guarded, payload, signature].every((part) => part instanceof Uint8Array)) return null;
  if (!(bare instanceof Map) || bare.size) return null;
  const header = decode(guarded);
  if (!(header instanceof Map) || header.size !== 2 || header.get(1) !== -8) return null;
  const key = header.get(4);
  return key instanceof Uint8Array && key.length === 32 ? { guarded, payload, signature, key } : null;
}

export async function verify1(bytes, domain) {
  let parts;
  try {
    parts = take(bytes);
  } catch (error) {
    if (error instanceof CborError) return null;
    throw error;
  }
  if (parts === null) return null;
  const message = encode(["Signature1", parts.guarded, utf8(domain), parts.payload]);
  return (await verify(parts.key, parts.signature, message)) ? { key: parts.key, payload: parts.payload } : null;
}
