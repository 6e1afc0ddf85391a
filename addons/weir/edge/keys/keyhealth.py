"""How it stands with the company's keys: what providers answer to them, what backends say, and who is told.

The audit hears of changes, other commands read a file in the data directory.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from mitmproxy import http

from weir.audit.record import AuditRecord
from weir.datadir import write_private
from weir.edge import records
from weir.edge.guard import guarded
from weir.edge.keys.echoes import hide
from weir.edge.keys.managed import COMPANYS, caller_of, refuse
from weir.edge.net import Net
from weir.edge.state import State
from weir.edge.trace import Trace, trace_of
from weir.keys.company import CompanyKey, names_account, report, turned_away
from weir.keys.held import SecretStatus

__all__ = ["Managed", "SecretEvents", "hear", "heard", "status"]

log = logging.getLogger("weir.keys")

_TELL_S = 1.0
_TURNED_AWAY = "{service} turned the company's key away ({code}). This is for the company to mend; try again."


def hear(state: State, trace: Trace, flow: http.HTTPFlow) -> None:
    """How the provider took the company's key: one that it turns away rests, and that is told.

    The client is not told in the provider's words, which quote a part of the key, and its own key is good: it gets a
    503 that says to try again, with another of the company's keys or with the one that is fetched meanwhile.
    """
    key, response = trace.snapshot.secrets.get(trace.service.id), flow.response
    if not trace.managed_key or key is None or response is None:
        return
    code = trace.look.status_code if trace.look else response.status_code  # before a rule of policy's answered
    headers = response.headers
    heard(state, trace, key, code, headers, flow.request.headers)
    if code == 429 and len(key.health()) > 1 and any(one.state == "good" for one in key.health()):
        headers.pop("retry-after-ms", None)
        headers["retry-after"] = "1"  # another key has room
    if trace.look is not None and not trace.look.refused and turned_away(code, headers):
        told = f"the provider turned the company's key {trace.managed_key} away ({code})"
        refuse(flow, trace, 503, _TURNED_AWAY.format(service=trace.service.id, code=code), COMPANYS, told)
        if flow.response is not None and not names_account(flow.request.headers):
            flow.response.headers.update({"retry-after": "1", "x-should-retry": "true"})
        trace.look.refused = trace.look.stopped = True


def heard(
    state: State, trace: Trace, key: CompanyKey, code: int, headers: Mapping[str, str], sent: Mapping[str, str]
) -> None:
    """Tell the pool of a provider's answer to the key that went in, and the audit what becomes of that key."""
    change = report(key, trace.managed_key, code, headers, sent, caller_of(trace))
    if change is not None:
        told = f"rests {change.rest_s:.0f} s after {code}" if change.rest_s else "is taken again"
        told += f", for {caller_of(trace)} alone: others are answered" if change.own else ""
        state.spool.put(records.event_record("config", f"key {trace.managed_key} {told}", trace.snapshot.settings.hash))
        if change.rest_s and code != 429:
            state.company.refused(key, trace.managed_key)


def status(state: State) -> bytes:
    """How it stands with the company's keys, as JSON for ``weir doctor``: labels, states, times, never a value."""
    secrets = [
        {
            "name": one.name.removeprefix("keys."),
            "scheme": one.scheme,
            "state": one.state,
            "expires": one.expires.isoformat(timespec="seconds") if one.expires and one.state != "fresh" else "",
            "failing_since": one.failing_since.isoformat(timespec="seconds") if one.failing_since else "",
            "refused": one.refused,
            "problem": one.problem,
        }
        for one in state.company.refresher.statuses()
    ]
    resting = [
        {"name": one.id, "status": one.status}
        for key in state.snapshot.secrets.values()
        for one in key.health()
        if one.state == "resting"
    ]
    snapshot = state.snapshot
    problems = [why for service, why in snapshot.secret_problems.items() if service not in snapshot.secrets]
    return json.dumps({"secrets": secrets, "resting": resting, "problems": problems}).encode()


class SecretEvents:
    """Tells the audit when a backend fails and when it is back; what is well from the start is no news."""

    def __init__(self, put: Callable[[AuditRecord], None]) -> None:
        self._put = put
        self._troubled: set[str] = set()

    def __call__(self, told: SecretStatus) -> None:
        """The state of a secret is another than before; from any thread."""
        if told.problem:
            self._troubled.add(told.name)
            until = f" until {told.expires:%Y-%m-%d %H:%M} UTC" if told.state == "stale" and told.expires else ""
            self._put(records.event_record("config", f"secret {told.name} is {told.state}{until}: {told.problem}"))
        elif told.name in self._troubled:
            self._troubled.discard(told.name)
            self._put(records.event_record("config", f"secret {told.name} is {told.state} again"))


class Managed:
    """Hears how the provider took the company's key, and tells other commands how it stands with all of them."""

    name = "managed"

    def __init__(self, state: State) -> None:
        self.state = state
        self._task: asyncio.Task[None] | None = None

    def running(self) -> None:
        """Begin to write the state of the company's keys where `weir doctor` looks."""
        self._task = asyncio.create_task(self._tell())

    async def done(self) -> None:
        """Nothing is fetched any more."""
        if self._task:
            self._task.cancel()
        self._file.unlink(missing_ok=True)
        await asyncio.to_thread(self.state.company.refresher.close)

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """A key that the provider turns away rests."""
        if (trace := trace_of(flow)) is not None:
            hear(self.state, trace, flow)
            hide(trace, flow)

    @property
    def _file(self) -> Path:
        return self.state.data.run / "secrets.json"

    async def _tell(self) -> None:
        written, net = b"", Net(log.warning, f"how it stands with the company's keys is not in {self._file}")
        while True:
            with net:  # no key depends on it
                now = status(self.state)
                if now != written and (written or self.state.snapshot.secrets):
                    await asyncio.to_thread(write_private, self._file, now)
                    written = now
            await asyncio.sleep(_TELL_S)
