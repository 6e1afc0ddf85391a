"""Faults on demand: which hooks there are, a proxy in which each can be made to fail, and clients that see what comes.

Hooks are found by looking at the chain, so that a new addon or hook is under test without anybody thinking of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

from .canary import CANARIES
from .doubles import Doubles
from .processes import until
from .weir import Weir

__all__ = ["Faults", "Hook", "chain_hooks", "inner_points"]

RUNNER = Path(__file__).with_name("faultrun.py")
LIFECYCLE = frozenset(["load", "configure", "running", "done", "update"])  # of the process, not of an exchange


@dataclass(frozen=True)
class Hook:
    """One hook of one addon: ``where`` is what logs and records call it."""

    owner: Any
    name: str
    where: str

    def __str__(self) -> str:
        return self.where


def chain_hooks(*, lifecycle: bool = False) -> list[Hook]:
    """Every hook of every addon of the chain, in chain order; with ``lifecycle`` those of the process instead."""
    from mitmproxy import hooks

    import weir.edge.process.run  # registers all hooks that a running proxy knows
    from weir import chain
    from weir.edge.state import State

    assert weir.edge.process.run
    state = SimpleNamespace(data=SimpleNamespace(path=Path()))  # addons keep it, and may note where their files will be
    first, rest = chain.chain(cast(State, state), {})
    found = []
    for addon in (*first, *rest):
        owner = type(addon)
        label = getattr(addon, "name", owner.__name__.lower())
        for name in hooks.all_hooks:
            if (name in LIFECYCLE) is lifecycle and callable(getattr(owner, name, None)):
                found.append(Hook(owner, name, f"{label}.{name}"))
    return found


def inner_points() -> dict[str, tuple[Any, str]]:
    """Functions below the hooks that a test makes fail: where, and its owner and name."""
    from weir.audit.spool.segment import Segment
    from weir.dlp.core.engine import Engine
    from weir.edge import records
    from weir.edge.process.proxy import WeirNextLayer
    from weir.edge.state import State
    from weir.edge.wire.pipe import ReplyPipe
    from weir.edge.wire.tlsconfig import WeirTlsConfig

    return {
        "nextlayer.next_layer": (WeirNextLayer, "_next_layer"),
        "tlsconfig.tls_start_client": (WeirTlsConfig, "get_cert"),
        "tlsconfig.tls_start_server": (WeirTlsConfig, "_start"),
        "records.request_record": (records, "request_record"),
        "records.reply_record": (records, "reply_record"),
        "engine.scan": (Engine, "scan"),
        "disk": (Segment, "append"),
        "pipe.feed": (ReplyPipe, "feed"),
        "state.trace": (State, "trace"),
        "drain.done": (next(hook.owner for hook in chain_hooks(lifecycle=True) if hook.where == "drain.done"), "done"),
    }


class Faults:
    """A proxy started through the runner. Nothing fails until ``armed``."""

    def __init__(
        self,
        folder: Path,
        policy: Path,
        doubles: Doubles,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        hosts: Sequence[str] = (),
    ) -> None:
        self.doubles = doubles
        # Apart from what weir writes: it holds the message that must not turn up there.
        self._control = Path(os.environ["WEIR_TEST_RUN"]) / "private" / f"fault-{uuid4().hex}.json"
        self._fired = self._control.with_suffix(".fired")
        self._arm({})
        self._seen = 0
        from weir.audit.spool.opened import segments

        spool = folder / "data" / "spool"
        self._former = {chain.rpartition("-")[2] for chain in segments(spool)}
        self.weir = Weir(
            folder,
            policy,
            doubles,
            hosts=hosts,
            environment={**(environment or {}), "WEIR_FAULT": str(self._control)},
            options=options,
            program=[str(RUNNER)],
        )
        self.weir.until_records(bool, "the start's own record")  # or it would count as a test's

    def _arm(self, fault: Mapping[str, str]) -> None:
        made = self._control.with_suffix(".new")
        made.write_text(json.dumps(dict(fault)))
        made.replace(self._control)

    def begin(self) -> None:
        """Count records, fired faults and requests at the doubles from here on.

        Whatever failed before, every exchange must have its last record by now: AssertionError when one stays open.
        """
        until(lambda: not self._open(), "the last record of every exchange so far")
        self._seen = len(self.weir.records())
        self._fired.unlink(missing_ok=True)
        self.doubles.reset()

    @contextmanager
    def armed(self, where: str, how: str = "raise") -> Iterator[None]:
        """Let ``where`` fail: ``raise``, ``later`` (when awaited), ``cancel``, ``hang``, ``sleep``, ``slow``, ``full``.

        The message of the exception is a canary: exceptions quote prompts, so no message may be written anywhere.
        """
        self.begin()
        message = CANARIES.plant(f"quoted-prompt-in-{where}-{how}", f"the message of a failing {where}")
        self._arm({"where": where, "how": how, "message": message})
        try:
            yield
        finally:
            self._arm({})

    def _open(self) -> set[str]:
        """Exchanges since the proxy's start that have a request record and no other."""
        rows = [row for row in self.weir.records() if row["boot_id"] not in self._former and "exchange_id" in row]
        return {r["exchange_id"] for r in rows if r["kind"] == "request"} - {
            r["exchange_id"] for r in rows if r["kind"] not in ("request", "first_seen")
        }

    def fired(self) -> int:
        """How often the armed fault struck."""
        return len(self._fired.read_text().splitlines()) if self._fired.exists() else 0

    def records(self) -> list[dict[str, Any]]:
        """The records since ``begin``, but for news of services that any test may be the first to use."""
        return [row for row in self.weir.records()[self._seen :] if row["kind"] != "first_seen"]

    def naming(self, what: str) -> dict[str, Any]:
        """The first record since ``begin`` whose reason holds ``what``; waits for it."""

        def find() -> dict[str, Any] | None:
            return next((row for row in self.records() if what in _reasons(row)), None)

        try:
            return until(find, f"a record that names {what}", seconds=20)
        except AssertionError as problem:
            rows = [(row["kind"], row.get("host"), _reasons(row)) for row in self.records()]
            raise AssertionError(f"{problem}; there are {rows}\n{self.weir.process.tail()}") from None


def _reasons(row: Mapping[str, Any]) -> str:
    return f"{row.get('inspection_reason', '')} | {row.get('reason', '')}"
