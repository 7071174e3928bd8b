// Canonical JSON (RFC 8785) and the strict reading of it (docs/formats.md §6).
// JSON.parse forgets how numbers were written and which names stood twice; so there is a reader of our own.

const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]/u;
const FRACTION = /^-?(?:0|[1-9][0-9]{0,8})\.[0-9]{1,3}$/;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** `code` is too-large, too-deep, not-json, number, text or not-canonical: the first that applies. */
export class JcsError extends Error {
  constructor(code, text) {
    super(text);
    this.code = code;
  }
}

export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  // Sorting by UTF-16 code units is what RFC 8785 asks for, and what sort() does.
  return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

/** Returns how deep arrays and objects are nested in JSON bytes, without parsing them. */
export function depthOfBytes(bytes) {
  let deepest = 0;
  let now = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === 0x22) {
      for (at++; at < bytes.length && bytes[at] !== 0x22; at++) if (bytes[at] === 0x5c) at++;
    } else if (byte === 0x5b || byte === 0x7b) deepest = Math.max(deepest, ++now);
    else if (byte === 0x5d || byte === 0x7d) now--;
  }
  return deepest;
}

export function depthOfValue(value) {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Object.keys(value).reduce((deepest, name) => Math.max(deepest, depthOfValue(value[name])), 0);
}

/** Tells whether every text and name in `value` is NFC and free of control and bidirectional-control characters. */
export function textsAreClean(value, newlines) {
  if (typeof value === "string") {
    return !FORBIDDEN.test(newlines ? value.replace(/\n/g, "") : value) && value.normalize("NFC") === value;
  }
  if (typeof value !== "object" || value === null) return true;
  return Object.keys(value).every(
    (name) => (Array.isArray(value) || textsAreClean(name, newlines)) && textsAreClean(value[name], newlines),
  );
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.badNumber = null;
    this.twice = null;
  }

  fail() {
    throw new JcsError("not-json", `not JSON at character ${this.at}`);
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at = pattern.lastIndex;
    return found;
  }

  space() {
    this.match(/[ \t\n\r]*/y);
  }

  literal(word, value) {
    if (!this.text.startsWith(word, this.at)) this.fail();
    this.at += word.length;
    return value;
  }

  value() {
    this.space();
    const letter = this.text[this.at];
    let value;
    if (letter === "{") value = this.object();
    else if (letter === "[") value = this.array();
    else if (letter === '"') value = this.string();
    else if (letter === "t") value = this.literal("true", true);
    else if (letter === "f") value = this.literal("false", false);
    else if (letter === "n") value = this.literal("null", null);
    else value = this.number();
    this.space();
    return value;
  }

  /** Steps over the comma or the closing bracket; tells whether there is more. */
  more(close) {
    const letter = this.text[this.at++];
    if (letter === ",") return true;
    if (letter !== close) this.fail();
    return false;
  }

  array() {
    const items = [];
    this.at++;
    this.space();
    if (this.text[this.at] === "]") {
      this.at++;
      return items;
    }
    do items.push(this.value());
    while (this.more("]"));
    return items;
  }

  object() {
    const members = Object.create(null); // so that "__proto__" is a name like any other
    this.at++;
    this.space();
    if (this.text[this.at] === "}") {
      this.at++;
      return members;
    }
    do {
      this.space();
      if (this.text[this.at] !== '"') this.fail();
      const name = this.string();
      this.space();
      if (this.text[this.at++] !== ":") this.fail();
      if (name in members) this.twice = this.twice || name;
      members[name] = this.value();
    } while (this.more("}"));
    return members;
  }

  string() {
    let result = "";
    this.at++;
    for (;;) {
      result += this.match(PLAIN)[0];
      const letter = this.text[this.at++];
      if (letter === '"') return result;
      if (letter !== "\\") this.fail();
      const kind = this.text[this.at++];
      if (kind === "u") {
        const digits = this.match(/[0-9a-fA-F]{4}/y);
        if (!digits) this.fail();
        result += String.fromCharCode(parseInt(digits[0], 16));
      } else if (kind !== undefined && kind in ESCAPES) result += ESCAPES[kind];
      else this.fail();
    }
  }

  number() {
    const found = this.match(NUMBER);
    if (!found) this.fail();
    const token = found[0];
    const whole = found[1] === undefined && found[2] === undefined;
    const value = token.length > 20 ? Infinity : Number(token);
    if (whole ? Math.abs(value) <= Number.MAX_SAFE_INTEGER : FRACTION.test(token)) return value;
    this.badNumber = this.badNumber || token.slice(0, 40);
    return 0;
  }
}

/** Reads canonical bytes; throws JcsError for any others. `newlines` admits U+000A in texts. */
export function parse(bytes, { maxBytes, maxDepth, newlines }) {
  if (bytes.length > maxBytes) throw new JcsError("too-large", `more than ${maxBytes} bytes`);
  if (depthOfBytes(bytes) > maxDepth) throw new JcsError("too-deep", `nested deeper than ${maxDepth} levels`);
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new JcsError("not-json", "not UTF-8");
  }
  const reader = new Reader(text);
  const value = reader.value();
  if (reader.at !== text.length) reader.fail();
  if (reader.badNumber !== null) throw new JcsError("number", `${reader.badNumber} is not a number of the profile`);
  if (!textsAreClean(value, newlines)) throw new JcsError("text", "a text is not NFC, or has a control character");
  if (reader.twice !== null) throw new JcsError("not-canonical", `a name stands twice: ${reader.twice.slice(0, 40)}`);
  if (canonical(value) !== text) throw new JcsError("not-canonical", "the bytes are not the canonical ones (RFC 8785)");
  return value;
}
