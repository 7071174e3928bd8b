"""What each outcome of a check means, in plain words: the catalogue ``texts.json``, shared with the shopper's page."""

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from cropmark_trace.verdict import Check, Result

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")
_GAP: Final = re.compile(r"\{([a-z]+)\}")
_PLACES: Final = ("record", "key", "gateway", "header", "reading")


@cache
def catalogue() -> Mapping[str, Any]:
    """Return the whole catalogue."""
    found: Mapping[str, Any] = json.loads(files("cropmark_trace").joinpath("texts.json").read_text(encoding="utf-8"))
    return found


def title(check: Check, language: Language) -> str:
    """Return the question that a check answers."""
    return str(catalogue()["checks"][check.name]["title"][language])


def result(name: Result, language: Language) -> str:
    """Return the word for a result."""
    return str(catalogue()["results"][name][language])


def verdict(worst: Result, language: Language) -> str:
    """Return the sentence for a whole verdict."""
    return str(catalogue()["verdicts"][worst][language])


def sentence(check: Check, language: Language) -> str:
    """Return why a check ended as it did; ``{where}`` is told by whichever place the details name."""
    gaps: dict[str, object] = {name: item for name, item in check.details.items() if isinstance(item, str | int)}
    for place in _PLACES:
        if place in gaps and "where" not in gaps:
            gaps["where"] = str(catalogue()["where"][place][language]).replace("{number}", str(gaps[place]))
    text = str(catalogue()["checks"][check.name]["codes"][check.code][language])
    return _GAP.sub(lambda gap: str(gaps.get(gap[1], gap[0])), text)
