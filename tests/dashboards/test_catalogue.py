"""The languages: complete, alike, and used."""

import json
import re
import string
from pathlib import Path
from typing import get_args

import pytest

from cropmark_dashboards import catalogue, templating
from cropmark_dashboards.catalogue import languages, words
from cropmark_dashboards.shown import ProblemKind
from cropmark_trace.verdict import CODES

PACKAGE = Path(catalogue.__file__).parent
TEMPLATES = PACKAGE / "templates"


def test_every_language_has_the_same_keys() -> None:
    assert set(languages()) >= {"en", "zh"}
    for code in languages():
        assert words(code).keys() == words("en").keys(), code


def test_no_key_stands_twice() -> None:
    for code in languages():
        pairs = json.loads((PACKAGE / "words" / f"{code}.json").read_text(), object_pairs_hook=list)
        assert len(dict(pairs)) == len(pairs)


def test_a_text_has_the_same_gaps_in_every_language() -> None:
    def gaps(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for code in languages():
        for key in words("en").keys():  # noqa: SIM118 - not a dict
            theirs, ours = gaps(words(code)._texts[key]), gaps(words("en")._texts[key])
            assert theirs == ours, (code, key)


def test_no_text_is_empty_and_chinese_is_chinese() -> None:
    same = {"html-lang", "locale", "when.today", "field.fresh"}
    for key in words("en").keys() - same:
        assert words("zh")._texts[key].strip(), key
        assert re.search(r"[\u4e00-\u9fff]", words("zh")._texts[key]), key


def test_every_key_that_a_page_names_is_there() -> None:
    known = words("en").keys()
    for file in TEMPLATES.glob("*.html"):
        for key in re.findall(r"\bt\('([a-z0-9.-]+)'[,)]", file.read_text()):
            assert key in known, (file.name, key)
        for key in re.findall(r"\bn\('([a-z0-9.-]+)'", file.read_text()):
            assert {f"{key}.one", f"{key}.other"} <= known, (file.name, key)


def test_every_text_is_used_somewhere() -> None:
    code = "".join(file.read_text() for file in (*TEMPLATES.glob("*.html"), *PACKAGE.glob("*.py")))
    made = ("check.", "verdict.", "result.", "step.", "problem.", "error.", "nav.", "form.", "month.", "age.", "unit.")
    for key in words("en").keys():  # noqa: SIM118 - not a dict
        plain = re.sub(r"\.(one|other)$", "", key)
        assert plain in code or key.startswith(made) or plain == "html-lang", key


@pytest.mark.parametrize("kind", get_args(ProblemKind))
def test_every_problem_says_what_it_is_and_what_to_do(kind: str) -> None:
    assert words("en").has(f"problem.{kind}.title")
    assert words("en").has(f"problem.{kind}.do")


def test_every_outcome_of_every_check_has_plain_words() -> None:
    for name, codes in CODES.items():
        assert words("en").has(f"check.{name}")
        for result in set(codes.values()):
            assert words("en").has(f"check.{name}.{result}") or result == "not-checked", (name, result)


def test_hostile_values_are_not_taken_as_formats() -> None:
    assert words("en")("link.text", name="{0.__class__}") == "This link signs you in as {0.__class__}."


def test_templates_hold_no_inline_style_script_or_handler() -> None:
    for file in TEMPLATES.glob("*.html"):
        text = file.read_text()
        assert not re.search(r"\sstyle=|\son[a-z]+=|javascript:|<style|\|\s*safe", text), file.name
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), file.name


def test_a_value_that_is_not_given_is_an_error() -> None:
    with pytest.raises(Exception, match="undefined"):
        templating.render("error.html", {"t": words("en"), "html_lang": "en"})
