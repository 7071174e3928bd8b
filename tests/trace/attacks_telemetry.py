"""Attacks on what the bundle shows of the field: summary, headers, readings, sample."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cropmark_trace import bundle, summary
from cropmark_trace.bundle import Bundle, Why
from cropmark_trace.verdict import Name
from tests.trace import world
from tests.trace.changed import GOOD_BUNDLE, SEASON, changed, edited, made, rebuilt
from tests.trace.corpus import Case
from tests.trace.world import BEFORE, GROWER, World, grown, packed, registered

Wanted = list[tuple[int, int, Why]]


def cases() -> Iterator[Case]:
    """Yield them."""
    yield from _readings()
    yield from _samples()
    yield from _summaries()
    yield from _trees()


def _flipped(text: str, at: int) -> str:
    data = bytearray(b64decode(text))
    data[at] ^= 1
    return b64encode(data).decode()


def _readings() -> Iterator[Case]:
    unproved: dict[Name, str] = {"evidence": "reading-not-proved"}

    def leaf(said: Any) -> None:
        said["readings"][0]["leaf"] = _flipped(said["readings"][0]["leaf"], -20)

    yield edited("reading-changed", unproved, leaf)

    def moved(said: Any) -> None:
        number = said["readings"][0]["header"]
        said["readings"][0]["header"] = (number + 1) % len(said["headers"])

    yield edited("reading-from-other-segment", unproved, moved)
    yield edited("reading-without-its-header", unproved, lambda said: said["readings"][0].update(header=255))
    yield edited("reading-that-is-none", unproved, lambda said: said["readings"][0].update(leaf="AAAA"))
    yield edited(
        "reading-index-changed",
        unproved,
        lambda said: said["readings"][0].update(index=said["readings"][0]["index"] ^ 1),
    )
    wrong: dict[Name, str] = {"evidence": "header-wrong"}

    def header(said: Any) -> None:
        said["headers"][0]["header"] = _flipped(said["headers"][0]["header"], 90)

    yield edited("header-changed", wrong, header)
    yield edited("header-path-changed", wrong, lambda said: said["headers"][0]["path"].reverse())
    yield edited("header-of-a-tree-that-is-not-cited", wrong, lambda said: said["headers"][0].update(tree=1))
    yield edited("header-that-is-none", wrong, lambda said: said["headers"][0].update(header="gA=="))


def _shown(name: str, differs: dict[Name, str], wanted: Wanted) -> Case:
    headers, readings = SEASON.shown(wanted)
    return rebuilt(name, differs, headers=headers, readings=readings)


def _samples() -> Iterator[Case]:
    wanted = SEASON.wanted()
    drawn = [spot for spot in wanted if spot[2] == "sample"]
    extremes = [spot for spot in wanted if spot[2] == "extreme"]
    seq, index, _ = drawn[0]
    handsome: Wanted = [(seq, index ^ 1, "sample"), *drawn[1:]]
    yield _shown("cherry-picked-sample", {"evidence": "sample-missing"}, handsome + extremes)
    yield _shown("sample-withheld", {"evidence": "sample-missing"}, drawn[1:] + extremes)
    yield _shown("nothing-shown", {"evidence": "sample-missing"}, [])
    more: Wanted = [(seq, index ^ 1, "sample")]
    yield _shown("sample-with-a-handsome-one-added", {"evidence": "sample-not-chosen"}, drawn + more + extremes)
    yield _shown("extreme-withheld", {"evidence": "extreme-missing"}, drawn + extremes[1:])
    lonely: Wanted = [(seq, index, "extreme")]
    yield _shown("extreme-that-is-none", {"evidence": "extreme-not-named"}, drawn + extremes + lonely)


def _summaries() -> Iterator[Case]:
    bad: dict[Name, str] = {"evidence": "summary-changed"}

    def warmer(said: Any) -> None:
        said["summary"]["metrics"]["air_temperature"]["max"][3] += 1

    yield edited("summary-changed", bad, warmer)
    yield rebuilt("summary-removed", bad, summary=None)
    other = World(not_before=BEFORE)
    other.cite()
    other.evidence("south")
    yield rebuilt("summary-of-another-field", bad, summary=other.summary)
    yield made("summary-of-another-stretch", bad, _cited(lambda said: said.update({"to": "2026-08-30T16:00:00Z"})))

    def colder(said: Any) -> None:
        said["metrics"]["air_temperature"]["min"][5] = -1200

    yield made("extreme-not-the-days-lowest", {"evidence": "extreme-differs"}, _cited(colder))


def _cited(change: Any) -> World:
    """Return the world of a signer whose signed summary is not what the readings give."""
    dishonest = World(not_before=BEFORE)
    registered(dishonest)
    grown(dishonest)
    dishonest.cite()
    honest = dishonest.evidence()
    change(dishonest.summary)
    assert dishonest.summary is not None
    evidence = replace(honest, summary=summary.digest(dishonest.summary))
    draft = replace(dishonest.draft("harvest", world.DAYS, world.FACTS["harvest"], GROWER), evidence=evidence)
    dishonest.sign(draft, ["grower"])
    packed(dishonest)
    return dishonest


def _trees() -> Iterator[Case]:
    differ: dict[Name, str] = {"log": "segments-not-in-log", "evidence": "segments-differ"}
    yield edited("segments-root-changed", differ, lambda said: said["segments"][0].update(root="ab" * 32))
    yield edited("segments-size-changed", differ, lambda said: said["segments"][0].update(size=21))
    yield rebuilt("segments-removed", {"evidence": "segments-differ"}, segments=[])
    yield edited(
        "evidence-removed",
        {"signatures": "signature-wrong", "chain": "gap", "log": "record-not-in-log", "evidence": "segments-differ"},
        changed(3, lambda said: said["cropmark"].update(evidence=None)),
    )
    plain = World(not_before=BEFORE)
    registered(plain)
    grown(plain)
    plain.sign(plain.draft("harvest", world.DAYS, world.FACTS["harvest"], GROWER), ["grower"])
    packed(plain)
    yield made("no-evidence", {"evidence": "no-evidence"}, plain)
    stuffed: Bundle = replace(plain.bundle(), summary=GOOD_BUNDLE.summary)
    yield made("summary-without-evidence", {"evidence": "segments-differ"}, plain, stuffed)
    assert bundle.build(stuffed)
