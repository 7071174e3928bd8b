"""Weights as people write them (820.5, 1,641 斤, full-width digits) into exact thousandths of a kilogram, and back.

Never through floating point: what the grower typed, what is signed and what the shopper reads are one number.
"""

import re
import unicodedata
from decimal import Decimal
from typing import Final, Literal

Unit = Literal["kg", "jin"]
UNITS: Final[tuple[Unit, ...]] = ("kg", "jin")
KILOGRAMS_PER: Final = {"kg": Decimal(1), "jin": Decimal("0.5")}
MAX_THOUSANDTHS: Final = 1_000_000_000
"""A thousand tonnes: more is a slip of the finger."""
MAX_UNITS: Final = 1_000_000

_NUMBER: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,3})?")
_GROUPED: Final = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]{1,3})?")
_WITH_UNIT: Final = re.compile(r"(.*?)\s*(kg|公斤|千克|斤|市斤|jin)", re.IGNORECASE)


class WeightError(ValueError):
    """A text that is not a usable weight; ``code`` is a key of the catalogue: number, precision, zero or large."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def parse(text: str, unit: Unit) -> int:
    """Return thousandths of a kilogram. A unit written in ``text`` itself goes before ``unit``."""
    plain = unicodedata.normalize("NFKC", text).strip().replace("、", ",").replace(" ", "")
    written = _WITH_UNIT.fullmatch(plain)
    if written is not None:
        plain, word = written[1], written[2].lower()
        unit = "kg" if word in {"kg", "公斤", "千克"} else "jin"
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    elif plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    if re.fullmatch(r"[0-9]{1,9}\.[0-9]{4,40}", plain):
        raise WeightError("precision")
    if _NUMBER.fullmatch(plain) is None:
        raise WeightError("number")
    exact = Decimal(plain) * KILOGRAMS_PER[unit] * 1_000
    if exact != exact.to_integral_value():
        raise WeightError("precision")
    thousandths = int(exact)
    if thousandths <= 0:
        raise WeightError("zero")
    if thousandths > MAX_THOUSANDTHS:
        raise WeightError("large")
    return thousandths


def count(text: str) -> int:
    """Return a number of boxes or bags; raise :class:`WeightError` if it is none."""
    plain = unicodedata.normalize("NFKC", text).strip().replace(",", "").replace(" ", "")
    if not re.fullmatch(r"[0-9]{1,9}", plain):
        raise WeightError("whole")
    number = int(plain)
    if number == 0:
        raise WeightError("zero")
    if number > MAX_UNITS:
        raise WeightError("large")
    return number


def json_number(thousandths: int) -> int | float:
    """Return kilograms as the number that JSON writes with at most three decimals."""
    whole, rest = divmod(thousandths, 1_000)
    return whole if rest == 0 else float(f"{whole}.{rest:03d}")


def written(thousandths: int, unit: Unit = "kg") -> str:
    """Return a weight as people write it in ``unit``, without useless zeros."""
    value = Decimal(thousandths) / 1_000 / KILOGRAMS_PER[unit]
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
