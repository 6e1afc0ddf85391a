"""The scene of a budget, with an SDK and a provider that a test makes up."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace

import openai
import pytest

from weir.demo import scenes_budget
from weir.demo.scenes_budget import BUDGET
from weir.demo.scenes_model import Cast, play, reply_to

from .conftest import FakeUpstream, arrived


def over(text: str, retry: str = "false") -> openai.RateLimitError:
    error = openai.RateLimitError.__new__(openai.RateLimitError)
    Exception.__init__(error, text)
    error.status_code = 429
    error.response = SimpleNamespace(headers={"x-should-retry": retry})  # type: ignore[assignment]
    return error


@dataclass
class Weir:
    """What weir and the provider do: the model that the provider is asked for, and what comes at the end."""

    upstream: FakeUpstream
    model: str = "gpt-5-mini"
    last: Exception | None = field(default_factory=lambda: over("over (weir rule: budget)"))
    leaks: bool = False

    def client(self, model: str, tokens_max: int) -> object:
        def chat(key: str, text: str) -> str:
            assert key == "virtual-three" and tokens_max > 0
            refused = model == "gpt-5-mini" and self.last is not None
            if not refused or self.leaks:
                body = json.dumps({"model": self.model}).encode()
                self.upstream.requests.append(
                    arrived(len(self.upstream.requests) + 1, host="api.openai.com", body=body)
                )
            if refused and self.last is not None:
                raise self.last
            return reply_to(text)

        return SimpleNamespace(chat=chat)


@pytest.fixture
def weir(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> Weir:
    made = Weir(upstream)
    monkeypatch.setattr(scenes_budget, "OpenAI", made.client)
    return made


def test_the_cheaper_model_and_then_the_end(cast: Cast, weir: Weir) -> None:
    outcome = play(BUDGET, cast)
    assert (outcome.seen, outcome.ok) == ("gpt-5 answered by gpt-5-mini; then RateLimitError 429", True)


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"model": "gpt-5"}, "the provider was not asked for the cheaper model"),
        ({"last": None}, "the request over the budget was let through"),
        ({"last": over("weir rule: other")}, "the refusal does not name the rule"),
        ({"last": over("weir rule: budget", retry="true")}, "the SDK would try again"),
        ({"leaks": True}, "the request went upstream all the same"),
    ],
)
def test_it_differs(cast: Cast, weir: Weir, changes: dict[str, object], seen: str) -> None:
    for name, value in changes.items():
        setattr(weir, name, value)
    outcome = play(BUDGET, cast)
    assert (outcome.seen, outcome.ok) == (seen, False)
