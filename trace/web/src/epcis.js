// The EPCIS 2.0 event inside a record, fixed by the record's own members (docs/formats.md §6).

export const CONTEXT = "https://ref.gs1.org/standards/epcis/epcis-context.jsonld";
export const STEPS = ["planting", "input", "harvest", "packing"];
export const UNITS = { kg: "KGM", g: "GRM", t: "TNE", L: "LTR", mL: "MLT", m3: "MTQ", mm: "MMT", h: "HUR" };

/** Returns integer thousandths of a number of the profile, by its text and not by arithmetic on floats. */
export function thousandths(value) {
  const [whole, fraction = ""] = String(value).split(".");
  return Number(whole + fraction.padEnd(3, "0"));
}

export const fromThousandths = (count) =>
  count % 1000 === 0 ? count / 1000 : Number(`${Math.floor(count / 1000)}.${String(count % 1000).padStart(3, "0")}`);

/** Returns the one event of a record; `said` is its member "cropmark", with facts that fit the step. */
export function event(said, base, eventTime, eventTimeZoneOffset) {
  const { step, facts, batch } = said;
  const farm = `${base}/farm/${said.farm}`;
  const place = step === "packing" ? farm : `${farm}/field/${said.field}`;
  const crop = `${base}/crop/${batch}`;
  const harvest = `${base}/harvest/${batch}`;
  const common = {
    "@context": [CONTEXT],
    eventID: `${base}/event/${said.nonce}`,
    eventTime,
    eventTimeZoneOffset,
    readPoint: { id: place },
    bizLocation: { id: place },
  };
  const added = { type: "ObjectEvent", action: "ADD", bizStep: "commissioning", disposition: "active" };
  switch (step) {
    case "planting":
      return { ...common, ...added, quantityList: [{ epcClass: crop, quantity: facts.areaSquareMetres, uom: "MTK" }] };
    case "harvest":
      return { ...common, ...added, quantityList: [{ epcClass: harvest, quantity: facts.weightKilograms, uom: "KGM" }] };
    case "input":
      return {
        ...common,
        type: "ObjectEvent",
        action: "OBSERVE",
        bizStep: "other",
        quantityList: [
          { epcClass: crop },
          { epcClass: `${base}/input/${facts.kind}`, quantity: facts.amount, uom: UNITS[facts.unit] },
        ],
      };
    default:
      return {
        ...common,
        type: "TransformationEvent",
        bizStep: "packing",
        disposition: "sellable_not_accessible",
        inputQuantityList: [
          { epcClass: harvest, quantity: fromThousandths(facts.units * thousandths(facts.unitWeightKilograms)), uom: "KGM" },
        ],
        outputQuantityList: [{ epcClass: `${base}/lot/${batch}`, quantity: facts.units }],
      };
  }
}
