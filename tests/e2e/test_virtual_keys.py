"""What a virtual key is good for, and until when: in every process that shares its store, within a second."""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from e2e.sdks import OpenAI
from e2e.support import House, chat_body, command, issue
from harness.canary import CANARIES
from harness.processes import until
from harness.servers import Server, postgresql_server
from weir.keys.virtual.watch import GAP_S, POLL_S

CHAT = "https://api.openai.com/v1/chat/completions"
WITHIN_S = 1.0
BUSY_S = 20.0  # what a machine that does much else may add to it
Start = Callable[..., House]


def ask(house: House, key: str, url: str = CHAT, body: bytes = b"") -> httpx.Response:
    with house.client() as http:
        return http.post(url, content=body or chat_body("How high?"), headers={"authorization": f"Bearer {key}"})


def refused(house: House, key: str, why: str, **more: Any) -> dict[str, Any]:
    """A request with ``key`` ends here, for this reason, and its record says so; the record."""
    house.doubles.reset()
    house.begin()
    reply = ask(house, key, **more)
    assert reply.status_code == 401 and why in reply.text and key not in reply.text
    assert house.doubles.requests() == []
    record = house.only()
    assert (record["kind"], record["rule_id"], record["action"]) == ("block", "virtual-key", "block")
    assert why in json.dumps(record)
    return record


def refused_soon(key: str, *houses: House) -> None:
    """Every one of these proxies refuses ``key`` as soon as it has looked once more, which it does several times
    within the second that is promised."""
    assert POLL_S + GAP_S <= WITHIN_S / 2
    began = good = time.monotonic()

    def ended(house: House) -> bool:
        nonlocal good
        at = time.monotonic()
        if ask(house, key).status_code == 401:
            return True
        good = max(good, at)  # when the last request began that was still let through
        return False

    for house in houses:
        until(lambda house=house: ended(house), "the end of the key")  # type: ignore[misc]
    assert good - began < WITHIN_S + BUSY_S


def listed(house: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        command("keys", "list", "--format", "json", "--data", str(house.weir.data))
    )
    return found


def newest(house: House) -> str:
    return str(listed(house)[-1]["id"])


def test_a_key_from_the_wrong_network(house: House) -> None:
    key = issue(house.weir.data, "--networks", "10.20.0.0/16,2001:db8::/32")
    record = refused(house, key, "not good from this network")
    assert record["key_id"] == newest(house)
    here = issue(house.weir.data, "--networks", "127.0.0.0/8")
    assert OpenAI(house.weir, here).chat("How high?") == "You said: How high?"


def test_a_key_for_other_models_and_operations(house: House) -> None:
    key = issue(house.weir.data, "--models", "gpt-5*,claude-*", "--operations", "chat")
    assert ask(house, key).status_code == 200
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}).encode()
    refused(house, key, "not good for this model", body=body)
    nameless = json.dumps({"messages": [{"role": "user", "content": "Hi"}]}).encode()
    house.doubles.reset()
    assert ask(house, key, body=nameless).status_code in (400, 401) and house.doubles.requests() == []
    embed = json.dumps({"model": "gpt-5-embed", "input": "Hi"}).encode()
    refused(house, key, "not good for this operation", url="https://api.openai.com/v1/embeddings", body=embed)


def test_a_key_that_was_rotated_is_good_until_its_grace_is_over(house: House) -> None:
    old = issue(house.weir.data)
    key_id = newest(house)
    data = ("--data", str(house.weir.data))
    new = CANARIES.plant(command("keys", "rotate", key_id, "--grace", "1h", *data), "a virtual key")
    assert [ask(house, key).status_code for key in (old, new)] == [200, 200]
    last = CANARIES.plant(command("keys", "rotate", key_id, "--grace", "0", *data), "a virtual key")
    refused_soon(new, house)
    refused(house, new, "replaced by a new one")
    refused(house, old, "not known")
    assert ask(house, last).status_code == 200
    command("keys", "revoke", key_id, *data)
    refused_soon(last, house)
    assert refused(house, last, "revoked")["key_id"] == key_id


