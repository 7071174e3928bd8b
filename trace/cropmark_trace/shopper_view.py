"""What the shopper's page tells of a bundle, in one language: facts with where each comes from, and nothing judged.

Pure, no HTML. Every fact names the place in the bundle's JSON that it was taken from, so that the phone, having checked
the bundle, can compare what the page shows with what was signed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import cast

from cropmark_ingest.registry import Text
from cropmark_trace import season_chart
from cropmark_trace.bundle import Bundle
from cropmark_trace.jcs import JsonValue
from cropmark_trace.key_record import KeyRecord
from cropmark_trace.page_words import Words
from cropmark_trace.record import Record, text_of
from cropmark_trace.season_chart import Season


@dataclass(frozen=True, slots=True)
class Fact:
    """A text to show. ``source`` is a JSON pointer into the bundle, ``value`` what is there (None: the text itself)."""

    text: str
    source: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed, as a sentence; ``by_other`` says that the key is kept by somebody else."""

    sentence: str
    by_other: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One record of the story: its kind, local date, named facts, and who signed."""

    step: str
    title: str
    when: Fact
    facts: Sequence[tuple[str, Fact]]
    signatures: Sequence[Signature]


@dataclass(frozen=True, slots=True)
class Measured:
    """The season: the drawing, and the harvest's word on how much of it was measured."""

    season: Season
    digest: Fact
    readings: Fact
    expected: Fact
    gaps: Fact
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class View:
    """All that the page tells of one bundle. ``picked`` and ``packed`` are local dates."""

    product: Fact
    variety: Fact | None
    grower: Fact | None
    place: Fact
    country: Fact
    position: str
    picked: Fact | None
    picked_on: date | None
    offset: timedelta
    demo: Fact | None
    steps: Sequence[Step]
    has_evidence: bool
    measured: Measured | None


def view(bundle: Bundle, words: Words) -> View:
    """Return what to tell of ``bundle``."""
    keys = {item.key.key: (number, item.key) for number, item in enumerate(bundle.keys)}
    records = [_Told(number, item.record, words) for number, item in enumerate(bundle.records)]
    by_step = {told.record.step: told for told in records}
    last = records[-1]
    harvest, planting = by_step.get("harvest"), by_step.get("planting")
    named = by_step.get("packing") or harvest or planting or last
    demo = next((told for told in records if told.record.demo is not None), None)
    return View(
        product=named.product(),
        variety=planting.variety() if planting else None,
        grower=_grower(harvest or planting or last, keys, words),
        place=last.text("/place/name", last.record.place["name"]),
        country=_country(last, words),
        position=_position(last.record.place),
        picked=harvest.when() if harvest else None,
        picked_on=harvest.day() if harvest else None,
        offset=last.offset(),
        demo=demo.text("/demo", _both(demo.record.demo)) if demo else None,
        steps=[_step(told, keys, words) for told in records],
        has_evidence=any(told.record.evidence is not None for told in records),
        measured=_measured(bundle, records),
    )


def ago(day: date, now: int, offset: timedelta) -> int:
    """Return how many days ago a local ``day`` was at UTC milliseconds ``now``."""
    return ((datetime.fromtimestamp(now / 1000, UTC) + offset).date() - day).days


def _both(text: Text | None) -> JsonValue:
    return {"en": text.en, "zh": text.zh} if text else None


class _Told:
    """A record, and the way into it."""

    def __init__(self, number: int, record: Record, words: Words) -> None:
        self.record = record
        self._words = words
        self._root = f"/records/{number}/record"

    def text(self, pointer: str, value: JsonValue) -> Fact:
        """Return a text in two languages that stands at ``pointer`` of the member ``cropmark``."""
        text = text_of(value)
        assert text is not None
        return Fact(self._words.text(text), f"{self._root}/cropmark{pointer}/{self._words.code}")

    def fact(self, name: str, shown: str) -> Fact:
        """Return a fact that is shown otherwise than it stands in the record."""
        return Fact(shown, f"{self._root}/cropmark/facts/{name}", plain(self.record.facts[name]))

    def member(self, pointer: str, shown: str, value: JsonValue) -> Fact:
        return Fact(shown, f"{self._root}{pointer}", plain(value))

    def product(self) -> Fact:
        name = {"planting": "crop", "input": "what"}.get(self.record.step, "product")
        return self.text(f"/facts/{name}", self.record.facts[name])

    def variety(self) -> Fact | None:
        variety = self.record.facts["variety"]
        return self.fact("variety", str(variety)) if variety is not None else None

    def offset(self) -> timedelta:
        subject = cast("Mapping[str, str]", self.record.document["credentialSubject"])
        text = subject["eventTimeZoneOffset"]
        span = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
        return -span if text[0] == "-" else span

    def day(self) -> date:
        return (datetime.fromtimestamp(self.record.event_time / 1000, UTC) + self.offset()).date()

    def when(self) -> Fact:
        subject = cast("Mapping[str, str]", self.record.document["credentialSubject"])
        shown = day_text(self.day(), self._words)
        return self.member("/credentialSubject/eventTime", shown, subject["eventTime"])


