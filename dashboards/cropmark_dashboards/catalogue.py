"""The language catalogues: one JSON file a language in ``words/``, all with the same keys.

A new language is a new file, found by its name. Placeholders are Python's ``{name}``; values are
never taken as a format.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from cropmark_ingest.metric import CATALOGUE, Metric
from cropmark_ingest.registry import Text

FOLDER: Final = Path(__file__).parent / "words"
DEFAULT: Final = "en"


class Words:
    """The texts of one language; ``code`` is its name in addresses and cookies."""

    def __init__(self, code: str, texts: Mapping[str, str]) -> None:
        self.code = code
        self._texts = texts

    def __call__(self, key: str, **values: object) -> str:
        """Return the text for ``key`` with ``values`` filled in; an unknown key is a mistake of ours and raises."""
        return self._texts[key].format(**values)

    def has(self, key: str) -> bool:
        """Tell whether there is a text for ``key``."""
        return key in self._texts

    def keys(self) -> frozenset[str]:
        """Return all keys."""
        return frozenset(self._texts)

    def counted(self, key: str, n: int, **values: object) -> str:
        """Return ``key.one`` for 1 and ``key.other`` for any other number."""
        return self(f"{key}.{'one' if n == 1 else 'other'}", n=f"{n:,}", **values)

    def text(self, text: Text) -> str:
        """Return a person's own text, which is there in both languages; it is shown, never translated."""
        return text.zh if self.code == "zh" else text.en

    def metric(self, metric: Metric) -> str:
        """Return a metric's name."""
        return metric.zh if self.code == "zh" else metric.en

    def named(self, word: str) -> str:
        """Return a metric's name for its name in the catalogue; any other word of the machine as it is."""
        return self.metric(CATALOGUE[word]) if word in CATALOGUE else word


@cache
def languages() -> tuple[str, ...]:
    """Return the codes of all languages, the default first."""
    found = sorted(file.stem for file in FOLDER.glob("*.json"))
    return (DEFAULT, *(code for code in found if code != DEFAULT))


@cache
def words(code: str) -> Words:
    """Return the catalogue of one of :func:`languages`."""
    return Words(code, json.loads((FOLDER / f"{code}.json").read_text(encoding="utf-8")))
