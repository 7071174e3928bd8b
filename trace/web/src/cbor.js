// Deterministic CBOR (RFC 8949 §4.2.1) with a closed set of types (docs/formats.md §4). Integers are BigInt.
import { concat, unsigned, utf8 } from "./bytes.js";

export class CborError extends Error {}

const MAX_DEPTH = 8;

function head(major, argument) {
  const value = BigInt(argument);
  if (value < 24n) return [(major << 5) | Number(value)];
  const code = value < 256n ? 0 : value < 65536n ? 1 : value < 4294967296n ? 2 : 3;
  const bytes = [];
  for (let at = 0, rest = value; at < 1 << code; at++, rest >>= 8n) bytes.unshift(Number(rest & 255n));
  return [(major << 5) | (24 + code), ...bytes];
}

/** Encodes integers from 0, Uint8Arrays, strings and arrays of these: all that a verifier has to write. */
export function encode(value) {
  if (typeof value === "string") return concat(head(3, utf8(value).length), utf8(value));
  if (value instanceof Uint8Array) return concat(head(2, value.length), value);
  if (Array.isArray(value)) return concat(head(4, value.length), ...value.map(encode));
  return Uint8Array.from(head(0, value));
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(count) {
    if (count > BigInt(this.bytes.length - this.at)) throw new CborError("the bytes end in the middle of a value");
    const piece = this.bytes.subarray(this.at, this.at + Number(count));
    this.at += Number(count);
    return piece;
  }

  value(depth) {
    if (depth > MAX_DEPTH) throw new CborError("nested too deep");
    const initial = this.take(1n)[0];
    const major = initial >> 5;
    const short = initial & 31;
    if (major === 7) {
      if (short === 20) return false;
      if (short === 21) return true;
      if (short === 22) return null;
      throw new CborError("floats and other simple values are not allowed");
    }
    const argument = this.argument(short);
    switch (major) {
      case 0:
        return argument;
      case 1:
        return -1n - argument;
      case 2:
        return this.take(argument);
      case 3:
        return this.text(argument);
      case 4:
        return Array.from({ length: this.room(argument) }, () => this.value(depth + 1));
      case 5:
        return this.map(this.room(argument), depth);
      default:
        throw new CborError("tags are not allowed");
    }
  }

  argument(short) {
    if (short < 24) return BigInt(short);
    if (short > 27) throw new CborError("indefinite lengths and reserved heads are not allowed");
    const width = 1 << (short - 24);
    const argument = unsigned(this.take(BigInt(width)));
    const least = width === 1 ? 24n : 1n << BigInt(4 * width);
    if (argument < least) throw new CborError("an integer or length is not in its shortest form");
    return argument;
  }

  room(count) {
    if (count > BigInt(this.bytes.length - this.at)) throw new CborError("a length beyond the end");
    return Number(count);
  }

  text(count) {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.take(count));
    } catch (error) {
      throw error instanceof CborError ? error : new CborError("a text string is not UTF-8");
    }
  }

  map(count, depth) {
    const result = new Map();
    let before = "";
    for (let number = 0; number < count; number++) {
      const start = this.at;
      const key = this.value(depth + 1);
      if (typeof key !== "bigint") throw new CborError("map keys are integers");
      const spelled = String.fromCharCode(...this.bytes.subarray(start, this.at));
      if (spelled <= before) throw new CborError("map keys are not in order, or stand twice");
      before = spelled;
      result.set(key, this.value(depth + 1));
    }
    return result;
  }
}

/** Decodes exactly one value in deterministic form; throws CborError for anything else. */
export function decode(bytes) {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  if (reader.at !== bytes.length) throw new CborError("bytes follow after the value");
  return value;
}
