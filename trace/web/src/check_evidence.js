// The check evidence: the cited header trees, the season summary, and every reading that the bundle shows.
// The segments are not here, so the season is not added up again, and the check says so.
import { equal, toHex } from "./bytes.js";
import { cited } from "./bundle.js";
import { stood, summaryDigest } from "./evidence.js";
import { leafHash, verifyInclusion } from "./merkle.js";
import { FLAG_RANGE, parseLeaf } from "./reading.js";
import { draws } from "./sample.js";
import { openHeader } from "./segment.js";
import { finding } from "./verdict.js";

async function provedHeader(bundle, farm, { tree: number, bytes, path }) {
  const tree = bundle.segments[number];
  const header = tree ? await openHeader(bytes) : null;
  if (!header || !equal(header.key, tree.key) || header.farm !== farm) return null;
  const registered = bundle.keys.find((item) => item.subject.id === tree.did);
  if (registered && registered.subject.party.id !== header.gateway) return null;
  return verifyInclusion(leafHash(bytes), header.seq, tree.size, path, tree.root) ? header : null;
}

function provedReading(farm, header, { leaf, index, path }) {
  const reading = header ? parseLeaf(leaf) : null;
  if (!reading || reading.farm !== farm) return null;
  return verifyInclusion(leafHash(leaf), BigInt(index), header.count, path, header.root) ? reading : null;
}

/** Resolves to the proved headers and readings of a bundle, null in the place of each that does not prove. */
async function shown(bundle, record) {
  const headers = [];
  for (const item of bundle.headers) headers.push(await provedHeader(bundle, record.said.farm, item));
  const readings = bundle.readings.map((item) => provedReading(record.said.farm, headers[item.header], item));
  return { headers, readings };
}

function sampleFindings(bundle, record, { headers, readings }) {
  const counts = new Map();
  headers.forEach((header, at) => {
    if (header) counts.set(`${bundle.headers[at].tree} ${header.seq}`, header.count);
  });
  const sizes = record.said.evidence.gateways.map((tree) => BigInt(tree.size));
  const absent = new Set();
  const chosen = new Set();
  for (const { tree, seq, number } of draws(record.id, sizes)) {
    const count = counts.get(`${tree} ${seq}`);
    if (count === undefined) absent.add(`${tree} ${seq}`);
    else if (count > 0n) chosen.add(`${tree} ${seq} ${number % count}`);
  }
  const there = new Set();
  readings.forEach((reading, at) => {
    const { why, header, index } = bundle.readings[at];
    if (reading && why === "sample") there.add(`${bundle.headers[header].tree} ${headers[header].seq} ${index}`);
  });
  const missing = absent.size + [...chosen].filter((place) => !there.has(place)).length;
  const extra = [...there].filter((place) => !chosen.has(place)).length;
  const found = missing ? [finding("sample-missing", { missing })] : [];
  return extra ? [...found, finding("sample-not-chosen", { readings: extra })] : found;
}

/** Tells whether a reading has the value that the summary's days give as the metric's lowest or highest. */
function isEnd(reading, metric, end, season) {
  const columns = season.metrics[metric];
  if (!columns || reading.metric !== metric || reading.flags & FLAG_RANGE || reading.decimals !== columns.decimals) return false;
  const numbers = columns[end].filter((value) => value !== null);
  return numbers.length > 0 && reading.mantissa === BigInt(end === "min" ? Math.min(...numbers) : Math.max(...numbers));
}

function extremeFindings(bundle, { said }, { readings }, season) {
  const there = new Map();
  readings.forEach((reading, at) => {
    if (reading && bundle.readings[at].why !== "sample") there.set(toHex(leafHash(bundle.readings[at].leaf)), reading);
  });
  const named = new Set();
  const found = [];
  for (const metric of Object.keys(season.extremes)) {
    for (const end of ["min", "max"]) {
      const hash = season.extremes[metric][end];
      const reading = there.get(hash);
      named.add(hash);
      if (!reading) found.push(finding("extreme-missing", { metric, end }));
      else if (!isEnd(reading, metric, end, season) || !stood(said.evidence, reading.device, reading.time)) {
        found.push(finding("extreme-differs", { metric, end }));
      }
    }
  }
  const extra = [...there.keys()].filter((hash) => !named.has(hash)).length;
  return extra ? [...found, finding("extreme-not-named", { readings: extra })] : found;
}

/** Returns each proved reading with its place, in plain values. */
function disclosed(bundle, { headers, readings }) {
  return readings.reduce((all, reading, at) => {
    const { header: number, index, leaf, why, path } = bundle.readings[at];
    if (!reading) return all;
    const header = headers[number];
    const tree = bundle.segments[bundle.headers[number].tree];
    const place = { gateway: header.gateway, seq: Number(header.seq), index, count: Number(header.count), entry: tree.index };
    const value = { mantissa: String(reading.mantissa), decimals: reading.decimals, flags: reading.flags };
    const steps = { inSegment: path.length, inTree: bundle.headers[number].path.length, size: Number(tree.size), inLog: tree.path.length };
    const { device, metric } = reading;
    const times = { time: Number(reading.time), gatewayTime: Number(reading.gatewayTime) };
    return [...all, { device, metric, ...times, ...value, ...place, ...steps, why, hash: toHex(leafHash(leaf)) }];
  }, []);
}

/** Resolves to {found, readings}: the findings, and the readings that are proved, as people can be shown them. */
export async function check(bundle) {
  const record = cited(bundle);
  const found = [];
  if (!record) {
    const something = bundle.segments.length || bundle.headers.length || bundle.readings.length || bundle.summary !== null;
    return { found: [...(something ? [finding("segments-differ")] : []), finding("no-evidence")], readings: [] };
  }
  const { evidence } = record.said;
  const trees = bundle.segments;
  const same = (tree, at) => trees[at].did === tree.key && trees[at].size === BigInt(tree.size) && trees[at].rootHex === tree.root;
  if (trees.length !== evidence.gateways.length || !evidence.gateways.every(same)) found.push(finding("segments-differ"));
  const season = bundle.summary;
  const isOf =
    season !== null &&
    summaryDigest(season) === evidence.summary &&
    ["field", "from", "to"].every((member) => season[member] === evidence[member]);
  if (!isOf) found.push(finding("summary-changed"));
  const proved = await shown(bundle, record);
  proved.headers.forEach((header, at) => {
    if (!header) found.push(finding("header-wrong", { header: at + 1 }));
  });
  proved.readings.forEach((reading, at) => {
    if (!reading) found.push(finding("reading-not-proved", { reading: at + 1 }));
  });
  found.push(...sampleFindings(bundle, record, proved));
  if (isOf) found.push(...extremeFindings(bundle, record, proved, season));
  const { readings, expected, gaps } = evidence;
  const told = { readings, expected, shown: bundle.readings.length, gaps };
  found.push(finding("summary-not-recomputed", told), finding("ok", told));
  return { found, readings: disclosed(bundle, proved) };
}
