"""The verdict on a bundle: eleven named checks, each with a result and a code of a closed list (docs/formats.md §10).

Never one tick: a check that could not be made says so. What a code means to people stands in ``texts.json``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from cropmark_trace.jcs import JsonValue

Result = Literal["pass", "warn", "fail", "not-checked"]
Name = Literal[
    "schema", "signatures", "keys", "chain", "log", "witnesses", "anchor", "time-window", "mass-balance", "evidence",
    "status",
]  # fmt: skip

_UNREAD: Final[Mapping[str, Result]] = {"not-readable": "not-checked"}
_NO_RPC: Final[Mapping[str, Result]] = {"no-rpc": "not-checked", "block-hash-only": "not-checked"}

CODES: Final[Mapping[Name, Mapping[str, Result]]] = {
    "schema": {
        "ok": "pass",
        "unknown-version": "fail",
        "number": "fail",
        "text": "fail",
        "not-canonical": "fail",
        "profile": "fail",
        "other-batch": "fail",
        "other-farm": "fail",
    },
    "signatures": {
        "ok": "pass",
        "signature-missing": "fail",
        "signature-extra": "fail",
        "signature-wrong": "fail",
        **_UNREAD,
    },
    "keys": {
        "ok": "pass",
        "held-by-operator": "pass",
        "one-custodian": "warn",
        "no-policy": "warn",
        "key-not-registered": "fail",
        "other-registrar": "fail",
        "key-registered-later": "fail",
        "wrong-use": "fail",
        "wrong-role": "fail",
        "wrong-farm": "fail",
        **_UNREAD,
    },
    "chain": {
        "ok": "pass",
        "not-first": "fail",
        "fork": "fail",
        "gap": "fail",
        "order": "fail",
        **_UNREAD,
    },
    "log": {
        "ok": "pass",
        "no-policy": "warn",
        "checkpoint-malformed": "fail",
        "other-origin": "fail",
        "checkpoint-forged": "fail",
        "checkpoint-not-signed": "fail",
        "record-not-in-log": "fail",
        "key-not-in-log": "fail",
        "segments-not-in-log": "fail",
        **_UNREAD,
    },
    "witnesses": {
        "ok": "pass",
        "none": "warn",
        "too-few": "warn",
        "forged": "fail",
        **_UNREAD,
    },
    "anchor": {
        "ok": "pass",
        "not-anchored": "warn",
        "operator-chain": "warn",
        "no-policy": "warn",
        "other-chain": "not-checked",
        **_NO_RPC,
        "other-contract": "fail",
        "block-differs": "fail",
        "root-missing": "fail",
        "root-differs": "fail",
        "not-in-block": "fail",
        **_UNREAD,
    },
    "time-window": {
        "ok": "pass",
        "no-lower-bound": "warn",
        "operator-chain": "warn",
        "no-policy": "warn",
        "not-anchored": "not-checked",
        "other-chain": "not-checked",
        **_NO_RPC,
        "block-differs": "fail",
        "before-it-could": "fail",
        "after-the-anchor": "fail",
        **_UNREAD,
    },
    "mass-balance": {"not-in-this-version": "not-checked", **_UNREAD},
    "evidence": {
        "ok": "pass",
        "no-evidence": "warn",
        "summary-not-recomputed": "warn",
        "segments-incomplete": "warn",
        "segments-differ": "fail",
        "summary-changed": "fail",
        "header-wrong": "fail",
        "reading-not-proved": "fail",
        "sample-missing": "fail",
        "sample-not-chosen": "fail",
        "extreme-missing": "fail",
        "extreme-not-named": "fail",
        "extreme-differs": "fail",
        "segment-wrong": "fail",
        "summary-differs": "fail",
        "counts-differ": "fail",
        **_UNREAD,
    },
    "status": {"not-in-this-version": "not-checked", **_UNREAD},
}
"""Every check in its order, and every code that it can end with."""

_WORST_FIRST: Final[tuple[Result, ...]] = ("fail", "warn", "not-checked", "pass")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found; ``details`` fill the gaps of the text for its code."""

    code: str
    details: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check."""

    name: Name
    result: Result
    code: str
    details: Mapping[str, JsonValue] = field(default_factory=dict)

    def to_json(self) -> dict[str, JsonValue]:
        """Return the check as JSON."""
        return {"name": self.name, "result": self.result, "code": self.code, "details": dict(self.details)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The checks of one bundle, in the documented order."""

    batch: str | None
    checks: tuple[Check, ...]

    @property
    def worst(self) -> Result:
        """Return the worst result of what was checked: fail, warn or pass."""
        results = {check.result for check in self.checks}
        return next(result for result in ("fail", "warn", "pass", "not-checked") if result in results)

    @property
    def exit_code(self) -> int:
        """Return 1 if a check failed, else 0; input that is unusable has no verdict, and 2."""
        return 1 if self.worst == "fail" else 0

    def check(self, name: Name) -> Check:
        """Return the check of this name."""
        return next(check for check in self.checks if check.name == name)

    def to_json(self) -> dict[str, JsonValue]:
        """Return the verdict as JSON."""
        return {"batch": self.batch, "verdict": self.worst, "checks": [check.to_json() for check in self.checks]}


def settle(name: Name, findings: Iterable[Finding]) -> Check:
    """Return the check that ``findings`` amount to: the worst counts, and of equally bad ones the first."""
    found = list(findings)
    results = CODES[name]
    worst = min(found, key=lambda finding: _WORST_FIRST.index(results[finding.code]))
    return Check(name, results[worst.code], worst.code, worst.details)
