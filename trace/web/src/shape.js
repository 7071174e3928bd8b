// Closed shapes of JSON documents: every member named, typed and bounded, nothing more allowed (docs/formats.md §6).
import { fromBase64 } from "./bytes.js";
import { canonical, isObject } from "./jcs.js";
import { publicOf } from "./multikey.js";

export class ShapeError extends Error {}

const refuse = (where, why) => {
  throw new ShapeError(`${where || "the document"} ${why}`);
};

/** Makes a shape of a test and what it says when the test fails. */
const shape = (test, why) => (value, where) => {
  if (!test(value)) refuse(where, why);
};

export function closed(members) {
  return (value, where) => {
    if (!isObject(value)) refuse(where, "is not an object");
    for (const name of Object.keys(value)) {
      if (!Object.prototype.hasOwnProperty.call(members, name)) refuse(`${where}.${name.slice(0, 40)}`, "is unknown");
    }
    for (const name of Object.keys(members)) {
      if (!(name in value)) refuse(`${where}.${name}`, "is missing");
      members[name](value[name], `${where}.${name}`);
    }
  };
}

export function mapping(key, item, most) {
  return (value, where) => {
    if (!isObject(value) || Object.keys(value).length > most) refuse(where, `is not an object of at most ${most} members`);
    for (const name of Object.keys(value)) {
      key(name, where);
      item(value[name], `${where}.${name}`);
    }
  };
}

export function array(item, least, most) {
  return (value, where) => {
    if (!Array.isArray(value) || value.length < least || value.length > most) {
      refuse(where, `is not an array of ${least} to ${most} items`);
    }
    value.forEach((entry, number) => item(entry, `${where}[${number}]`));
  };
}

export const exactly = (...allowed) => {
  const texts = allowed.map(canonical);
  return shape((value) => texts.includes(canonical(value)), "is not a value that this version knows");
};

export const nullable = (inner) => (value, where) => {
  if (value !== null) inner(value, where);
};

export const pattern = (source) => {
  const expression = new RegExp(`^(?:${source})$`, "u");
  return shape((value) => typeof value === "string" && expression.test(value), "is not text of the documented form");
};

/** 1 to 200 code points. */
export const text = shape(
  (value) => typeof value === "string" && value !== "" && value.length <= 400 && Array.from(value).length <= 200,
  "is not text of 1 to 200 characters",
);

export const integer = (least = 0, most = Number.MAX_SAFE_INTEGER) =>
  shape((value) => Number.isSafeInteger(value) && value >= least && value <= most, `is not an integer from ${least}`);

export const number = (least, most) =>
  shape((value) => typeof value === "number" && value >= least && value <= most, `is not a number from ${least} to ${most}`);

export const boolean = shape((value) => typeof value === "boolean", "is neither true nor false");

export const base64 = (least, most) =>
  shape((value) => {
    const bytes = typeof value === "string" ? fromBase64(value) : null;
    return bytes !== null && bytes.length >= least && bytes.length <= most;
  }, `is not base64 of ${least} to ${most} bytes`);

export const did = shape((value) => typeof value === "string" && publicOf(value) !== null, "is not a did:key of Ed25519");

const TIME = /^(?:19[7-9]|2[0-9]{2})[0-9]-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$/;

/** Returns Unix milliseconds of `YYYY-MM-DDTHH:MM:SSZ`, or null for any other text. */
export function timeOf(value) {
  if (typeof value !== "string" || !TIME.test(value)) return null;
  const time = Date.parse(value);
  // Date.parse lets the 30th of February roll over in some engines; writing it back does not.
  return Number.isFinite(time) && iso(time) === value ? time : null;
}

/** Returns whole UTC milliseconds as ISO 8601 with Z, cut to seconds. */
export const iso = (time) => `${new Date(Math.floor(time / 1000) * 1000).toISOString().slice(0, 19)}Z`;

export const time = shape((value) => timeOf(value) !== null, "is not a UTC time in whole seconds");

export const NAME = pattern("[a-z0-9][a-z0-9-]{0,31}");
export const BATCH = pattern("[A-Z2-7]{20}");
export const HASH = pattern("[0-9a-f]{64}");
export const CHAIN_HASH = pattern("0x[0-9a-f]{64}");
export const ADDRESS = pattern("0x[0-9a-f]{40}");
export const TEXTS = closed({ en: text, zh: text });
export const PATH = array(base64(32, 32), 0, 64);
export const INDEX = integer();

/** Runs a shape and returns whether the value fits. */
export function fits(form, value) {
  try {
    form(value, "");
    return true;
  } catch (error) {
    if (error instanceof ShapeError) return false;
    throw error;
  }
}
