"""A worker of a parallel run says what the run's end needs, and ends at once.

A test is six messages to whoever leads the run, three of them long: most say that nothing happened while it was set up
and taken down. Reading them for 20,000 tests takes the leader, who has no processor of its own, some ten seconds.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest

__all__ = ["leave_at_once", "say_less", "worth_saying"]

_SHORT_S = 0.005


def worth_saying(event: str, words: Mapping[str, Any]) -> bool:
    """Whether the leader learns anything from it: not that setting up or taking down a test was quick and went well."""
    if event != "testreport":
        return True
    report = words["data"]
    nothing = report["outcome"] == "passed" and report["duration"] < _SHORT_S
    return report["when"] == "call" or not nothing or bool(report["sections"])


def say_less(config: pytest.Config) -> None:
    """In a worker: leave out what isn't worth saying, unless every report is written down."""
    if getattr(config.option, "xmlpath", None) or config.option.verbose > 0:
        return
    for plugin in config.pluginmanager.get_plugins():
        if type(plugin).__name__ == "WorkerInteractor":
            plugin.sendevent = _fewer(plugin.sendevent)


def _fewer(send: Callable[..., None]) -> Callable[..., None]:
    def sent(name: str, **words: Any) -> None:
        if worth_saying(name, words):
            send(name, **words)

    return sent


def leave_at_once(config: pytest.Config) -> None:
    """In a worker: when all is said and what others want done at exit is done, take nothing apart: 20,000 tests and
    what they imported take seconds, for which the run would wait."""
    if hasattr(config, "workerinput"):  # its exit code says nothing: the leader goes by what it was told
        atexit.register(_leave, os.getpid())  # before what tests register, so it is called after that


def _leave(worker: int) -> None:
    if os.getpid() == worker:  # and no child that ends with a code of its own
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
