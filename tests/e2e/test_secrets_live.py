"""Real keys from real servers on loopback: rotated, refused, restarted, not there; several keys for one provider."""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e.sdks import OpenAI
from e2e.support import House, chat_body, command
from harness.canary import CANARIES
from harness.doubles import Doubles
from harness.kv2 import Kv2
from harness.processes import until
from harness.weir import PREPARED

pytestmark = pytest.mark.xdist_group("secrets-live")

CHAT = "https://api.openai.com/v1/chat/completions"
ROLE = "weir-role"
# A file is looked at, and a reload has everything fetched anew, after some seconds.
SOON = "import weir.keys.company as c; c._FILE_S = c._HURRY_S = 0.2"
Start = Callable[..., House]


@contextlib.contextmanager
def _vault() -> Iterator[Kv2]:
    """A Vault whose tokens live three seconds: weir logs in with an AppRole and renews every two."""
    secret_id = CANARIES.plant(secrets.token_hex(16), "an AppRole's secret id")
    vault = Kv2(time.monotonic, roles={ROLE: secret_id}, role_ttl=3)
    vault.start()
    try:
        yield vault
    finally:
        vault.stop()


@pytest.fixture
def vault() -> Iterator[Kv2]:
    """A Vault for one test."""
    with _vault() as vault:
        yield vault


GOOD, BAD, WORSE = "KEY_GOOD", "KEY_BAD", "KEY_WORSE"


@dataclass
class Steady:
    """One proxy that takes a policy from each test, its Vault, and the keys in its environment."""

    house: House
    vault: Kv2
    keys: dict[str, str] = field(repr=False)

    def take(self, *names: str) -> House:
        """These of its environment for keys, or else the one in Vault, which is good."""
        given = {"secrets": [{"secret": f"env:{name}"} for name in names]}
        self.house.take(keys={"openai": given if names else {"secret": "vault:kv/openai#key"}})
        if not names:
            until(lambda: ask(self.house).status_code == 200, "the key in Vault")
        self.house.begin()
        self.house.doubles.reset()
        return self.house


@pytest.fixture(scope="module")
def shared_steady(start_module_house: Start, shared_doubles: Doubles) -> Iterator[Steady]:
    keys = {GOOD: shared_doubles.keys["openai"], BAD: secrets.token_hex(20), WORSE: secrets.token_hex(20)}
    for name, value in keys.items():
        CANARIES.plant(value, f"the key {name}")
    with _vault() as vault:
        given = {**keys, **variables(vault), "WEIR_TEST_FIRST": SOON}
        yield Steady(start_module_house(environment=given, keys={}, program=[str(PREPARED)]), vault, keys)


@pytest.fixture
def steady(shared_steady: Steady, doubles: Doubles) -> Iterator[Steady]:
    """It, with all in order in its Vault; no state of a key outlives a policy without any."""
    rotate(shared_steady.vault, doubles.keys["openai"])
    shared_steady.house.take(keys={})
    yield shared_steady
    shared_steady.vault.denied.clear()
    shared_steady.vault.stop()
    shared_steady.vault.start()


def rotate(vault: Kv2, value: str, what: str = "a key in Vault") -> str:
    """Let Vault hold this value from now on."""
    vault.secrets["kv/openai"] = {"key": CANARIES.plant(value, what)}
    return value


def variables(vault: Kv2) -> dict[str, str]:
    role = next(iter(vault.roles.items()))
    return {"VAULT_ADDR": vault.url, "VAULT_ROLE_ID": role[0], "VAULT_SECRET_ID": role[1], "NO_PROXY": "*"}


def started(start_house: Start, vault: Kv2, **key: Any) -> House:
    return start_house(environment=variables(vault), keys={"openai": {"secret": "vault:kv/openai#key", **key}})


def ask(house: House, url: str = CHAT) -> httpx.Response:
    with house.client() as http:
        return http.post(url, content=chat_body("How high?"), headers={"authorization": f"Bearer {house.key}"})


