// C2SP signed notes, checkpoints, verifier keys and tlog-cosignature v1 (docs/formats.md §7).
import { fromBase64, sha256, signed, toHex, unsigned, utf8 } from "./bytes.js";
import { best } from "./ed25519.js";

export const SIGNATURE = 1;
export const COSIGNATURE = 4;
const SPACE = "\\s\\u001c-\\u001f\\u0085";
const VKEY = new RegExp(`^([^${SPACE}+]{1,200})\\+([0-9a-f]{8})\\+([A-Za-z0-9+/=]{1,60})$`, "u");
const LINE = new RegExp(`^\u2014 ([^${SPACE}+]{1,200}) ([A-Za-z0-9+/=]{1,8000})$`, "u");

/** Returns {name, kind, key, id} of a verifier key, or null if the text is none. */
export function parseVkey(text) {
  const match = VKEY.exec(text);
  const material = match && fromBase64(match[3]);
  if (!material || material.length !== 33 || (material[0] !== SIGNATURE && material[0] !== COSIGNATURE)) return null;
  const id = toHex(sha256(utf8(`${match[1]}\n`), material).subarray(0, 4));
  return id === match[2] ? { name: match[1], kind: material[0], key: material.slice(1), id } : null;
}

function line(raw) {
  const match = LINE.exec(raw);
  const bytes = match && fromBase64(match[2]);
  return bytes && bytes.length >= 5 ? { name: match[1], id: toHex(bytes.subarray(0, 4)), signature: bytes.subarray(4) } : null;
}

/** Takes a signed note apart without judging it; null if it is malformed. */
export function parseNote(note) {
  if (utf8(note).length > 16384 || /[\u0000-\u0009\u000b-\u001f\ud800-\udfff]/u.test(note)) return null;
  const end = note.lastIndexOf("\n\n");
  const tail = note.slice(end + 2);
  if (end < 0 || !tail.endsWith("\n")) return null;
  const lines = tail.slice(0, -1).split("\n").map(line);
  return lines.length <= 64 && lines.every(Boolean) ? { text: `${note.slice(0, end)}\n`, lines } : null;
}

/** Returns {origin, size, root} of a signed note whose text is a checkpoint of three lines, or null. */
export function parseCheckpoint(note) {
  const parsed = parseNote(note);
  const lines = parsed ? parsed.text.split("\n") : [];
  if (lines.length !== 4 || lines[0] === "" || lines[3] !== "" || !/^(?:0|[1-9][0-9]{0,18})$/.test(lines[1])) return null;
  const root = fromBase64(lines[2]);
  return root && root.length === 32 ? { origin: lines[0], size: BigInt(lines[1]), root } : null;
}

async function holds(key, text, signature) {
  const { verify } = await best();
  if (key.kind === SIGNATURE) return verify(key.key, signature, utf8(text));
  if (signature.length !== 72 || signed(signature.subarray(0, 8)) < 0n) return false;
  const time = unsigned(signature.subarray(0, 8));
  return verify(key.key, signature.subarray(8), utf8(`cosignature/v1\ntime ${time}\n${text}`));
}

/** Verifies a note under known keys: {forged, by}: does a line of a known key not hold, and whose lines hold. */
export async function openNote(note, keys) {
  const parsed = parseNote(note);
  const by = [];
  if (!parsed) return { forged: false, by };
  for (const { name, id, signature } of parsed.lines) {
    const key = keys.find((known) => known.name === name && known.id === id);
    if (!key) continue;
    if (!(await holds(key, parsed.text, signature))) return { forged: true, by: [] };
    by.push(key);
  }
  return { forged: false, by };
}
