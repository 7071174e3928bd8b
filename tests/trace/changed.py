"""Ways to change the good bundle: in its JSON, or in the world that it is made of."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cropmark_trace import bundle, jcs
from cropmark_trace.bundle import Bundle
from cropmark_trace.chain_facts import ChainFacts
from cropmark_trace.policy import Policy
from cropmark_trace.verdict import Name
from tests.trace import world
from tests.trace.corpus import Case
from tests.trace.world import BATCH, BEFORE, PUBLIC, World

SEASON = world.season(not_before=BEFORE)
GOOD_BUNDLE = SEASON.bundle()
GOOD_BYTES = bundle.build(GOOD_BUNDLE)
GOOD_FACTS = SEASON.facts()
_GOOD_JSON: Any = json.loads(GOOD_BYTES)

Change = Callable[[Any], object]
"""Changes a JSON document in place; what it returns does not matter."""


def editor(*changes: Change) -> bytes:
    """Return the good bundle after changes to its JSON, canonical again."""
    document = copy.deepcopy(_GOOD_JSON)
    for change in changes:
        change(document)
    return jcs.canonical(document)


def changed(number: int, change: Change) -> Change:
    """Return the change of one record's document."""
    return lambda document: change(document["records"][number]["record"])


def case(
    name: str,
    data: bytes,
    differs: dict[Name, str],
    policy: Policy | None = PUBLIC,
    chain: ChainFacts | None = GOOD_FACTS,
    batch: str | None = BATCH,
    block_hash: str | None = None,
) -> Case:
    """Return a case over what the honest chain says."""
    return Case(name, data, differs, policy, chain, batch, block_hash)


def edited(name: str, differs: dict[Name, str], *changes: Change) -> Case:
    """Return the case of a changed document."""
    return case(name, editor(*changes), differs)


def made(name: str, differs: dict[Name, str], other: World, shown: Bundle | None = None) -> Case:
    """Return the case of another world, with its own honest chain."""
    return case(name, bundle.build(shown or other.bundle()), differs, chain=other.facts())


def rebuilt(name: str, differs: dict[Name, str], **members: Any) -> Case:
    """Return the case of the good bundle with other members."""
    return case(name, bundle.build(replace(GOOD_BUNDLE, **members)), differs)
