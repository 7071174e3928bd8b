"""One chain a module."""

from collections.abc import Iterator

import pytest

from tests.contracts.deployed import OWNER, PUBLISHER, Bench, LogMaker, account, deploy


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    file, made = deploy(tmp_path_factory.mktemp("bench") / "chain.sqlite", lambda: 1_793_534_400.0)
    yield made
    file.close()


@pytest.fixture
def fresh_log(bench: Bench) -> LogMaker:
    """Make a log id that no other test uses, with PUBLISHER as its publisher."""

    def make() -> bytes:
        number = bench.chain.head_number()
        log_id = bytes([0xA0]) * 28 + number.to_bytes(4, "big")
        bench.send(OWNER, "add_publisher", log_id, account(PUBLISHER))
        return log_id

    return make
