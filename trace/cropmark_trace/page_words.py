"""The shopper's page in words: one JSON file a language in ``words/``, all with the same keys; and which to use.

What a check's outcome means stands in ``texts.json`` (``texts``), since ``cropmark verify`` says the same. Placeholders
are ``{name}``; values are never taken as a format. Signed texts come in both languages and are shown, not translated.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from cropmark_ingest.registry import Text
from cropmark_trace import texts
from cropmark_trace.texts import LANGUAGES, Language

_RANGE: Final = re.compile(r"\s*([a-zA-Z-]{1,35})\s*(?:;\s*q=([01](?:\.[0-9]{1,3})?)\s*)?")


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language."""

    code: Language
    said: Mapping[str, str]

    @property
    def tag(self) -> str:
        """Return the language's BCP 47 tag, for ``lang`` and ``hreflang``."""
        return "zh-Hans" if self.code == "zh" else "en"

    @property
    def other(self) -> Language:
        """Return the language to switch to."""
        return LANGUAGES[(LANGUAGES.index(self.code) + 1) % len(LANGUAGES)]

    def __call__(self, key: str, **values: object) -> str:
        """Return the text for ``key`` with ``values`` filled in; an unknown key is a mistake of ours and raises."""
        return self.said[key].format(**values)

    def get(self, key: str, otherwise: str) -> str:
        """Return the text for ``key``, or ``otherwise`` where there is none."""
        return self.said.get(key, otherwise)

    def text(self, text: Text) -> str:
        """Return a signed text in this language."""
        return text.zh if self.code == "zh" else text.en

    def scripts(self) -> dict[str, Any]:
        """Return what the page's script says: the checks' texts and the keys that begin as its own do."""
        every = texts.catalogue()
        ours = ("status.", "chart.readout", "reading.", "metric.", "engine.", "own-node")
        return {
            "page": {key: text for key, text in self.said.items() if key.startswith(ours)},
            "results": {name: both[self.code] for name, both in every["results"].items()},
            "verdicts": {name: both[self.code] for name, both in every["verdicts"].items()},
            "where": {name: both[self.code] for name, both in every["where"].items()},
            "codes": {
                name: {code: both[self.code] for code, both in check["codes"].items()}
                for name, check in every["checks"].items()
            },
        }


@cache
def words(code: Language) -> Words:
    """Return the catalogue of a language."""
    return Words(code, json.loads(files("cropmark_trace").joinpath(f"words/{code}.json").read_text(encoding="utf-8")))


def chosen(asked: str | None, accepted: str) -> Language:
    """Return a request's language: ``asked`` in the address if we have it, else the best of ``Accept-Language``."""
    for code in LANGUAGES:
        if asked == code:
            return code
    ranked: list[tuple[float, Language]] = []
    for part in accepted[:500].split(","):
        match = _RANGE.fullmatch(part)
        if match is not None:
            primary = match[1].lower().partition("-")[0]
            ranked += [(float(match[2] or 1), code) for code in LANGUAGES if code == primary]
    best = max(ranked, key=lambda item: item[0], default=(0.0, LANGUAGES[0]))
    return best[1] if best[0] > 0 else LANGUAGES[0]
