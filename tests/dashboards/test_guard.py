"""Who gets in, over HTTP, and what a write must bring along."""

import httpx
import pytest

from cropmark_dashboards.guard import COOKIE, safe_path
from cropmark_ingest.principal import Principal
from tests.dashboards.conftest import PAGE, origin, send, sign_in
from tests.dashboards.world import World

SEASON = "/api/v1/farms/demo/fields/north/season?metric=air_temperature"
PAGES = ("/farm", "/farm/demo", "/farm/demo/fields/north", "/farm/demo/batches", "/farm/demo/harvest")


@pytest.mark.parametrize("path", PAGES)
def test_a_browser_that_is_not_signed_in_is_led_to_the_sign_in_page(browser: httpx.Client, path: str) -> None:
    answer = browser.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/signin?next={path}")


def test_a_program_that_is_not_signed_in_gets_401_with_the_next_step(browser: httpx.Client) -> None:
    for path in (SEASON, "/farm/demo"):
        answer = browser.get(path, headers={"accept": "application/json"})
        assert answer.status_code == 401
        assert set(answer.json()) == {"error", "next"}


def test_the_api_never_answers_with_a_page(browser: httpx.Client) -> None:
    answer = browser.get(SEASON, headers=PAGE)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/json"


def test_a_bearer_token_opens_the_api_for_its_farms_only(world: World, browser: httpx.Client) -> None:
    token = world.signin.make_token(Principal("script", frozenset({"demo"})), "")
    browser.headers["authorization"] = f"Bearer {token}"
    assert browser.get(SEASON).status_code == 200
    assert browser.get(SEASON.replace("demo", "other").replace("north", "hostile")).status_code == 404


@pytest.mark.parametrize("header", ["Bearer nonsense", "Basic dXNlcjpwYXNz", "Bearer", "Bearer " + "A" * 43])
def test_a_wrong_authorization_is_401_even_beside_a_good_cookie(browser: httpx.Client, csrf: str, header: str) -> None:
    assert csrf
    answer = browser.get(SEASON, headers={"authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(world: World, browser: httpx.Client) -> None:
    link = world.signin.make_link(Principal("Li Na", None))
    answer = browser.post("/signin", data={"link": link}, headers={"origin": origin(browser)})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Max-Age=2592000" in cookie
    assert "Secure" not in cookie


def test_another_farm_is_not_there(world: World, browser: httpx.Client, csrf: str) -> None:
    missing = browser.get("/farm/nowhere")
    for path in ("/farm/other", "/farm/other/fields/hostile", "/farm/other/batches", "/farm/other/harvest"):
        answer = browser.get(path)
        assert (answer.status_code, answer.text.replace("other", "")) == (404, answer.text.replace("other", ""))
        assert "hostile" not in answer.text.replace(path, "")
    assert missing.status_code == 404
    assert send(browser, "/farm/other/harvest", {"csrf": csrf}).status_code == 404
    assert world.books.kept == {}


def form(csrf: str) -> dict[str, str]:
    return {
        "csrf": csrf, "key": "0" * 31 + "1", "field": "north", "product": "Sweet corn", "weight": "820.5", "unit": "kg",
        "date": "2026-11-10",
    }  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "SELF"},
    ],
)
def test_a_write_from_elsewhere_changes_nothing(
    world: World, browser: httpx.Client, csrf: str, headers: dict[str, str]
) -> None:
    sent = {name: origin(browser) if value == "SELF" else value for name, value in headers.items()}
    answer = browser.post("/farm/demo/harvest", data=form(csrf), headers=sent)
    assert answer.status_code == 403
    assert "load the page again" in answer.text
    assert world.books.kept == {}


@pytest.mark.parametrize("token", ["", "0" * 64])
def test_a_write_without_the_sessions_token_changes_nothing(
    world: World, browser: httpx.Client, csrf: str, token: str
) -> None:
    assert csrf
    assert send(browser, "/farm/demo/harvest", form(token)).status_code == 403
    assert world.books.kept == {}


def test_a_write_from_our_own_page_goes_through(world: World, browser: httpx.Client, csrf: str) -> None:
    assert send(browser, "/farm/demo/harvest", form(csrf)).status_code == 303
    assert len(world.books.kept["demo"]) == 1


def test_a_bearer_token_writes_without_a_form_token(world: World, browser: httpx.Client) -> None:
    token = world.signin.make_token(Principal("script", frozenset({"demo"})), "")
    answer = browser.post("/farm/demo/harvest", data=form(""), headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 303
    assert len(world.books.kept["demo"]) == 1


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"link=" + b"A" * 40_000, "application/x-www-form-urlencoded", 413),
        (b"link=%ff%fe", "application/x-www-form-urlencoded", 422),
        (b"&".join(b"a%d=1" % number for number in range(60)), "application/x-www-form-urlencoded", 422),
        (b"{}", "application/json", 422),
        (b"", "", 422),
    ],
)
def test_a_body_that_is_not_our_form_is_refused(
    browser: httpx.Client, content: bytes, media_type: str, status: int
) -> None:
    answer = browser.post("/signin", content=content, headers={"content-type": media_type, "origin": origin(browser)})
    assert answer.status_code == status


