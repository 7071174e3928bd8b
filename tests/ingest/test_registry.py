"""The registry keeps farms apart, takes a fact twice, and never replaces a key; the database refuses what it is not."""

import sqlite3
from pathlib import Path

import pytest

from cropmark_ingest.database import Database, DatabaseError, sqlite_engine
from cropmark_ingest.names import BadNameError
from cropmark_ingest.registry import Device, Farm, Field, Gateway, Party, Placement, Text
from cropmark_ingest.registry_sql import Registry, RegistryError

SQUARE: dict[str, object] = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
FARM = Farm("demo", Text("Demo", "示范"), "US", -300, Text("not real", "并非真实"))
FIELD = Field("demo", "north", Text("North", "北"), SQUARE, Text("Corn", "玉米"), "2026-05-01")


@pytest.fixture
def empty(database: Database) -> Registry:
    return Registry(database)


def test_every_fact_comes_back_as_it_was_put(empty: Registry) -> None:
    party = Party("demo", "grower", Text("A grower", "种植户"), "grower")
    device = Device("demo", "soil-01", "model", 3_600_000)
    gateway = Gateway("demo", "gw-1", bytes(32))
    for _ in range(2):
        empty.put_farm(FARM)
        empty.put_field(FIELD)
        empty.put_device(device)
        empty.put_party(party)
        empty.enroll_gateway(gateway)
        empty.place(Placement("demo", "soil-01", "north", 5))
    assert empty.farms() == [FARM]
    assert empty.farm("demo") == FARM
    assert empty.fields("demo") == [FIELD]
    assert empty.devices("demo") == [device]
    assert empty.parties("demo") == [party]
    assert empty.gateways("demo") == [gateway]
    assert empty.gateway(bytes(32)) == gateway
    assert empty.placements("demo") == [Placement("demo", "soil-01", "north", 5)]


def test_what_is_not_there_is_none(empty: Registry) -> None:
    assert empty.farm("demo") is None
    assert empty.gateway(bytes(32)) is None
    assert empty.fields("demo") == []


def test_farms_are_kept_apart(empty: Registry) -> None:
    empty.put_farm(FARM)
    empty.put_field(FIELD)
    empty.put_device(Device("demo", "d", "m", 1))
    assert empty.fields("other") == []
    assert empty.devices("other") == []


def test_what_may_change_changes(empty: Registry) -> None:
    empty.put_farm(FARM)
    real = Farm("demo", Text("Renamed", "改名"), "CN", 480)
    empty.put_farm(real)
    assert empty.farms() == [real]
    empty.put_field(FIELD)
    fallow = Field("demo", "north", Text("North", "北"), SQUARE)
    empty.put_field(fallow)
    assert empty.fields("demo") == [fallow]


def test_a_key_is_enrolled_once_and_a_gateway_may_have_a_new_one(empty: Registry) -> None:
    empty.enroll_gateway(Gateway("demo", "gw-1", bytes(32)))
    empty.enroll_gateway(Gateway("demo", "gw-1", bytes([1]) * 32))
    assert len(empty.gateways("demo")) == 2
    for other in (Gateway("demo", "gw-2", bytes(32)), Gateway("second", "gw-1", bytes(32))):
        with pytest.raises(RegistryError, match="already enrolled as demo/gw-1"):
            empty.enroll_gateway(other)


def test_a_placement_is_never_replaced(empty: Registry) -> None:
    empty.place(Placement("demo", "d", "north", 5))
    empty.place(Placement("demo", "d", "south", 5))
    empty.place(Placement("demo", "d", "south", 9))
    assert [item.field for item in empty.placements("demo")] == ["north", "south"]


def test_names_and_shapes_that_do_not_fit_are_refused(empty: Registry) -> None:
    with pytest.raises(BadNameError):
        empty.put_farm(Farm("../x", Text("x", "x"), "US", 0))
    with pytest.raises(BadNameError):
        empty.put_field(Field("demo", "North Field", Text("x", "x"), SQUARE))
    with pytest.raises(BadNameError):
        empty.put_device(Device("demo", "", "m", 1))
    with pytest.raises(BadNameError):
        empty.enroll_gateway(Gateway("demo", "GW", bytes(32)))
    with pytest.raises(RegistryError, match="Polygon"):
        empty.put_field(Field("demo", "north", Text("x", "x"), {"type": "Point"}))


def test_a_schema_of_another_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "ingest.sqlite"
    Database(sqlite_engine(file)).close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE schema_version SET version = 7")
        connection.execute("DROP TABLE notice")
    connection.close()
    opened = sqlite_engine(file)
    with pytest.raises(DatabaseError, match="schema 7, this Cropmark knows 1"):
        Database(opened)
    opened.dispose()
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'notice'").fetchone() == (0,)
    connection.close()


def test_what_was_written_is_safe_from_a_power_cut(database: Database) -> None:
    with database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_a_file_that_is_no_database_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "ingest.sqlite").write_bytes(b"not a database, certainly not" * 50)
    opened = sqlite_engine(tmp_path / "ingest.sqlite")
    with pytest.raises(DatabaseError, match="not a database"):
        Database(opened)
    opened.dispose()
