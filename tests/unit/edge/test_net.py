"""A step that raises does not end its loop, and tells nothing but class and place."""

from __future__ import annotations

import asyncio
import logging

import pytest

from weir.edge.net import Net

log = logging.getLogger("weir.test")


def test_a_surprise_is_told_once_and_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    net, steps = Net(log.warning, "the step failed"), []

    def step(error: Exception | None) -> None:
        with net:
            steps.append(error)
            if error is not None:
                raise error

    for error in (KeyError("canary"), KeyError("canary"), OSError(28, "canary"), None, OSError(28, "canary")):
        step(error)
    assert len(steps) == 5 and "canary" not in caplog.text
    said = [record.getMessage().split(" < ")[0].rpartition(":")[0] for record in caplog.records]
    again = "the step failed: OSError at test_net.py"
    assert said == ["the step failed: KeyError at test_net.py", again, again]


@pytest.mark.parametrize("ends", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_what_ends_a_task_passes(ends: type[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ends), Net(log.warning, "the step failed"):
        raise ends
    assert not caplog.records
