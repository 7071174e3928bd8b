"""What the contract costs: a snapshot, printed, bounded, and the same as the table in the README."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.deployed import OWNER, PUBLISHER, Bench, account, deploy

README = Path(__file__).resolve().parents[2] / "contracts" / "README.md"
# No zero bytes, as in digests: in calldata a byte that is not zero costs four times a zero.
LOG = b"\xff" * 32
ROOTS = [bytes([number]) * 32 for number in range(1, 4)]
LARGE = 2**63


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    file, bench = deploy(tmp_path_factory.mktemp("gas") / "chain.sqlite", lambda: 1_793_534_400.0)
    yield _measure(bench)
    file.close()


def _measure(bench: Bench) -> dict[str, int]:
    def cost(key: bytes, name: str, *arguments: object) -> int:
        return bench.send(key, name, *arguments).gas_used

    return {
        "deploy": bench.deployment.gas_used,
        "add a publisher": cost(OWNER, "add_publisher", LOG, account(PUBLISHER)),
        "a log's first anchor": cost(PUBLISHER, "anchor", LOG, LARGE, ROOTS[0]),
        "each later anchor": cost(PUBLISHER, "anchor", LOG, 2**64 - 2, ROOTS[1]),
        "remove a publisher": cost(OWNER, "remove_publisher", LOG, account(PUBLISHER)),
        "offer ownership": cost(OWNER, "offer_ownership", account(PUBLISHER)),
        "accept ownership": cost(PUBLISHER, "accept_ownership"),
    }


def test_an_anchor_after_the_first_and_the_deployment_stay_within_their_bounds(costs: dict[str, int]) -> None:
    assert costs["each later anchor"] <= 55_000
    assert costs["a log's first anchor"] <= 72_500
    assert costs["deploy"] < 1_200_000


def test_the_readme_shows_these_figures(costs: dict[str, int]) -> None:
    later = costs["each later anchor"]
    rows = [f"| {name} | {gas:,} |" for name, gas in costs.items()]
    rows += [f"| {batches:,} | {later / batches:,.3f} |" for batches in (1, 1_000, 1_000_000)]
    print("\n".join(rows))  # noqa: T201 - the table, ready to be pasted
    shown = README.read_text(encoding="utf-8").splitlines()
    assert [row for row in rows if row not in shown] == []
