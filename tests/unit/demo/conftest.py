"""Stand-ins for what scenes play on: providers that received what a test says, and SDKs without a wire."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from weir.demo.scenes_model import Cast, reply_to
from weir.demo.upstream import Arrived, Upstream


def arrived(number: int = 1, **changes: Any) -> Arrived:
    """A request as a double might have received it."""
    values: dict[str, Any] = {
        "number": number,
        "host": "api.openai.com",
        "target": "/v1/chat/completions",
        "headers": (("Authorization", "Bearer real-key"),),
        "body": b"{}",
        "sent": b"",
        "status": 200,
        "events": 1,
        "ended": True,
    }
    return Arrived(**{**values, **changes})


@dataclass
class FakeUpstream(Upstream):
    """Holds what "arrived"; ``opened`` counts connections, ``held`` and ``released`` name gates."""

    requests: list[Arrived] = field(default_factory=list)
    opened: int = 0
    held: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)

    def arrived(self, after: int = 0) -> list[Arrived]:
        return [request for request in self.requests if request.number > after]

    def mark(self) -> int:
        return len(self.requests)

    def connections(self) -> int:
        return self.opened

    def hold(self, host: str, gate: str) -> None:
        self.held.append(gate)

    def release(self, gate: str) -> None:
        self.released.append(gate)


class BadRequest(Exception):
    """What FakeSdk raises for a refusal."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status_code = status


@dataclass
class FakeSdk:
    """An SDK and its provider in one: ``edit`` is what weir does to a text on its way up, ``undo`` on its way down."""

    upstream: FakeUpstream
    kind: str = "openai"
    edit: Callable[[str], str] = str
    undo: Callable[[str], str] = str
    refuse: Callable[[str], Exception | None] = lambda text: None
    real_key: str = "real-key"
    reached: bool = True  # does a refused request get upstream all the same?
    events: int = 1  # written by the provider when the first piece is at the client
    name: str = "fake"
    host: str = "api.openai.com"
    service: str = "openai"

    def _receive(self, text: str, **changes: Any) -> Arrived:
        headers = (("authorization", f"Bearer {self.real_key}"),)
        number = len(self.upstream.requests) + 1
        request = arrived(number, host=self.host, headers=headers, body=self.edit(text).encode(), **changes)
        self.upstream.requests.append(request)
        return request

    def chat(self, key: str, text: str) -> str:
        problem = self.refuse(text)
        if problem:
            raise problem
        self._receive(text)
        return self.undo(reply_to(self.edit(text)))

    def stream(self, key: str, text: str) -> Generator[str, None, None]:
        said = reply_to(self.edit(text))
        cut = [said[start : start + 5] for start in range(0, len(said), 5)]
        self._receive(text, sent="|".join(cut).encode(), events=self.events, ended=False)
        whole = self.undo(said)
        yield whole[:5]
        self.upstream.requests[-1] = arrived(
            len(self.upstream.requests),
            host=self.host,
            body=self.edit(text).encode(),
            sent="|".join(cut).encode(),
            events=len(cut),
        )
        yield from (whole[start : start + 30] for start in range(5, len(whole), 30))

    def refused(self) -> type[Exception]:
        return BadRequest


@pytest.fixture
def upstream() -> FakeUpstream:
    return FakeUpstream()


@pytest.fixture
def sdk(upstream: FakeUpstream) -> FakeSdk:
    return FakeSdk(upstream)


@pytest.fixture
def cast(sdk: FakeSdk, upstream: FakeUpstream) -> Cast:
    """One SDK, and keys that are obviously none."""
    return Cast((sdk,), upstream, Path("ca.pem"), {"openai": "real-key"}, "virtual-one", "virtual-two", "virtual-three")
