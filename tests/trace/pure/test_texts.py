"""Every outcome has plain words in both languages, and the formats page names every code."""

import re
from typing import Any

import pytest

from cropmark_trace import texts
from cropmark_trace.verdict import CODES, Check, Name
from tests.conftest import REPOSITORY

PAIRS: list[tuple[Name, str]] = [(name, code) for name, codes in CODES.items() for code in codes]
_GAP = re.compile(r"\{([a-z]*)\}")


def test_the_catalogue_has_exactly_the_checks_and_codes_there_are() -> None:
    found = texts.catalogue()["checks"]
    assert list(found) == list(CODES)
    assert {name: set(entry["codes"]) for name, entry in found.items()} == {
        name: set(codes) for name, codes in CODES.items()
    }


def _all_texts(value: Any) -> list[dict[str, str]]:
    if value.keys() == {"en", "zh"}:
        return [value]
    return [text for item in value.values() for text in _all_texts(item)]


def test_each_text_has_two_languages_the_same_gaps_and_no_jargon() -> None:
    every = _all_texts(texts.catalogue())
    assert len(every) > len(PAIRS)
    for text in every:
        assert sorted(_GAP.findall(text["en"])) == sorted(_GAP.findall(text["zh"])), text
        assert not re.search("merkle|hash|root|默克尔|哈希", text["en"] + text["zh"], re.IGNORECASE), text
        assert re.search("[\u4e00-\u9fff]", text["zh"]), text
        assert not re.search("[\u4e00-\u9fff]", text["en"]), text


def test_details_that_look_like_gaps_are_not_filled_again() -> None:
    check = Check("log", "fail", "other-origin", {"origin": "{size}{origin}", "size": 3})
    assert "{size}{origin}" in texts.sentence(check, "en")


@pytest.mark.parametrize(("name", "code"), PAIRS)
def test_the_formats_page_names_each_code_in_its_checks_row(name: Name, code: str) -> None:
    page = (REPOSITORY / "docs" / "formats.md").read_text(encoding="utf-8")
    if code == "not-readable":
        assert f"`{code}`" in page
        return
    row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
    before = page[: page.index("| check | findings")]
    assert f"`{code}`" in (row + before if name == "schema" else row)
    assert f"`{code}` {CODES[name][code]}" in row or name in {"schema", "anchor", "time-window", "keys", "log"}
