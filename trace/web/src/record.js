// Batch records: planting, input, harvest, packing (docs/formats.md §6).
import * as credential from "./credential.js";
import { STEPS, UNITS, event } from "./epcis.js";
import * as evidence from "./evidence.js";
import { canonical } from "./jcs.js";
import * as shape from "./shape.js";
import { ShapeError, closed, exactly, integer, nullable, number } from "./shape.js";

const ROLES = ["grower", "packer"];
const QUANTITY = number(0.001, 999999999.999);

const FACTS = {
  planting: closed({ crop: shape.TEXTS, variety: nullable(shape.text), areaSquareMetres: QUANTITY }),
  input: closed({
    kind: exactly("fertiliser", "irrigation", "protection", "weeding"),
    what: shape.TEXTS,
    amount: QUANTITY,
    unit: exactly(...Object.keys(UNITS)),
  }),
  harvest: closed({ product: shape.TEXTS, weightKilograms: QUANTITY }),
  packing: closed({ product: shape.TEXTS, units: integer(1, 999999), unitWeightKilograms: number(0.001, 999.999) }),
};

const FORM = credential.envelope(
  "CropmarkRecord",
  credential.object,
  closed({
    version: exactly(credential.VERSION),
    farm: shape.NAME,
    field: shape.NAME,
    batch: shape.BATCH,
    step: exactly(...STEPS),
    place: closed({ name: shape.TEXTS, country: shape.pattern("[A-Z]{2}"), lat: number(-90, 90), lon: number(-180, 180) }),
    facts: credential.object,
    previous: shape.array(shape.HASH, 0, 16),
    requiredSigners: credential.signers(ROLES),
    notBefore: nullable(
      closed({ size: integer(1), root: shape.HASH, chain: integer(1), block: integer(), blockHash: shape.CHAIN_HASH }),
    ),
    evidence: nullable(evidence.SHAPE),
    demo: nullable(shape.TEXTS),
    nonce: shape.pattern("[0-9a-f]{32}"),
  }),
);

const EVENT_ID = "https?://[a-zA-Z0-9.:/_-]{1,100}";
const OFFSET = shape.pattern("[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00");

function rules(document) {
  const said = document.cropmark;
  const refuse = (why) => {
    throw new ShapeError(why);
  };
  FACTS[said.step](said.facts, ".cropmark.facts");
  const ids = said.requiredSigners.map((signer) => signer.id);
  if (new Set(ids).size !== ids.length) refuse(".cropmark.requiredSigners names a signer twice");
  const needed = said.step === "packing" ? "packer" : "grower";
  if (!said.requiredSigners.some((signer) => signer.role === needed)) refuse(`.cropmark.requiredSigners has no ${needed}`);
  if (document.issuer !== ids[0]) refuse(".issuer is not the first required signer");
  if (canonical(said.previous) !== canonical([...new Set(said.previous)].sort())) refuse(".cropmark.previous is not in order");
  if (said.evidence !== null) {
    evidence.rules(said.evidence);
    if (said.step !== "harvest" || said.evidence.field !== said.field) refuse(".cropmark.evidence stands in another record");
  }
  const subject = document.credentialSubject;
  const suffix = `/event/${said.nonce}`;
  shape.pattern(EVENT_ID + suffix)(subject.eventID, ".credentialSubject.eventID");
  shape.time(subject.eventTime, ".credentialSubject.eventTime");
  OFFSET(subject.eventTimeZoneOffset, ".credentialSubject.eventTimeZoneOffset");
  const base = subject.eventID.slice(0, -suffix.length);
  const made = event(said, base, subject.eventTime, subject.eventTimeZoneOffset);
  if (canonical(subject) !== canonical(made)) refuse(".credentialSubject is not the event that the record gives");
}

/** Reads a batch record; throws RecordError. Times are UTC milliseconds. */
export function read(document) {
  const record = credential.read(document, FORM, rules);
  record.writtenAt = shape.timeOf(document.validFrom);
  record.eventTime = shape.timeOf(document.credentialSubject.eventTime);
  return record;
}
