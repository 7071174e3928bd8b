"""The form that records a harvest: what was typed, into a harvest, or into one error beside each field. Pure.

An error is a key of the language catalogue; what was typed is kept as it was, so that nothing has to be typed twice.
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from typing import Final

from cropmark_dashboards import weight
from cropmark_dashboards.weight import UNITS, Unit, WeightError
from cropmark_ingest.registry import Field, Text

MAX_PRODUCT: Final = 80
OLDEST: Final = timedelta(days=365)
NAMES: Final = ("field", "product", "weight", "unit", "date", "units", "unit_weight", "key")
_KEY: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Packing:
    """So many boxes or bags, of so many thousandths of a kilogram each."""

    units: int
    unit_weight: int


@dataclass(frozen=True, slots=True)
class Harvest:
    """What was harvested: ``weight`` in thousandths of a kilogram, on the farm's date ``day``."""

    field: str
    product: Text
    weight: int
    day: date
    packing: Packing | None = None

    def digest(self) -> str:
        """Return what tells two different harvests apart."""
        packed = None if self.packing is None else [self.packing.units, self.packing.unit_weight]
        parts = [self.field, self.product.en, self.product.zh, self.weight, self.day.isoformat(), packed]
        return sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(slots=True)
class Form:
    """What was typed; what is wrong with it, name of the input to key of the catalogue; the ledger's ``reason``."""

    typed: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    reason: str = ""

    @classmethod
    def from_post(cls, posted: Mapping[str, str]) -> "Form":
        """Take the form's own inputs out of a request, and none of them longer than people type."""
        return cls({name: posted.get(name, "")[:200] for name in NAMES})

    @property
    def key(self) -> str:
        """Return the key that makes sending twice the same as once; empty if the form carries none."""
        text = self.typed.get("key", "")
        return text if _KEY.fullmatch(text) else ""

    @property
    def unit(self) -> Unit:
        """Return the chosen unit of weight."""
        return next((unit for unit in UNITS if unit == self.typed.get("unit")), "kg")


def read(form: Form, fields: Sequence[Field], today: date) -> Harvest | None:
    """Return the harvest, or None with ``form.errors`` filled."""
    chosen = next((item for item in fields if item.field == form.typed.get("field")), None)
    if chosen is None:
        form.errors["field"] = "form.error.field"
    if not form.key:
        form.errors["form"] = "form.error.key"
    product = _product(form, chosen)
    day = _day(form, chosen, today)
    kilograms = _weight(form, "weight")
    packing = _packing(form, kilograms)
    if form.errors or chosen is None or product is None or day is None or kilograms is None:
        return None
    return Harvest(chosen.field, product, kilograms, day, packing)


def _product(form: Form, chosen: Field | None) -> Text | None:
    text = " ".join(unicodedata.normalize("NFC", form.typed.get("product", "")).split())
    if not text:
        form.errors["product"] = "form.error.product"
        return None
    if len(text) > MAX_PRODUCT or any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co"} for letter in text):
        form.errors["product"] = "form.error.product-text"
        return None
    crop = chosen.crop if chosen is not None else None
    return crop if crop is not None and text in {crop.en, crop.zh} else Text(text, text)


def _day(form: Form, chosen: Field | None, today: date) -> date | None:
    try:
        day = date.fromisoformat(form.typed.get("date", "").strip())
    except ValueError:
        form.errors["date"] = "form.error.date"
        return None
    if day > today:
        form.errors["date"] = "form.error.date-future"
    elif today - day > OLDEST:
        form.errors["date"] = "form.error.date-old"
    elif chosen is not None and chosen.planted is not None and day.isoformat() < chosen.planted:
        form.errors["date"] = "form.error.date-planted"
    return day


def _weight(form: Form, name: str) -> int | None:
    try:
        return weight.parse(form.typed.get(name, ""), form.unit)
    except WeightError as error:
        form.errors[name] = f"form.error.weight-{error.code}"
        return None


def _packing(form: Form, harvested: int | None) -> Packing | None:
    if not form.typed.get("units", "").strip() and not form.typed.get("unit_weight", "").strip():
        return None
    try:
        units = weight.count(form.typed.get("units", ""))
    except WeightError as error:
        form.errors["units"] = f"form.error.units-{error.code}"
        units = 0
    each = _weight(form, "unit_weight")
    if not units or each is None:
        return None
    if harvested is not None and units * each > harvested:
        form.errors["units"] = "form.error.packed-more"
    return Packing(units, each)
