"""A log and its keys are started once, found again, and never made up for when one of them is lost."""

import shutil

import pytest

from cropmark_trace.ledger import WrongLogError
from cropmark_trace.wiring import DATABASE, open_trace
from tests.trace.ledger.world import World, season


def test_a_restart_finds_the_same_log_and_keys(world: World) -> None:
    first = world.open()
    season(world, first)
    head, vkey, registrar = first.ledger.head(), first.ledger.vkey, first.ledger.registrar
    first.close()
    second = world.open()
    assert (second.ledger.head(), second.ledger.vkey, second.ledger.registrar) == (head, vkey, registrar)
    second.close()


@pytest.mark.parametrize("key", ["log", "registrar"])
def test_a_lost_key_is_not_replaced(world: World, key: str) -> None:
    first = world.open()
    season(world, first)
    first.close()
    (world.folder / "keys" / f"{key}.pem").unlink()
    with pytest.raises(WrongLogError, match=f"the key '{key}' is not"):
        world.open()
    assert not (world.folder / "keys" / f"{key}.pem").exists()


def test_a_lost_database_does_not_begin_a_second_log_under_one_key(world: World) -> None:
    world.open().close()
    for file in world.folder.glob(f"{DATABASE}*"):
        file.unlink()
    with pytest.raises(WrongLogError, match="would be a fork"):
        world.open()


def test_another_installations_keys_are_refused(world: World) -> None:
    world.open().close()
    other = World(world.folder.parent / "other")
    other.open().close()
    shutil.copy(other.folder / "keys" / "log.pem", world.folder / "keys" / "log.pem")
    with pytest.raises(WrongLogError, match="not signed by this installation's log key"):
        world.open()


def test_another_origin_is_refused(world: World) -> None:
    world.open().close()
    with pytest.raises(WrongLogError, match="set the origin back"):
        open_trace(world.folder, origin="elsewhere.test", outside=world.outside())


def test_a_first_start_that_was_cut_off_goes_on(world: World) -> None:
    world.open().close()
    (world.folder / "keys" / "registrar.pem").unlink()  # the log was signed, the registrar's key not yet made
    again = world.open()
    season(world, again)
    assert list(again.fsck()) == []
    again.close()
