"""The corpus: good bundles, and one bad bundle per attack, named after it, each with the exact verdict it must get.

``python -m tests.trace.corpus OUTDIR`` writes a folder per case for verifiers in other languages:

- ``bundle.json`` the bytes to verify
- ``policy.json``, ``chain.json`` the pinned policy and what the RPC said, or ``null``
- ``options.json`` ``{"batch": scanned code or null, "blockHash": text or null}``
- ``expected.json`` ``{"unusable": true}``, or with false ``"verdict"`` and ``"checks": [{"name", "result", "code"}]``

The same bytes on every run.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cropmark_trace.chain_facts import ChainFacts
from cropmark_trace.jcs import JsonValue, canonical
from cropmark_trace.policy import Policy
from cropmark_trace.verdict import CODES, Check, Name, Verdict
from tests.trace import world
from tests.trace.world import PUBLIC


@dataclass(frozen=True)
class Case:
    """One bundle and what must come of it: ``differs`` names the checks that end otherwise than in the good bundle."""

    name: str
    data: bytes
    differs: dict[Name, str] = field(default_factory=dict)
    policy: Policy | None = PUBLIC
    chain: ChainFacts | None = None
    batch: str | None = world.BATCH
    block_hash: str | None = None
    unusable: bool = False

    @property
    def expected(self) -> list[dict[str, JsonValue]]:
        """Return name, result and code of each check."""
        codes = {**GOOD, **self.differs}
        return [{"name": name, "result": CODES[name][codes[name]], "code": codes[name]} for name in CODES]


GOOD: dict[Name, str] = {
    "schema": "ok",
    "signatures": "ok",
    "keys": "held-by-operator",
    "chain": "ok",
    "log": "ok",
    "witnesses": "none",
    "anchor": "ok",
    "time-window": "ok",
    "mass-balance": "not-in-this-version",
    "evidence": "summary-not-recomputed",
    "status": "not-in-this-version",
}
"""What the honest bundle gets: every record after a block, on a chain that somebody else runs."""


def unread(code: str) -> dict[Name, str]:
    """Return the verdict on a bundle whose form is broken."""
    rest: dict[Name, str] = dict.fromkeys(CODES, "not-readable")
    return {**rest, "schema": code}


def found(verdict: Verdict) -> list[dict[str, JsonValue]]:
    """Return a verdict as ``expected`` has it."""

    def short(check: Check) -> dict[str, JsonValue]:
        return {"name": check.name, "result": check.result, "code": check.code}

    return [short(check) for check in verdict.checks]


def cases() -> Iterator[Case]:
    """Yield every case."""
    from tests.trace import attacks_form, attacks_log, attacks_records, attacks_telemetry  # noqa: PLC0415 - they need Case

    for module in (attacks_form, attacks_records, attacks_log, attacks_telemetry):
        yield from module.cases()


@cache
def every() -> tuple[Case, ...]:
    """Return every case, made once."""
    return tuple(cases())


def write(folder: Path, every: Iterable[Case]) -> int:
    """Write the cases below ``folder`` and return how many."""
    count = 0
    for case in every:
        place = folder / case.name
        place.mkdir(parents=True, exist_ok=True)
        (place / "bundle.json").write_bytes(case.data)
        (place / "policy.json").write_bytes(canonical(case.policy.to_json() if case.policy else None))
        (place / "chain.json").write_bytes(canonical(case.chain.to_json() if case.chain else None))
        (place / "options.json").write_bytes(canonical({"batch": case.batch, "blockHash": case.block_hash}))
        expected: dict[str, JsonValue] = {"unusable": case.unusable}
        if not case.unusable:
            results = [str(check["result"]) for check in case.expected]
            expected["verdict"] = next(result for result in ("fail", "warn", "pass") if result in results)
            expected["checks"] = list(case.expected)
        (place / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")
        count += 1
    return count


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.trace.corpus OUTDIR")
    written = write(Path(sys.argv[1]), cases())
    sys.stdout.write(f"{written} cases in {sys.argv[1]}\n")
