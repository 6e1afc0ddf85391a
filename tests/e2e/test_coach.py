"""A rule that asks for a reason: a program is told where a person may state it, a browser gets the form."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import openai
import pytest

from e2e.raw import open_line
from e2e.sdks import OpenAI
from e2e.support import ADDRESS, House, access_key, chat_body
from harness.doubles import Doubles
from harness.processes import until

pytestmark = pytest.mark.xdist_group("coach")

REASON = "The customer asked us in writing, see the ticket."
RULES = [
    {"id": "ask-mail", "if": {"finding": "pii/EMAIL_ADDRESS"}, "then": "coach", "say": "It holds {finding}."},
    {"id": "ask-service", "if": {"status": "unsanctioned"}, "then": "coach", "say": "Why {service}?"},
    {"id": "no-credentials", "if": {"finding": "secret/*"}, "then": "redact"},
]
NAVIGATION = {
    "accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
}


@pytest.fixture(scope="module")
def coached(start_module_house: Callable[..., House]) -> House:
    return start_module_house(rules=RULES)


@pytest.fixture
def asking(coached: House, doubles: Doubles) -> House:
    """The same proxy; no grant of another test outlives a policy without these rules."""
    for rules in ([], RULES):
        coached.take(rules=rules)
    return coached


@pytest.fixture
def browser(asking: House) -> Iterator[httpx.Client]:
    """It navigates like one; of a person's browser everything else is the same."""
    with asking.client(http2=True) as client:
        client.headers.update(NAVIGATION)
        yield client


def submit(browser: httpx.Client, url: str, page: str, reason: str) -> httpx.Response:
    """Fill the form of a page in and send it, as a browser does."""
    action = re.search(r'<form method="post" action="([^"]+)"', page)
    assert action is not None
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    headers = {**NAVIGATION, "origin": origin, "sec-fetch-site": "same-origin"}
    return browser.post(origin + html.unescape(action[1]), data={"reason": reason}, headers=headers)


def test_a_program_is_held_until_a_person_has_stated_a_reason(asking: House, browser: httpx.Client) -> None:
    prompt = f"Tell {ADDRESS} about it."
    sdk = OpenAI(asking.weir, asking.key)
    with pytest.raises(openai.BadRequestError, match=r"ask-mail|It holds pii/EMAIL_ADDRESS") as raised:
        sdk.chat(prompt)
    url = raised.value.response.headers["x-weir-coach"]
    assert url in str(raised.value) and asking.doubles.requests() == []

    page = browser.get(url)
    assert page.status_code == 200 and "pii/EMAIL_ADDRESS" in page.text and ADDRESS not in page.text
    assert submit(browser, url, page.text, "because").status_code == 422
    done = submit(browser, url, page.text, REASON)
    assert done.status_code == 200 and "was recorded" in done.text
    assert browser.get(url).status_code == 404  # used

    assert sdk.chat(prompt) == f"You said: {prompt}"
    assert "".join(sdk.stream(prompt)) == f"You said: {prompt}"
    assert [got.target for got in asking.doubles.requests()] == ["/v1/chat/completions"] * 2
    with pytest.raises(openai.BadRequestError):  # the same person with another key is another caller
        OpenAI(asking.weir, asking.doubles.keys["openai"]).chat(prompt)

    block = asking.records("block")[0]
    stated = next(row for row in asking.records("coach") if row.get("coach_reason"))
    passed = asking.until(2, "response")
    assert (block["verdict"], block["action"], block["rule_id"]) == ("coach", "coach", "ask-mail")
    assert (stated["rule_id"], stated["coach_reason"]) == ("ask-mail", REASON)
    assert {row["coach_grant"] for row in (block, stated, *passed)} == {block["coach_grant"]}
    assert {(row["verdict"], row["coach_reason"]) for row in passed} == {("alert", REASON)}
    token = urlsplit(url).path.rpartition("/")[2]
    assert token not in json.dumps(asking.weir.records())
    columns = "kind, rule_id, coach_reason"
    found = asking.weir.sql(f"select {columns} from events where exchange_id = ?", [stated["exchange_id"]])
    assert found == [("coach", "ask-mail", REASON)]


def test_a_browser_states_a_reason_and_goes_on(asking: House, browser: httpx.Client) -> None:
    target = "https://chat.deepseek.com/a/chat?id=1&x=2"
    held = browser.get(target)
    assert held.status_code == 403 and "Why DeepSeek Chat?" in held.text and "<form" in held.text
    assert "form-action 'self'" in held.headers["content-security-policy"]
    done = submit(browser, target, held.text, REASON)
    link = re.search(r'<a class="go" href="([^"]+)"', done.text)
    assert link is not None and html.unescape(link[1]) == target
    assert asking.doubles.requests() == []
    went = browser.get(target)
    assert went.status_code == 200 and [got.target for got in asking.doubles.requests()] == ["/a/chat?id=1&x=2"]
    assert browser.get("https://api.deepseek.com/v1/models").status_code == 403  # another service


