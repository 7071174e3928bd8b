// The bundle: one canonical JSON file with a batch's records and all proofs of them (docs/formats.md §9).
import { fromBase64, fromHex } from "./bytes.js";
import { RecordError } from "./credential.js";
import { JcsError, isObject, parse as parseJson } from "./jcs.js";
import * as keyRecord from "./key_record.js";
import { publicOf } from "./multikey.js";
import * as record from "./record.js";
import * as shape from "./shape.js";
import { ShapeError, array, closed, exactly, integer, nullable } from "./shape.js";

const VERSION = "bundle/v1";
const MAX_DAYS = 400;

/** Bytes that are no bundle at all. */
export class UnusableError extends Error {}

/** A bundle that breaks its form; `code` is one of the check "schema". */
export class BundleError extends Error {
  constructor(code, text) {
    super(text);
    this.code = code;
  }
}

const anything = () => {};
const METRIC = shape.pattern("[a-z][a-z0-9_]{0,63}");
const NUMBERS = array(nullable(integer(-Number.MAX_SAFE_INTEGER)), 1, MAX_DAYS);
const LOGGED = closed({ record: anything, index: shape.INDEX, path: shape.PATH });

function text(value, where) {
  if (typeof value !== "string") throw new ShapeError(`${where} is not text`);
}

function object(value, where) {
  if (!isObject(value)) throw new ShapeError(`${where} is not an object`);
}

const FORM = closed({
  cropmark: exactly(VERSION),
  batch: shape.BATCH,
  origin: shape.text,
  records: array(LOGGED, 1, 100),
  keys: array(LOGGED, 0, 64),
  checkpoint: text,
  anchor: nullable(
    closed({
      chain: integer(1),
      contract: shape.ADDRESS,
      logId: shape.CHAIN_HASH,
      block: integer(),
      blockHash: shape.CHAIN_HASH,
      transaction: shape.CHAIN_HASH,
      time: shape.time,
    }),
  ),
  segments: array(
    closed({ key: shape.did, size: integer(1), root: shape.HASH, index: shape.INDEX, path: shape.PATH }),
    0,
    16,
  ),
  summary: nullable(
    closed({
      field: shape.NAME,
      from: shape.time,
      to: shape.time,
      utcOffset: integer(-840, 840),
      days: array(shape.pattern("[12][0-9]{3}-[01][0-9]-[0-3][0-9]"), 1, MAX_DAYS),
      metrics: shape.mapping(
        METRIC,
        closed({
          decimals: integer(0, 18),
          min: NUMBERS,
          max: NUMBERS,
          sum: NUMBERS,
          count: array(integer(), 1, MAX_DAYS),
        }),
        32,
      ),
      extremes: shape.mapping(METRIC, closed({ min: shape.HASH, max: shape.HASH }), 8),
    }),
  ),
  headers: array(closed({ tree: integer(0, 15), header: shape.base64(1, 256 * 1024), path: shape.PATH }), 0, 256),
  readings: array(
    closed({
      header: integer(0, 255),
      index: shape.INDEX,
      leaf: shape.base64(1, 1024),
      path: shape.PATH,
      why: exactly("sample", "extreme"),
    }),
    0,
    512,
  ),
  hints: object,
});

function isEven(summary) {
  const days = summary.days.length;
  return Object.keys(summary.metrics).every((name) => {
    const columns = summary.metrics[name];
    return [columns.min, columns.max, columns.sum, columns.count].every((numbers) => numbers.length === days);
  });
}

function document(bytes) {
  let value;
  try {
    value = parseJson(bytes, { maxBytes: 1024 * 1024, maxDepth: 20, newlines: true });
  } catch (error) {
    if (!(error instanceof JcsError)) throw error;
    if (["too-large", "too-deep", "not-json"].includes(error.code)) throw new UnusableError(error.message);
    throw new BundleError(error.code, error.message);
  }
  if (!isObject(value) || typeof value.cropmark !== "string" || !value.cropmark.startsWith("bundle/")) {
    throw new UnusableError("this is JSON, but not a Cropmark bundle");
  }
  if (value.cropmark !== VERSION) {
    throw new BundleError("unknown-version", `${value.cropmark.slice(0, 40)}; this program knows ${VERSION}`);
  }
  return value;
}

const path = (hashes) => hashes.map(fromBase64);
const logged = (read) => (item) => ({ ...read(item.record), index: item.index, path: path(item.path) });

/** Reads a bundle's bytes; throws UnusableError or BundleError. Indexes and sizes of trees are BigInt where proofs need them. */
export function parse(bytes) {
  const said = document(bytes);
  try {
    FORM(said, "");
    if (said.summary !== null && !isEven(said.summary)) throw new ShapeError(".summary has not one number for each day");
    const records = said.records.map(logged(record.read));
    const keys = said.keys.map(logged(keyRecord.read));
    if (records.filter((item) => item.said.evidence !== null).length > 1) throw new ShapeError("more than one record has evidence");
    if (new Set(keys.map((item) => item.subject.id)).size !== keys.length) throw new ShapeError("a key is registered twice");
    return {
      ...said,
      records,
      keys,
      segments: said.segments.map((item) => ({
        did: item.key,
        key: publicOf(item.key),
        size: BigInt(item.size),
        root: fromHex(item.root),
        rootHex: item.root,
        index: item.index,
        path: path(item.path),
      })),
      headers: said.headers.map((item) => ({ tree: item.tree, bytes: fromBase64(item.header), path: path(item.path) })),
      readings: said.readings.map((item) => ({ ...item, leaf: fromBase64(item.leaf), path: path(item.path) })),
    };
  } catch (error) {
    if (error instanceof ShapeError) throw new BundleError("profile", error.message);
    if (error instanceof RecordError) throw new BundleError(error.code, error.message);
    throw error;
  }
}

/** Returns the record that carries evidence, or null. */
export const cited = (bundle) => bundle.records.find((item) => item.said.evidence !== null) || null;
