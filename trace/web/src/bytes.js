// Bytes and their spellings: UTF-8, hex, base64 (RFC 4648 §4), strictly read: each byte string has one text.
import { sha256 as noble } from "@noble/hashes/sha2.js";

const encoder = new TextEncoder();
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

export const utf8 = (text) => encoder.encode(text);
export const sha256 = (...parts) => noble(concat(...parts));

export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const equal = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Reads hex of even length; the caller has checked its form. */
export const fromHex = (text) => Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));

/** Returns the bytes of padded base64, or null for any other text, stray bits included. */
export function fromBase64(text) {
  if (text.length % 4 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  const plain = text.replace(/=+$/, "");
  const bytes = new Uint8Array(Math.floor((plain.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const letter of plain) {
    bits = (bits << 6) | DIGITS.indexOf(letter);
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[at++] = bits >> held;
      bits &= (1 << held) - 1;
    }
  }
  return bits === 0 && plain.length % 4 !== 1 && text.length - plain.length < 3 ? bytes : null;
}

/** Returns unsigned big-endian bytes as a BigInt. */
export function unsigned(bytes) {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

/** Returns two's complement big-endian bytes as a BigInt. (DataView's own 64-bit reads came to Safari with version 15.) */
export const signed = (bytes) => BigInt.asIntN(bytes.length * 8, unsigned(bytes));