def sent(house: House) -> list[str]:
    return [row.header("authorization").removeprefix("Bearer ") for row in house.doubles.requests()]


def refused_to_the_company(reply: httpx.Response) -> None:
    """The client reads that it may try again, and not what the provider says of the company's key."""
    assert (reply.status_code, reply.headers["x-should-retry"], reply.headers["retry-after"]) == (503, "true", "1")
    assert "turned the company's key away (401)" in reply.json()["error"]["message"]


def events(house: House) -> list[str]:
    return [row["reason"] for row in house.records("config")]


def told(house: House, *words: str) -> None:
    until(lambda: any(all(word in event for word in words) for event in events(house)), f"an event with {words}")


def keys_line(house: House, status: str) -> dict[str, str]:
    """What ``weir doctor`` says of keys, when that has this status: the proxy tells once a second."""
    lines = until(lambda: [line for line in _keys_lines(house) if line["status"] == status], status, every=0.2)
    (line,) = lines
    return line


def _keys_lines(house: House) -> list[dict[str, str]]:
    said = command("doctor", "--format", "json", "--data", str(house.weir.data), check=False)
    checks = json.loads(said)["checks"]
    return [check for check in checks if check["name"] == "keys"]


def shows_nothing(house: House, *values: str) -> None:
    """No value in the process list, the logs, the records or what other commands read."""
    seen = Path(f"/proc/{house.weir.process.pid}/cmdline").read_text()
    for path in house.weir.folder.rglob("*"):
        if path.is_file():
            seen += path.read_bytes().decode("latin-1")
    assert not [value for value in values if value in seen]


def test_a_key_in_vault_is_rotated_while_weir_runs(vault: Kv2, start_house: Start, doubles: Doubles) -> None:
    old = rotate(vault, secrets.token_hex(20))
    house = started(start_house, vault)
    refused_to_the_company(ask(house))
    told(house, "key openai rests 60 s after 401")
    new = rotate(vault, doubles.keys["openai"])
    until(lambda: ask(house).status_code == 200, "the new value, with the next renewal of the token")
    assert sent(house)[0] == old and sent(house)[-1] == new
    until(lambda: [row for row in house.records("response") if row["http_status"] == 200], "the record of the reply")
    assert {row["managed_key"] for row in house.records("response")} == {"openai"}
    shows_nothing(house, old, new, vault.roles[ROLE], house.key)


def test_a_refused_key_is_fetched_at_once(vault: Kv2, start_house: Start, doubles: Doubles) -> None:
    vault.role_ttl = 3600  # nothing but the refusal makes weir ask again
    rotate(vault, secrets.token_hex(20))
    house = started(start_house, vault, refresh_s=3600)
    rotate(vault, doubles.keys["openai"])
    refused_to_the_company(ask(house))
    until(lambda: ask(house).status_code == 200, "the rotated key")


def test_an_sdk_does_not_notice_a_rotation(vault: Kv2, start_house: Start, doubles: Doubles) -> None:
    vault.role_ttl = 3600
    rotate(vault, secrets.token_hex(20))
    house = started(start_house, vault, refresh_s=3600)
    rotate(vault, doubles.keys["openai"])
    client = OpenAI(house.weir, house.key).client.with_options(max_retries=2)
    said = client.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": "How high?"}])
    assert said.choices[0].message.content == "You said: How high?"
    assert [row.status for row in doubles.requests()] == [401, 200]


def test_vault_restarts_without_its_tokens(steady: Steady, doubles: Doubles) -> None:
    house, vault = steady.take(), steady.vault
    assert ask(house).status_code == 200
    vault.stop(lose_tokens=True)
    told(house, "secret keys.openai is stale until", "Vault cannot be reached")
    assert ask(house).status_code == 200, "the last value holds"
    line = keys_line(house, "warn")
    assert "stale since" in line["detail"] and "bring the backend back" in line["remedy"]
    vault.start()
    told(house, "secret keys.openai is fresh again")
    assert ask(house).status_code == 200
    assert keys_line(house, "ok")
    shows_nothing(house, doubles.keys["openai"], vault.roles[ROLE])


