"""The key of kept texts behind a secret backend: used, rotated and missing while a real weir runs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator

import pytest

from e2e.support import House, command
from harness.canary import CANARIES
from harness.clients import openai_client
from harness.kv2 import Kv2, Token
from harness.processes import until

Start = Callable[..., House]
_REASON = ("--reason", "ticket 4711")
PATH = "kv/weir"


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kv2]:
    token = CANARIES.plant(secrets.token_urlsafe(24), "a token of Vault's")
    vault = Kv2(time.monotonic, tokens={token: Token()})
    vault.start()
    monkeypatch.setenv("VAULT_ADDR", vault.url)
    monkeypatch.setenv("VAULT_TOKEN", token)
    yield vault
    vault.stop()


def new_key() -> str:
    return CANARIES.plant(command("audit", "content-keys", "make"), "a content key")


def put(vault: Kv2, *keys: str) -> None:
    vault.secrets[PATH] = {"content": ",".join(keys)}


def said(house: House, text: str) -> None:
    sdk = openai_client(house.weir.url, house.weir.ca, house.key)
    sdk.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": text}])


def read(house: House, count: int, text: str) -> None:
    """The latest request's texts can be read, by the policy of the weir that runs."""
    rows = until(lambda: found if len(found := house.records("request")) >= count else None, "its record")
    data = str(house.weir.data)
    assert text in command("audit", "content", str(rows[-1]["event_id"]), *_REASON, "--data", data)


def test_a_key_in_vault(vault: Kv2, start_house: Start) -> None:
    old = new_key()
    put(vault, old)
    environment = {"VAULT_ADDR": vault.url, "VAULT_TOKEN": next(iter(vault.tokens))}
    content = {"keep": "full", "key": f"vault:{PATH}#content"}
    house = start_house(environment=environment, audit__content=content)
    house.begin()
    said(house, "the first of three")
    read(house, 1, "the first of three")
    assert not (house.weir.data / "secrets" / "content.keys").exists()

    # A rotation under way: nobody notices, and the old key opens nothing any more.
    new = new_key()
    put(vault, new, old)
    assert "take the old one out" in command("audit", "content-keys", "rotate", "--data", str(house.weir.data))
    said(house, "the second of three")
    put(vault, new)
    read(house, 2, "the second of three")
    rows = house.records("request")
    first = str(rows[0]["event_id"])
    assert "the first of three" in command("audit", "content", first, *_REASON, "--data", str(house.weir.data))
    put(vault, old)
    assert command("audit", "content", first, *_REASON, "--data", str(house.weir.data), check=False) == ""

    # A backend that is down stops nobody who has its answer.
    vault.stop()
    said(house, "the third of three")
    vault.start()
    put(vault, new)
    read(house, 3, "the third of three")


def test_without_its_key_weir_does_not_start(vault: Kv2, start_house: Start) -> None:
    environment = {"VAULT_ADDR": vault.url, "VAULT_TOKEN": next(iter(vault.tokens))}
    with pytest.raises(
        AssertionError, match=r"the texts that audit\.content wants kept cannot be: audit\.content\.key"
    ):
        start_house(environment=environment, audit__content={"keep": "full", "key": f"vault:{PATH}#content"})
