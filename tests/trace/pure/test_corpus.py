"""Every bundle of the corpus gets exactly the verdict that its folder says."""

import re
from pathlib import Path

import pytest

from cropmark_trace import texts
from cropmark_trace.bundle import UnusableBundleError
from cropmark_trace.verdict import CODES, Verdict
from cropmark_trace.verify import verify
from tests.trace import corpus
from tests.trace.corpus import Case

EVERY = corpus.every()
CASES = {case.name: case for case in EVERY}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_bundle_gets_the_verdict_that_its_name_promises(case: Case) -> None:
    def run() -> Verdict:
        return verify(case.data, policy=case.policy, batch=case.batch, chain=case.chain, block_hash=case.block_hash)

    if case.unusable:
        with pytest.raises(UnusableBundleError):
            run()
        return
    verdict = run()
    assert corpus.found(verdict) == case.expected
    told = [texts.sentence(check, language) for check in verdict.checks for language in texts.LANGUAGES]
    assert [text for text in told if re.search(r"\{[a-z]*\}", text)] == [], "a gap in a text stays open"


def test_each_name_stands_once() -> None:
    assert len(CASES) == len(EVERY)


def test_the_corpus_shows_every_code_but_those_that_need_the_segments() -> None:
    shown = {
        (name, code)
        for case in CASES.values()
        if not case.unusable
        for name, code in {**corpus.GOOD, **case.differs}.items()
    }
    needs_segments = {"ok", "segments-incomplete", "segment-wrong", "summary-differs", "counts-differ"}
    every = {(name, code) for name, codes in CODES.items() for code in codes}
    assert every - shown == {("evidence", code) for code in needs_segments}


def test_the_corpus_is_the_same_bytes_on_every_run(tmp_path: Path) -> None:
    few = [CASES["good"], CASES["extra-proof"], CASES["oversize"]]
    for place in ("one", "two"):
        assert corpus.write(tmp_path / place, few) == 3
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.json"))
    assert len(files) == 15
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)