def test_vault_takes_its_permission_back(steady: Steady) -> None:
    house, vault = steady.take(), steady.vault
    vault.denied.add("kv/openai")
    told(house, "secret keys.openai is stale", "403")
    assert ask(house).status_code == 200
    line = keys_line(house, "warn")
    assert "give weir access" in line["remedy"]


def test_vault_is_down_when_weir_starts(vault: Kv2, start_house: Start, doubles: Doubles) -> None:
    rotate(vault, doubles.keys["openai"])
    vault.stop()
    house = started(start_house, vault)
    reply = ask(house)
    assert (reply.status_code, reply.headers["x-should-retry"]) == (503, "false") and reply.headers["retry-after"]
    assert "cannot be had" in reply.json()["error"]["message"]
    assert doubles.requests() == []
    assert "keys.openai: Vault's kv/openai" in house.weir.process.tail(), "said when it started"
    line = keys_line(house, "fail")
    assert "missing" in line["detail"]
    row = next(row for row in house.weir.records() if row["kind"] == "block")
    assert (row["rule_id"], row.get("managed_key")) == ("company-key", None)
    assert "keys.openai: Vault's kv/openai" in row["reason"]
    vault.start()
    until(lambda: ask(house).status_code == 200, "the key")
    told(house, "secret keys.openai is fresh again")


def test_a_changed_policy_keeps_the_values_of_a_backend_that_is_down(steady: Steady) -> None:
    house = steady.take()
    steady.vault.stop()
    text = house.weir.policy.read_text()
    changed = text.replace("vault:kv/openai#key", "vault:kv/openai#key\n    keep_h: 2")
    house.change(lambda path: path.write_text(changed))
    assert changed != text and ask(house).status_code == 200


def test_a_key_that_the_provider_refuses_makes_room_for_another(steady: Steady, doubles: Doubles) -> None:
    house = steady.take(BAD, GOOD, WORSE)
    until(lambda: ask(house).status_code == 200, "the one that is good")
    doubles.reset()
    assert [ask(house).status_code for _ in range(4)] == [200] * 4
    assert set(sent(house)) == {steady.keys[GOOD]}
    until(lambda: len([row for row in house.records("response") if row["http_status"] == 200]) == 5, "the records")
    rows = house.records("response")
    assert {row["managed_key"] for row in rows if row["http_status"] == 200} == {"openai-2"}
    assert {row["managed_key"] for row in rows if row["http_status"] == 503} <= {"openai-1", "openai-3"}
    shows_nothing(house, *steady.keys.values())


def test_a_key_over_its_rate_rests_as_long_as_the_provider_says(steady: Steady, doubles: Doubles) -> None:
    house = steady.take(GOOD, BAD)
    until(lambda: ask(house).status_code == 200, "the good one")  # the other has been refused, or is unused
    doubles.behave("status=429,header=retry-after:33", host="api.openai.com")
    assert ask(house).status_code == 429
    told(house, "key openai-1 rests 33 s after 429")
    until(lambda: any("429" in line["detail"] for line in _keys_lines(house)), "doctor", every=0.2)


def test_a_key_in_a_file_is_changed_in_place(steady: Steady, doubles: Doubles, tmp_path: Path) -> None:
    file = tmp_path / "openai.key"
    file.touch(0o600)
    file.write_text(CANARIES.plant(secrets.token_hex(20), "a key in a file"))
    house = steady.house
    house.take(keys={"openai": {"secret": f"file:{file}"}})
    refused_to_the_company(ask(house))
    file.write_text(doubles.keys["openai"])
    until(lambda: ask(house).status_code == 200, "the new key")