def test_a_preview_of_a_link_does_not_burn_it(world: World, browser: httpx.Client) -> None:
    link = world.signin.make_link(Principal("Li Na", frozenset({"demo"})))
    for _ in range(3):
        page = browser.get(f"/signin/{link}")
        assert page.status_code == 200
        assert COOKIE not in page.headers.get("set-cookie", "")
        assert page.headers["cache-control"] == "no-store"
    assert "Li Na" in page.text
    assert browser.post("/signin", data={"link": link}, headers={"origin": origin(browser)}).status_code == 303
    assert browser.get("/farm").headers["location"] == "/farm/demo"


def test_a_used_link_says_what_to_do(world: World, browser: httpx.Client) -> None:
    link = world.signin.make_link(Principal("Li Na", frozenset({"demo"})))
    send(browser, "/signin", {"link": link})
    for answer in (browser.get(f"/signin/{link}"), send(browser, "/signin", {"link": link})):
        assert answer.status_code == 410
        assert "cropmark sign-in" in answer.text


def test_a_link_pressed_from_another_site_is_refused_and_not_burnt(world: World, browser: httpx.Client) -> None:
    link = world.signin.make_link(Principal("Li Na", frozenset({"demo"})))
    assert browser.post("/signin", data={"link": link}, headers={"origin": "https://evil.example"}).status_code == 403
    assert world.signin.link_opens(link) is not None


def test_guessing_links_is_slowed_down(browser: httpx.Client) -> None:
    answers = [browser.get(f"/signin/{'A' * 42}{number}") for number in range(10)]
    assert {answer.status_code for answer in answers} == {410}
    last = send(browser, "/signin", {"link": "A" * 43})
    assert last.status_code == 429
    assert int(last.headers["retry-after"]) > 0


def test_signing_in_again_ends_the_session_before(world: World, browser: httpx.Client, csrf: str) -> None:
    assert csrf
    before = browser.cookies[COOKIE]
    sign_in(world, browser)
    assert world.signin.by_session(before) is None
    assert world.signin.by_session(browser.cookies[COOKIE]) is not None


def test_signing_out_ends_the_session_and_takes_the_cookie(world: World, browser: httpx.Client, csrf: str) -> None:
    session = browser.cookies[COOKIE]
    assert send(browser, "/signout", {"csrf": "wrong"}).status_code == 403
    answer = send(browser, "/signout", {"csrf": csrf})
    assert (answer.status_code, answer.headers["location"]) == (303, "/signin?out=1")
    assert world.signin.by_session(session) is None
    assert COOKIE not in browser.cookies


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "https://evil.example/farm",
        "/\\evil.example",
        "/farm/../api",
        "/farming",
        "/farm\n",
        "/signout",
    ],
)
def test_signing_in_never_leads_away(path: str) -> None:
    assert safe_path(path) == "/farm"


def test_signing_in_leads_back_to_a_farmers_page(browser: httpx.Client) -> None:
    assert (
        'href="/farm/demo/fields/north?metric=rainfall"'
        in browser.get(browser.get("/farm/demo/fields/north?metric=rainfall").headers["location"]).text
    )


def operator(world: World) -> dict[str, str]:
    return {"authorization": f"Bearer {world.signin.make_token(Principal('operator', None), 'command line')}"}


def test_the_command_line_makes_links_and_tokens(world: World, browser: httpx.Client) -> None:
    head = operator(world)
    made = browser.post("/api/v1/signin/links", json={"name": "Li Na", "farms": ["demo"]}, headers=head)
    assert made.status_code == 201
    assert browser.get(made.json()["path"]).status_code == 200
    world.real.now += 1
    token = browser.post("/api/v1/signin/tokens", json={"name": "import", "farms": ["demo"]}, headers=head).json()
    only = {"authorization": f"Bearer {token['token']}"}
    assert browser.get(SEASON, headers=only).status_code == 200
    listed = browser.get("/api/v1/signin/tokens", headers=head).json()["tokens"]
    assert [item["name"] for item in listed] == ["operator", "import"]
    assert token["token"] not in str(listed)
    assert browser.delete(f"/api/v1/signin/tokens/{listed[1]['id']}", headers=head).status_code == 204
    assert browser.get(SEASON, headers=only).status_code == 401


def test_nobody_else_makes_links(world: World, browser: httpx.Client, csrf: str) -> None:
    body = {"name": "me", "farms": None}
    assert csrf
    by_cookie = {"origin": origin(browser), "x-csrf-token": csrf}
    assert browser.post("/api/v1/signin/links", json=body, headers=by_cookie).status_code == 403
    token = world.signin.make_token(Principal("script", frozenset({"demo"})), "")
    by_token = {"authorization": f"Bearer {token}"}
    assert browser.post("/api/v1/signin/links", json=body, headers=by_token).status_code == 403
    browser.cookies.clear()
    assert browser.post("/api/v1/signin/links", json=body).status_code == 401


def test_a_link_for_a_farm_that_cannot_be_is_refused(world: World, browser: httpx.Client) -> None:
    body = {"name": "me", "farms": ["../x"]}
    assert browser.post("/api/v1/signin/links", json=body, headers=operator(world)).status_code == 422
