// What batch records and key records have in common: envelope, identity, proof set (docs/formats.md §6).
import { concat, sha256, utf8 } from "./bytes.js";
import { best } from "./ed25519.js";
import { CONTEXT } from "./epcis.js";
import { canonical, depthOfValue, isObject, textsAreClean } from "./jcs.js";
import { base58Decode, methodOf, publicOf } from "./multikey.js";
import * as shape from "./shape.js";
import { ShapeError, array, closed, exactly } from "./shape.js";

const MAX_BYTES = 64 * 1024;
const MAX_DEPTH = 16;
const MAX_SIGNERS = 8;
const DOMAIN = utf8("cropmark/record/v1\n");
export const VERSION = 1;

/** `code` is one of the check "schema". */
export class RecordError extends Error {
  constructor(code, text) {
    super(text);
    this.code = code;
  }
}

const context = exactly(["https://www.w3.org/ns/credentials/v2", CONTEXT]);

function method(value, where) {
  const did = typeof value === "string" ? value.split("#")[0] : "";
  shape.did(did, where);
  if (value !== methodOf(did)) throw new ShapeError(`${where} is not the verification method of its did:key`);
}

const PROOFS = array(
  closed({
    "@context": context,
    type: exactly("DataIntegrityProof"),
    cryptosuite: exactly("eddsa-jcs-2022"),
    created: shape.time,
    verificationMethod: method,
    proofPurpose: exactly("assertionMethod"),
    proofValue: shape.pattern("z[1-9A-HJ-NP-Za-km-z]{64,88}"),
  }),
  1,
  MAX_SIGNERS,
);

export const signers = (roles) => array(closed({ id: shape.did, role: exactly(...roles) }), 1, MAX_SIGNERS);

export const envelope = (kind, credentialSubject, cropmark) =>
  closed({
    "@context": context,
    type: exactly(["VerifiableCredential", kind]),
    issuer: shape.did,
    validFrom: shape.time,
    credentialSubject,
    cropmark,
  });

export function object(value, where) {
  if (!isObject(value)) throw new ShapeError(`${where} is not an object`);
}

function withoutMember(document, member) {
  const rest = Object.create(null);
  for (const name of Object.keys(document)) if (name !== member) rest[name] = document[name];
  return rest;
}

/**
 * Reads a document that stands in a bundle, by its own rules; `form` and `rules` are the kind's.
 * Returns {document, bytes, id, said, signers, proofs}; throws RecordError.
 */
export function read(document, form, rules) {
  const bytes = utf8(canonical(document));
  if (bytes.length > MAX_BYTES) throw new RecordError("profile", `a record of more than ${MAX_BYTES} bytes`);
  if (depthOfValue(document) > MAX_DEPTH) throw new RecordError("profile", `nested deeper than ${MAX_DEPTH} levels`);
  if (!textsAreClean(document, false)) throw new RecordError("text", "a record has a text with a control character");
  if (!isObject(document)) throw new RecordError("profile", "a record is not an object");
  const said = document.cropmark;
  if (isObject(said) && "version" in said && said.version !== VERSION) {
    throw new RecordError("unknown-version", `a record of version ${String(said.version).slice(0, 20)}`);
  }
  const plain = withoutMember(document, "proof");
  try {
    form(plain, "");
    rules(plain);
    PROOFS(document.proof, ".proof");
  } catch (error) {
    throw error instanceof ShapeError ? new RecordError("profile", error.message) : error;
  }
  const signed = utf8(canonical(plain));
  return {
    document,
    bytes,
    id: sha256(DOMAIN, signed),
    digest: sha256(signed),
    said,
    signers: said.requiredSigners,
    proofs: document.proof,
  };
}

export const signerOf = (proof) => proof.verificationMethod.split("#")[0];

/** Tells whether a proof of the set holds (Data Integrity EdDSA Cryptosuites 1.0 §3.3). */
export async function verifyProof(record, proof) {
  const signature = base58Decode(proof.proofValue, 64);
  if (signature === null) return false;
  const options = sha256(utf8(canonical(withoutMember(proof, "proofValue"))));
  const { verify } = await best();
  return verify(publicOf(signerOf(proof)), signature, concat(options, record.digest));
}
