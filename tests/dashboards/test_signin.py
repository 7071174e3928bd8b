"""One-time links, sessions, tokens: the use case over its real database."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cropmark_dashboards import secret
from cropmark_dashboards.attempts import ALL_CLIENTS, MAX_CLIENTS, PER_CLIENT, WINDOW_MS, Attempts, TooManyAttemptsError
from cropmark_dashboards.database import Database, SchemaError, sqlite_engine
from cropmark_dashboards.signin import LINK_MS, SESSION_MS, SLIDE_MS, BadLinkError, SignIn
from cropmark_dashboards.signin_sql import SqlSignInStore
from cropmark_ingest.principal import Principal
from tests.dashboards.world import NOW, Counting, MovableClock

LI = Principal("Li Na", frozenset({"demo", "other"}))


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "web" / "signin.sqlite"


@pytest.fixture
def store(file: Path) -> Iterator[SqlSignInStore]:
    database = Database(sqlite_engine(file))
    yield SqlSignInStore(database)
    database.close()


@pytest.fixture
def signin(store: SqlSignInStore, clock: MovableClock) -> SignIn:
    return SignIn(store, clock, Counting())


def test_a_link_opens_one_session_for_whom_it_was_made(signin: SignIn) -> None:
    session = signin.follow_link(signin.make_link(LI), "phone")
    assert session.principal == LI
    assert signin.by_session(session.secret) == LI


def test_a_link_works_once(signin: SignIn) -> None:
    link = signin.make_link(LI)
    signin.follow_link(link, "phone")
    with pytest.raises(BadLinkError):
        signin.follow_link(link, "phone")


def test_looking_at_a_link_does_not_use_it_up(signin: SignIn) -> None:
    link = signin.make_link(LI)
    assert [signin.link_opens(link) for _ in range(3)] == [LI, LI, LI]
    assert signin.follow_link(link, "phone").principal == LI


def test_a_link_ends_after_fifteen_minutes(signin: SignIn, clock: MovableClock) -> None:
    link = signin.make_link(LI)
    clock.now = NOW + LINK_MS - 1
    assert signin.link_opens(link) == LI
    clock.now = NOW + LINK_MS
    assert signin.link_opens(link) is None
    with pytest.raises(BadLinkError):
        signin.follow_link(link, "phone")


def test_of_many_who_press_the_button_at_once_one_gets_in(signin: SignIn) -> None:
    link = signin.make_link(LI)
    let_in, refused = [], []

    def press(number: int) -> None:
        try:
            let_in.append(signin.follow_link(link, f"phone-{number}").secret)
        except BadLinkError:
            refused.append(number)

    threads = [threading.Thread(target=press, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(let_in), len(refused)) == (1, 7)


def test_no_secret_is_in_the_database(signin: SignIn, file: Path) -> None:
    used = signin.make_link(LI)
    secrets = [signin.make_link(LI), used, signin.follow_link(used, "phone").secret, signin.make_token(LI, "script")]
    stored = b"".join(part.read_bytes() for part in file.parent.iterdir())
    assert not [text for text in secrets if text.encode() in stored]
    assert secret.digest("session", secrets[2]) in stored


def test_only_the_owner_can_read_the_database(signin: SignIn, file: Path) -> None:
    signin.make_link(LI)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_link_is_no_session_and_a_session_no_token(signin: SignIn) -> None:
    link = signin.make_link(LI)
    assert signin.by_session(link) is None
    assert signin.by_token(link) is None
    session = signin.follow_link(link, "phone").secret
    assert signin.by_token(session) is None
    assert signin.link_opens(session) is None


def test_a_session_lives_thirty_days_from_its_last_use(signin: SignIn, clock: MovableClock) -> None:
    session = signin.follow_link(signin.make_link(LI), "phone").secret
    clock.now = NOW + SESSION_MS - 1
    assert signin.by_session(session) == LI
    clock.now += SESSION_MS - 1
    assert signin.by_session(session) == LI
    clock.now += SESSION_MS
    assert signin.by_session(session) is None


def test_a_session_is_written_at_most_once_a_day(signin: SignIn, clock: MovableClock, store: SqlSignInStore) -> None:
    session = signin.follow_link(signin.make_link(LI), "phone").secret
    digest = secret.digest("session", session)
    clock.now = NOW + SLIDE_MS
    signin.by_session(session)
    kept = store.get("session", digest)
    assert kept is not None
    assert kept.expires == NOW + SESSION_MS
    clock.now += 1
    signin.by_session(session)
    kept = store.get("session", digest)
    assert kept is not None
    assert kept.expires == clock.now + SESSION_MS


def test_signing_out_ends_the_session_on_the_server(signin: SignIn) -> None:
    session = signin.follow_link(signin.make_link(LI), "phone").secret
    signin.sign_out(session)
    assert signin.by_session(session) is None


def test_a_token_lives_until_it_is_withdrawn(signin: SignIn, clock: MovableClock) -> None:
    token = signin.make_token(Principal("script", None), "weather import")
    clock.now += 400 * 86_400_000
    assert signin.by_token(token) == Principal("script", None)
    (known,) = signin.tokens()
    assert known.note == "weather import"
    signin.withdraw_token(known.digest)
    assert signin.by_token(token) is None


def test_a_token_that_the_data_folder_made_is_accepted_again_and_again(signin: SignIn) -> None:
    token = "M0gQmVqz2pW4yC7kTn9sJd1uXb5hLr8eAf3iOxYvGwE"
    signin.keep_token(token, Principal("operator", None), "command line")
    signin.keep_token(token, Principal("operator", None), "command line")
    assert signin.by_token(token) == Principal("operator", None)
    assert len(signin.tokens()) == 1
    with pytest.raises(ValueError, match="256 random bits"):
        signin.keep_token("guessme", Principal("operator", None), "command line")


@pytest.mark.parametrize("text", ["", "x", "A" * 42 + "!", "鍵" * 40, "A" * 5_000, "../" * 20])
def test_what_cannot_be_a_secret_is_never_looked_up(signin: SignIn, text: str) -> None:
    assert (signin.by_session(text), signin.by_token(text), signin.link_opens(text)) == (None, None, None)


def test_who_fails_too_often_has_to_wait(signin: SignIn, clock: MovableClock) -> None:
    for _ in range(PER_CLIENT):
        with pytest.raises(BadLinkError):
            signin.follow_link("A" * 43, "thief")
    with pytest.raises(TooManyAttemptsError) as refusal:
        signin.follow_link(signin.make_link(LI), "thief")
    assert refusal.value.seconds == WINDOW_MS // 1_000 + 1
    assert signin.follow_link(signin.make_link(LI), "neighbour").principal == LI
    clock.now += WINDOW_MS
    assert signin.follow_link(signin.make_link(LI), "thief").principal == LI


def test_failures_of_very_many_clients_are_bounded_in_number_and_memory(clock: MovableClock) -> None:
    attempts = Attempts(clock)
    for number in range(MAX_CLIENTS + 50):
        attempts.failed(f"2001:db8::{number:x}")
    with pytest.raises(TooManyAttemptsError):
        attempts.check("somebody else")
    assert len(attempts._clients) == MAX_CLIENTS
    assert len(attempts._all) == ALL_CLIENTS
    clock.now += WINDOW_MS
    attempts.check("somebody else")


def test_old_links_and_sessions_are_swept_away(signin: SignIn, clock: MovableClock, file: Path) -> None:
    for _ in range(3):
        signin.make_link(LI)
    clock.now += LINK_MS
    signin.make_link(LI)
    connection = sqlite3.connect(file)
    assert connection.execute("SELECT count(*) FROM secret").fetchone() == (1,)
    connection.close()


def test_a_database_of_another_version_is_refused(signin: SignIn, file: Path) -> None:
    signin.make_link(LI)
    connection = sqlite3.connect(file)
    with connection:
        connection.execute("UPDATE schema_version SET version = 99")
    connection.close()
    engine = sqlite_engine(file)
    with pytest.raises(SchemaError, match="has schema 99"):
        Database(engine)
    engine.dispose()


def test_a_forms_token_belongs_to_one_session() -> None:
    assert secret.csrf_fits("one", secret.csrf("one"))
    assert not secret.csrf_fits("two", secret.csrf("one"))
    assert not secret.csrf_fits("one", "")
    assert not secret.csrf_fits("one", "鍵")