def plain(value: JsonValue) -> str:
    """Return a JSON scalar as the script of the page writes it."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"{Decimal(repr(value)):f}".removesuffix(".0") if isinstance(value, float) else str(value)


def day_text(day: date, words: Words) -> str:
    """Return a date in full."""
    if words.code == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {day:%B} {day.year}"


def number_text(value: JsonValue, places: int = 3) -> str:
    """Return a number as people write it, with up to ``places`` decimals."""
    exact = round(Decimal(repr(value)), places)
    text = f"{exact:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _position(place: Mapping[str, JsonValue]) -> str:
    lat, lon = (cast("float", place[name]) for name in ("lat", "lon"))
    north, east = "N" if lat >= 0 else "S", "E" if lon >= 0 else "W"
    return f"{abs(lat):.2f}° {north}, {abs(lon):.2f}° {east}"


def _country(told: _Told, words: Words) -> Fact:
    code = str(told.record.place["country"])
    return told.member("/cropmark/place/country", words.get(f"country.{code}", code), code)


_Keys = Mapping[str, tuple[int, KeyRecord]]


def _grower(told: _Told, keys: _Keys, words: Words) -> Fact | None:
    for signer in told.record.signers:
        if signer.role == "grower" and signer.id in keys:
            number, key = keys[signer.id]
            return Fact(words.text(key.name), f"/keys/{number}/record/credentialSubject/party/name/{words.code}")
    return None


def _signatures(record: Record, keys: _Keys, words: Words) -> Iterator[Signature]:
    for signer in record.signers:
        if signer.id not in keys:
            yield Signature(words("signed.unknown", name=words("unknown-party")), by_other=False)
            continue
        _, key = keys[signer.id]
        name, role = words.text(key.name), words(f"role.{signer.role}")
        yield Signature(words(f"signed.{key.custody}", name=name, role=role), by_other=key.custody == "operator")


def _step(told: _Told, keys: _Keys, words: Words) -> Step:
    record = told.record
    title = words(f"step.{record.step}")
    if record.step == "input":
        title = words(f"kind.{record.facts['kind']}")
    return Step(
        record.step, title, told.when(), list(_facts(told, words)), list(_signatures(record, keys, words))
    )  # fmt: skip


def _facts(told: _Told, words: Words) -> Iterator[tuple[str, Fact]]:
    facts = told.record.facts
    match told.record.step:
        case "planting":
            yield words("fact.crop"), told.text("/facts/crop", facts["crop"])
            if facts["variety"] is not None:
                yield words("fact.variety"), told.fact("variety", str(facts["variety"]))
            yield words("fact.area"), told.fact("areaSquareMetres", _area(facts["areaSquareMetres"], words))
        case "input":
            yield words("fact.what"), told.text("/facts/what", facts["what"])
            unit = words(f"unit.{facts['unit']}")
            yield words("fact.amount"), told.fact("amount", f"{number_text(facts['amount'])} {unit}")
        case "harvest":
            yield words("fact.product"), told.text("/facts/product", facts["product"])
            yield words("fact.weight"), told.fact("weightKilograms", _kilograms(facts["weightKilograms"], words))
        case "packing":
            yield words("fact.product"), told.text("/facts/product", facts["product"])
            yield words("fact.units"), told.fact("units", number_text(facts["units"]))
            each = _kilograms(facts["unitWeightKilograms"], words)
            yield words("fact.unit-weight"), told.fact("unitWeightKilograms", each)


def _kilograms(value: JsonValue, words: Words) -> str:
    return f"{number_text(value)} {words('unit.kg')}"


def _area(value: JsonValue, words: Words) -> str:
    """Return square metres as hectares; in Chinese as mu (1/15 ha)."""
    metres = Decimal(repr(value))
    unit = Decimal(10_000) / 15 if words.code == "zh" else Decimal(10_000)
    return words("value.hectares", n=number_text(float(metres / unit), 2))


def _measured(bundle: Bundle, records: Sequence[_Told]) -> Measured | None:
    told = next((item for item in records if item.record.evidence is not None), None)
    if told is None or told.record.evidence is None or bundle.summary is None:
        return None
    drawn = season_chart.season(bundle.summary)
    found = told.record.evidence
    if drawn is None:
        return None
    return Measured(
        drawn,
        told.member("/cropmark/evidence/summary", "", found.summary.hex()),
        told.member("/cropmark/evidence/readings", number_text(found.readings), found.readings),
        told.member("/cropmark/evidence/expected", number_text(found.expected), found.expected),
        told.member("/cropmark/evidence/gaps", number_text(found.gaps), found.gaps),
        drawn.days[0],
        drawn.days[-1],
    )