def test_what_is_pasted_into_a_reason_does_not_reach_the_disk(asking: House, browser: httpx.Client) -> None:
    key = access_key()
    held = browser.get("https://chat.deepseek.com/")
    submit(browser, "https://chat.deepseek.com/", held.text, f"I need {key} rotated there")
    stated = asking.until(1, "coach")[0]
    assert stated["coach_reason"].startswith("I need [REDACTED:") and key not in json.dumps(asking.weir.records())


def test_redactions_hold_after_a_reason(asking: House, browser: httpx.Client) -> None:
    sdk, key = OpenAI(asking.weir, asking.key), access_key()
    with pytest.raises(openai.BadRequestError) as raised:
        sdk.chat(f"Tell {ADDRESS}")
    url = raised.value.response.headers["x-weir-coach"]
    submit(browser, url, browser.get(url).text, REASON)
    sdk.chat(f"Tell {ADDRESS} of {key}")
    body = asking.doubles.only().body.decode()
    assert ADDRESS in body and key not in body


def test_a_changed_policy_revokes_what_was_granted(asking: House, browser: httpx.Client) -> None:
    held = browser.get("https://chat.deepseek.com/")
    submit(browser, "https://chat.deepseek.com/", held.text, REASON)
    assert browser.get("https://chat.deepseek.com/").status_code == 200
    for rules in (RULES[:1], RULES):
        asking.take(rules=rules)
    assert browser.get("https://chat.deepseek.com/").status_code == 403


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/.well-known/weir/coach/AAAA", 404),
        ("POST", "/.well-known/weir/coach/AAAA", 404),
        ("DELETE", "/.well-known/weir/coach/AAAA", 405),
        ("GET", "/.well-known/weir/?q=1", 404),
    ],
)
def test_nothing_below_its_own_path_is_forwarded(
    coached: House, http2: bool, method: str, path: str, status: int
) -> None:
    coached.begin()
    before = len(coached.doubles.requests())
    for host in ("api.openai.com", "chat.deepseek.com"):
        with coached.client(http2=http2) as client:
            body = b"reason=" + b"x" * 3_000_000 if method == "POST" else None
            assert client.request(method, f"https://{host}{path}", content=body).status_code == status
    assert len(coached.doubles.requests()) == before
    assert {row["host"] for row in coached.until(2, "coach")} == {"api.openai.com", "chat.deepseek.com"}


def test_forms_from_elsewhere_and_from_other_machines_are_refused(asking: House) -> None:
    with asking.client() as client:
        headers = {"authorization": f"Bearer {asking.key}", "content-type": "application/json"}
        url = "https://api.openai.com/v1/chat/completions"
        reply = client.post(url, content=chat_body(f"Tell {ADDRESS}"), headers=headers)
        path = urlsplit(reply.headers["x-weir-coach"]).path
        form = {"reason": REASON}
        for origin in ({}, {"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
            assert client.post(reply.headers["x-weir-coach"], data=form, headers=origin).status_code == 403
    body = b"reason=" + REASON.replace(" ", "+").encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: api.openai.com\r\nOrigin: https://api.openai.com\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    for source, status in (("127.0.0.2", 404), ("127.0.0.1", 200)):
        with open_line(asking.weir.url, "api.openai.com:443", asking.weir.ca, source=source) as line:
            line.send(head.encode() + body)
            assert line.reply().status == status
    assert [bool(row.get("coach_reason")) for row in asking.until(6, "coach")] == [False] * 5 + [True]


@pytest.fixture
def observing(asking: House) -> Iterator[House]:
    asking.take(rules=RULES, mode="observe")
    yield asking
    asking.take(rules=RULES)


def test_observing_records_and_holds_nothing(observing: House) -> None:
    house = observing
    prompt = f"Tell {ADDRESS}"
    assert OpenAI(house.weir, house.key).chat(prompt) == f"You said: {prompt}"
    row = until(lambda: next(iter(house.records("response")), None), "the record")
    assert (row["verdict"], row["action"]) == ("coach", "allow")
    with house.client() as client:
        assert client.get("https://api.openai.com/.well-known/weir/coach/AAAA").status_code == 404
    assert len(house.doubles.requests()) == 1