def test_a_key_that_was_just_issued_works_at_once(house: House) -> None:
    for _ in range(3):
        assert ask(house, issue(house.weir.data)).status_code == 200


def test_who_used_a_key_last_shows_in_the_review(house: House) -> None:
    key = issue(house.weir.data, "--user", "=cmd()", "--expires", "10d")
    key_id = newest(house)
    assert ask(house, key).status_code == 200
    data = ("--data", str(house.weir.data))

    def used() -> dict[str, str] | None:
        text = command("keys", "review", "--expiring", "14d", "--format", "csv", *data)
        rows = {row["id"]: row for row in csv.DictReader(io.StringIO(text))}
        return rows[key_id] if rows[key_id]["uses"] == "1" else None

    row = until(used, "its use to be written down")
    assert (row["last_address"], row["user"], row["state"]) == ("127.0.0.1", "'=cmd()", "active")
    assert "ends in 9 days" in row["why"] and row["last_used"].endswith("Z")


def test_a_budget_of_the_key_alone(house: House) -> None:
    """No policy says anything of budgets here: the key brings its own."""
    data = ("--data", str(house.weir.data))
    words, free = "a word " * 160, house.key
    poor = issue(house.weir.data, "--budget", "0.01/day")
    client = OpenAI(house.weir, poor).client.with_options(max_retries=0)

    def chat(client: openai.OpenAI) -> None:
        client.chat.completions.create(
            model="gpt-5", messages=[{"role": "user", "content": words}], max_completion_tokens=700
        )

    chat(client)
    with pytest.raises(openai.RateLimitError) as raised:
        chat(client)
    assert raised.value.code == "budget" and newest(house) in str(raised.value)
    assert ask(house, free).status_code == 200
    rotated = CANARIES.plant(command("keys", "rotate", newest(house), *data), "a virtual key")
    with pytest.raises(openai.RateLimitError):  # a new key is no new purse
        chat(client.with_options(api_key=rotated))


LEDGER = "WEIR_TEST_KEYS"


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Server]:
    with postgresql_server() as server:
        yield server


@pytest.fixture(scope="module")
def first(start_module_house: Start, postgresql: Server) -> House:
    """A proxy whose virtual keys are in PostgreSQL."""
    return start_module_house(key=False, **stored(postgresql))


def stored(server: Server) -> dict[str, Any]:
    return {"environment": {LEDGER: server.url}, "stores": {"budgets": f"env:{LEDGER}"}}


@pytest.mark.needs("pg_ctlcluster")
def test_processes_with_one_store_refuse_a_revoked_key_within_a_second(
    first: House, start_house: Start, postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LEDGER, postgresql.url)

    def same_hmac_key(folder: Path) -> dict[str, Any]:
        (folder / "data" / "secrets").mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "data").chmod(0o700)
        shutil.copy2(first.weir.data / "secrets" / "virtual-keys.key", folder / "data" / "secrets")
        return {}

    second = start_house(key=False, prepare=same_hmac_key, **stored(postgresql))
    key = issue(first.weir.data)  # the command goes where the weir of this data directory went
    assert not (first.weir.data / "limits.db").exists()
    assert [ask(house, key).status_code for house in (first, second)] == [200, 200]
    key_id = listed(second)[-1]["id"]
    command("keys", "revoke", key_id, "--data", str(second.weir.data))
    refused_soon(key, first, second)
    for house in (first, second):
        assert refused(house, key, "revoked")["key_id"] == key_id


@pytest.mark.needs("pg_ctlcluster")
def test_a_store_with_another_hmac_key_takes_no_key_and_says_so(
    first: House, start_house: Start, postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LEDGER, postgresql.url)
    key = issue(first.weir.data)
    stranger = start_house(key=False, **stored(postgresql))
    reply = ask(stranger, key)
    assert reply.status_code == 503 and "can't be checked" in reply.text
    assert stranger.only()["rule_id"] == "virtual-key"
    until(
        lambda: any("virtual keys are refused" in json.dumps(row) for row in stranger.records("config")),
        "the record of it",
    )
    assert "secrets/virtual-keys.key" in stranger.weir.process.tail()
