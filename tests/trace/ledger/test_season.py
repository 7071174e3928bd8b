"""A season is read from the archive as the gateways sealed it, or not at all."""

import dataclasses
from dataclasses import dataclass

import pytest

from cropmark_ingest.cose import public_bytes
from cropmark_ingest.registry import Placement
from cropmark_ingest.segment import Gap, Segment
from cropmark_trace import evidence, season
from cropmark_trace.season import Found, GatewayTree
from cropmark_trace.storage import AlteredError
from tests.trace.ledger.archive import HOUR, SESSION, START, Archive, key_from, reading

KEY = key_from(1)
PUBLIC = public_bytes(KEY)
NORTH = [Placement("demo", "air-1", "north", START), Placement("demo", "air-2", "south", START)]


def opened(archive: Archive) -> list[GatewayTree]:
    return [season.open_tree(archive, key, size) for key, size in archive.trees("demo")]


@dataclass
class Season:
    found: list[Found]
    devices: set[str]
    expected: int
    gaps: int


def north(archive: Archive, hours: int = 24) -> Season:
    stop = START + hours * HOUR
    trees = opened(archive)
    stays = season.stays_in(archive.placements("demo"), "north", START, stop)
    found = list(season.readings(archive, trees, farm="demo", start=START, stop=stop))
    chosen = evidence.select((item.reading for item in found), stays)
    return Season(
        [item for item in found if any(item.reading is reading for reading in chosen)],
        {stay.device for stay in stays},
        season.expected(archive, "demo", stays, chosen),
        evidence.lost((header for tree in trees for header in tree.opened), stays, START, stop),
    )


def test_only_the_readings_of_devices_in_the_field_within_the_window_are_taken() -> None:
    archive = Archive(NORTH)
    archive.fill(KEY, ["air-1", "air-2", "nowhere"], 30)
    found = north(archive)
    assert [(item.reading.device, item.reading.counter) for item in found.found] == [
        ("air-1", counter) for counter in range(24)
    ]
    assert (found.devices, found.expected, found.gaps) == ({"air-1"}, 24, 0)


def test_each_reading_is_found_at_its_place_in_its_segment() -> None:
    archive = Archive(NORTH)
    archive.fill(KEY, ["air-1", "air-2"], 24)
    trees = opened(archive)
    for item in north(archive).found:
        assert season.open_segment(archive, trees[item.tree], item.seq)[item.index] == item.reading


def test_a_device_that_moved_counts_where_it_stood_at_the_readings_time() -> None:
    archive = Archive([*NORTH, Placement("demo", "air-1", "south", START + 10 * HOUR)])
    archive.fill(KEY, ["air-1"], 24)
    found = north(archive)
    assert [item.reading.counter for item in found.found] == list(range(10))
    assert found.expected == 10


def test_a_reading_that_two_gateways_heard_counts_once() -> None:
    archive = Archive(NORTH)
    archive.fill(KEY, ["air-1"], 24)
    archive.fill(key_from(2), ["air-1"], 24)
    assert len(north(archive).found) == 24


def test_a_silent_device_is_expected_all_the_same() -> None:
    archive = Archive([*NORTH, Placement("demo", "air-3", "north", START)])
    archive.fill(KEY, ["air-1"], 24)
    assert north(archive).expected == 48


def test_lost_packs_of_the_fields_devices_are_counted() -> None:
    archive = Archive(NORTH)
    archive.fill(KEY, ["air-1"], 12)
    archive.seal(
        KEY,
        [reading("air-1", 20)],
        gaps=[Gap("spool-full", "air-1", SESSION, 12, 19), Gap("spool-full", "air-2", SESSION, 0, 3)],
    )
    assert north(archive).gaps == 8


def test_a_farms_season_leaves_other_farms_alone() -> None:
    archive = Archive([*NORTH, Placement("other", "air-1", "north", START)])
    archive.fill(KEY, ["air-1"], 6)
    archive.seal(key_from(3), [reading("air-1", 0, farm="other")], farm="other")
    assert len(north(archive).found) == 6


def altered(archive: Archive, change: str) -> None:
    chain = archive.segments[PUBLIC]
    third = chain[2]
    match change:
        case "one byte of a body":
            body = bytearray(third.body)
            body[len(body) // 2] ^= 1
            chain[2] = Segment(third.header, bytes(body))
        case "one byte of a header":
            header = bytearray(third.header)
            header[60] ^= 1
            chain[2] = Segment(bytes(header), third.body)
        case "two segments exchanged":
            chain[1], chain[2] = chain[2], chain[1]
        case "another segment's body":
            chain[2] = dataclasses.replace(third, body=chain[1].body)
        case "a segment of another key":
            other = Archive()
            other.fill(key_from(9), ["air-1"], 24)
            chain[2] = other.segments[public_bytes(key_from(9))][2]


@pytest.mark.parametrize(
    "change",
    [
        "one byte of a body",
        "one byte of a header",
        "two segments exchanged",
        "another segment's body",
        "a segment of another key",
    ],
)
def test_an_altered_archive_is_refused_and_the_segment_named(change: str) -> None:
    archive = Archive(NORTH)
    archive.fill(KEY, ["air-1"], 24)
    assert len(north(archive).found) == 24
    altered(archive, change)
    with pytest.raises(AlteredError, match=r"segment [12]\b"):
        north(archive)


def test_a_shortened_archive_is_refused() -> None:
    archive = Archive(NORTH)
    archive.fill(KEY, ["air-1"], 24)
    with pytest.raises(AlteredError, match="4 of the 5 headers"):
        season.open_tree(archive, PUBLIC, 5)
