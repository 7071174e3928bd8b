// What a harvest record cites of telemetry, and the digest of the season summary (docs/formats.md §8).
import { sha256, toHex, utf8 } from "./bytes.js";
import { canonical } from "./jcs.js";
import * as shape from "./shape.js";
import { ShapeError, array, closed, integer } from "./shape.js";

const DOMAIN = utf8("cropmark/summary/v1\n");

export const SHAPE = closed({
  field: shape.NAME,
  from: shape.time,
  to: shape.time,
  gateways: array(closed({ key: shape.did, size: integer(1), root: shape.HASH }), 1, 16),
  devices: array(closed({ device: shape.NAME, from: integer(), to: integer() }), 1, 256),
  readings: integer(),
  expected: integer(),
  gaps: integer(),
  summary: shape.HASH,
});

const inOrder = (one, next) => one.device < next.device || (one.device === next.device && one.from < next.from);

/** Throws ShapeError for evidence that does not hold together. */
export function rules(found) {
  const start = shape.timeOf(found.from);
  const stop = shape.timeOf(found.to);
  if (start >= stop) throw new ShapeError(".evidence ends before it begins");
  if (new Set(found.gateways.map((tree) => tree.key)).size !== found.gateways.length) {
    throw new ShapeError(".evidence.gateways names a gateway twice");
  }
  found.devices.forEach((stay, number) => {
    const sorted = number === 0 || inOrder(found.devices[number - 1], stay);
    if (!sorted || stay.from < start || stay.from >= stay.to || stay.to > stop) {
      throw new ShapeError(".evidence.devices is not in order, or leaves the stretch");
    }
  });
}

/** Tells whether a device stood in the field at a time (BigInt). */
export function stood(found, device, time) {
  const begun = found.devices.filter((stay) => stay.device === device && stay.from <= time);
  return begun.length > 0 && time < begun[begun.length - 1].to;
}

/** Returns the hex digest by which a record names a summary. */
export const summaryDigest = (summary) => toHex(sha256(DOMAIN, utf8(canonical(summary))));
