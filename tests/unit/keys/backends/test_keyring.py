"""keyring:SERVICE/USER"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from weir.keys.backends import SecretUnavailable
from weir.keys.backends import keyring as backend

VALUE = "synthetic-" + "provider-key"


class Memory(KeyringBackend):
    """A keyring in memory: it gives, breaks, or waits for somebody to unlock it."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}
        self.unlocked = threading.Event()
        self.unlocked.set()
        self.broken = False
        self.asked = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        assert self.unlocked.wait(30)
        if self.broken:
            raise RuntimeError(f"cannot decrypt {VALUE}")
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


@pytest.fixture
def memory() -> Iterator[Memory]:
    before = keyring.get_keyring()
    memory = Memory()
    keyring.set_keyring(memory)
    yield memory
    memory.unlocked.set()
    keyring.set_keyring(before)


def refused(reference: str) -> SecretUnavailable:
    with pytest.raises(SecretUnavailable) as caught:
        backend.fetch(reference)
    assert VALUE not in str(caught.value)
    return caught.value


def test_an_entry_is_read(memory: Memory) -> None:
    keyring.set_password("weir/prod", "openai", VALUE + "\n")
    assert backend.fetch("weir/prod/openai") == VALUE


def test_what_is_not_there(memory: Memory) -> None:
    error = refused("weir/openai")
    assert "there is none" in str(error) and error.refused
    keyring.set_password("weir", "openai", "  ")
    assert "is empty" in str(refused("weir/openai"))


@pytest.mark.parametrize("reference", ["", "openai", "/openai", "weir/", VALUE])
def test_what_is_no_entry_is_not_quoted(reference: str) -> None:
    assert "write keyring:SERVICE/USER" in str(refused(reference))


def test_a_keyring_that_breaks_is_down(memory: Memory) -> None:
    memory.broken = True
    error = refused("weir/openai")
    assert "RuntimeError" in str(error) and not error.refused
    keyring.set_keyring(NoKeyring())
    assert "NoKeyringError" in str(refused("weir/openai"))


def test_a_locked_keyring_is_waited_for_once(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "TIMEOUT_S", 0.1)
    memory.unlocked.clear()
    keyring.set_password("weir", "openai", VALUE)
    assert "within 0.1 s" in str(refused("weir/openai"))
    assert "still not answered" in str(refused("weir/openai"))
    assert memory.asked == 1
    waiting = [thread for thread in threading.enumerate() if thread.name == "weir-keyring"]
    memory.unlocked.set()
    for thread in waiting:
        thread.join(60)
    monkeypatch.setattr(backend, "TIMEOUT_S", 10.0)
    assert backend.fetch("weir/openai") == VALUE


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert "pip install" in str(refused("weir/openai"))
