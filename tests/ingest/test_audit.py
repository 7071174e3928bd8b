"""The audit names what was changed, by file and segment, and says nothing of what is as it was written."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from cropmark_ingest.archive import frame
from cropmark_ingest.archive_files import FileArchive
from cropmark_ingest.audit import Finding, audit
from cropmark_ingest.database import Database
from cropmark_ingest.notices_sql import SqlNotices
from cropmark_ingest.project import Projector
from cropmark_ingest.registry_sql import Registry
from cropmark_ingest.segment import Segment
from cropmark_ingest.store_duckdb import DuckDBStore
from tests.ingest.samples import FARM, GATEWAY, OTHER_KEY, Chain, headed, pack


@dataclass
class House:
    """An archive of five segments, projected."""

    archive: FileArchive
    store: DuckDBStore
    registry: Registry
    database: Database
    chain: Chain
    root: Path

    @property
    def file(self) -> Path:
        (path,) = self.root.rglob("*.seg")
        return path

    def findings(self) -> list[Finding]:
        return list(audit(self.archive, self.store, self.registry.gateway))

    def kinds(self) -> list[tuple[str, str]]:
        return [(item.kind, item.subject) for item in self.findings()]

    def project(self) -> None:
        projector = Projector(
            self.archive, self.store, SqlNotices(self.database, lambda: 0), known=lambda _farm, _device: True
        )
        while projector.step():
            pass


@pytest.fixture
def house(tmp_path: Path, archive: FileArchive, store: DuckDBStore, registry: Registry, database: Database) -> House:
    made = House(archive, store, registry, database, Chain(), tmp_path / "archive")
    archive.append(headed(made.chain.season(5)))
    made.project()
    return made


def change(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_there_is_nothing_to_say_of_an_archive_as_it_was_written(house: House) -> None:
    ticks: list[tuple[int, int]] = []
    found = list(audit(house.archive, house.store, house.registry.gateway, lambda *tick: ticks.append(tick)))
    assert found == []
    assert ticks[-1] == (5, 5)


def test_one_byte_changed_anywhere_in_a_segment_is_named(house: House) -> None:
    places = [place for place, _ in house.archive.scan()]
    good = house.file.read_bytes()
    for offset in range(places[1].offset, places[1].offset + places[1].length, 37):
        change(house.file, offset)
        found = house.findings()
        assert any(f"{FARM}/{GATEWAY}/" in item.subject and "segment 1 of gateway" in item.subject for item in found), (
            offset
        )
        house.file.write_bytes(good)
    assert house.findings() == []


def test_a_forged_checksum_does_not_hide_a_changed_body(house: House) -> None:
    segments = [found for _, found in house.archive.scan() if isinstance(found, Segment)]
    body = bytearray(segments[3].body)
    body[-1] ^= 1
    segments[3] = Segment(segments[3].header, bytes(body))
    house.file.write_bytes(b"".join(map(frame, segments)))
    (finding,) = [item for item in house.findings() if item.kind == "archive-segment"]
    assert "segment 3 of gateway" in finding.subject
    assert "not the one that the header names" in finding.detail


def test_a_segment_put_in_anothers_place_is_named(house: House) -> None:
    segments = [found for _, found in house.archive.scan() if isinstance(found, Segment)]
    segments[2] = Chain(OTHER_KEY).season(3)[2]
    house.file.write_bytes(b"".join(map(frame, segments)))
    kinds = {kind for kind, _ in house.kinds()}
    assert {"archive-index", "archive-key", "chain-gap"} <= kinds


def test_a_file_cut_short_is_named_segment_by_segment(house: House) -> None:
    places = [place for place, _ in house.archive.scan()]
    with house.file.open("r+b") as out:
        out.truncate(places[3].offset)
    missing = [subject for kind, subject in house.kinds() if kind == "archive-missing"]
    assert [subject.split(" of ")[0] for subject in missing] == ["segment 3", "segment 4"]


def test_what_is_not_indexed_yet_is_no_finding(house: House) -> None:
    with house.file.open("ab") as out:
        out.write(frame(house.chain.season(1)[0])[:-5])
    assert house.findings() == []


def test_a_torn_end_that_was_moved_aside_is_named_until_it_is_looked_at(house: House) -> None:
    with house.file.open("ab") as out:
        out.write(b"CMSG torn")
    FileArchive(house.root, house.database)
    ((kind, subject),) = house.kinds()
    assert kind == "archive-torn"
    (house.root / subject.removeprefix("archive file ")).unlink()
    assert house.findings() == []


def test_gaps_and_forks_are_named(house: House) -> None:
    sealed = house.chain.season(2)
    stranger = Chain()
    for number in range(9):
        stranger.seal(pack(100 + number))
    house.archive.append(headed([sealed[1], stranger.sealed[7]]))
    assert sorted(house.kinds()) == [
        ("chain-fork", "segment 7 of gateway gw-1"),
        ("chain-gap", "segment 5 of gateway gw-1"),
    ]


TAMPER: dict[str, str] = {
    "a value changed": "UPDATE reading SET mantissa = mantissa + 1 WHERE counter = 3 AND index = 0",
    "a reading gone": "DELETE FROM reading WHERE counter = 3 AND index = 0",
    "a reading twice": "INSERT INTO reading SELECT * FROM reading WHERE counter = 3 AND index = 0",
    "a time changed": "UPDATE reading SET time = time - 1 WHERE counter = 3 AND index = 0",
    "a flag taken away": "UPDATE reading SET flags = 1 WHERE counter = 3 AND index = 0",
    "another device": "UPDATE reading SET device = 'x' WHERE counter = 3 AND index = 0",
    "another farm": "UPDATE reading SET farm = 'x' WHERE counter = 3 AND index = 0",
}


@pytest.mark.parametrize("statement", TAMPER.values(), ids=TAMPER.keys())
def test_a_store_that_differs_from_the_archive_is_named(house: House, statement: str) -> None:
    house.store._database.execute(statement)
    found = house.findings()
    assert {item.kind for item in found} == {"store"}
    assert any(item.subject == "device demo/soil-01, soil_moisture_10cm" for item in found)
    assert all("rebuild" in item.detail for item in found)


def test_packs_that_two_gateways_brought_are_no_difference(house: House) -> None:
    other = Chain(OTHER_KEY, gateway="gw-2")
    house.archive.append(headed(other.season(5)))
    house.project()
    assert {item.kind for item in house.findings()} == {"archive-key"}


def test_a_header_whose_body_came_later_is_no_finding(house: House) -> None:
    (late,) = house.chain.season(1)
    house.archive.append(headed([Segment(late.header, b"")]))
    house.project()
    assert house.findings() == []
    house.archive.append(headed([late]))
    house.project()
    assert house.findings() == []


def test_readings_that_are_not_projected_yet_are_no_difference(house: House) -> None:
    house.archive.append(headed(house.chain.season(2)))
    assert house.findings() == []


def test_an_archive_can_be_checked_without_a_store(house: House) -> None:
    def check() -> list[Finding]:
        return list(audit(house.archive, None, house.registry.gateway))

    assert check() == []
    change(house.file, 20)
    assert check() != []
