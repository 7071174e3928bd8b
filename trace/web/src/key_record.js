// Key records: who owns a key, for which one use and role, in whose custody (docs/formats.md §6).
import * as credential from "./credential.js";
import { canonical } from "./jcs.js";
import * as shape from "./shape.js";
import { ShapeError, closed, exactly, nullable } from "./shape.js";

const ROLES = { record: ["grower", "packer"], segment: ["gateway"], receipt: ["ingest"], registry: ["registrar"] };
const ALL = Object.keys(ROLES).reduce((all, use) => all.concat(ROLES[use]), []);

const FORM = credential.envelope(
  "CropmarkKeyRegistration",
  closed({
    id: shape.did,
    party: closed({ id: shape.NAME, name: shape.TEXTS }),
    role: exactly(...ALL),
    use: exactly(...Object.keys(ROLES)),
    custody: exactly("self", "operator"),
    enrolledBy: shape.did,
  }),
  closed({
    version: exactly(credential.VERSION),
    farm: shape.NAME,
    requiredSigners: credential.signers(ALL),
    demo: nullable(shape.TEXTS),
    nonce: shape.pattern("[0-9a-f]{32}"),
  }),
);

function rules(document) {
  const { id, role, use, enrolledBy } = document.credentialSubject;
  const needed = [{ id: enrolledBy, role: "registrar" }].concat(use === "record" ? [{ id, role }] : []);
  if (!ROLES[use].includes(role)) throw new ShapeError(".credentialSubject.role is not one of this use");
  if (document.issuer !== enrolledBy || canonical(document.cropmark.requiredSigners) !== canonical(needed)) {
    throw new ShapeError(".cropmark.requiredSigners are not the registrar, and the key itself if it signs records");
  }
}

/** Reads a key record; throws RecordError. `subject` is who owns the key. */
export function read(document) {
  const record = credential.read(document, FORM, rules);
  record.subject = document.credentialSubject;
  return record;
}
