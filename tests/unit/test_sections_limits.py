"""Every limit has a sensible default and bounds of its own."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from weir import settings
from weir.sections_limits import Destinations, Limits


def test_defaults() -> None:
    assert Limits().body_bytes_max == 32 << 20 and Limits().idle_s == 600
    assert Destinations().model_dump() == {
        "private": "block", "metadata": "block", "loopback": "block", "forged": "decrypt", "except": ()
    }  # fmt: skip


@pytest.mark.parametrize("name", Limits.model_fields)
def test_no_limit_is_nothing_or_without_end(name: str) -> None:
    for value in (-1, 10**18):
        with pytest.raises(ValidationError):
            Limits(**{name: value})


def test_queues_have_a_length_each() -> None:
    assert Limits(queues={"dlp": 16}).queues.by_lane == {**Limits().queues.by_lane, "dlp": 16}
    text = "version: 1\nlimits:\n  queues:\n    dlp: 1\n    dpl: 9\n  json_depth_max: 4\n  websocket_bytes_max: 9\n"
    with pytest.raises(settings.PolicyError) as wrong:
        settings.loads(text)
    assert [mistake.line for mistake in wrong.value.mistakes] == [4, 5, 6, 7]


def test_mistakes_name_line_and_remedy() -> None:
    text = "version: 1\nlimits:\n  head_s: 0\ndestinations:\n  private: yes\n  except: [10.0.0.1/8]\n"
    with pytest.raises(settings.PolicyError) as wrong:
        settings.loads(text)
    lines = [mistake.line for mistake in wrong.value.mistakes]
    assert lines == [3, 5, 6]
    assert "10.0.0.0/8" in str(wrong.value)
