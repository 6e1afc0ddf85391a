"""weir's addons without a proxy: a real state under a real policy, flows made by hand, records in a list.

    rig = Rig(tmp_path, on_failure="allow")
    flow = rig.flow(chat("hello"))
    rig.play(flow, "requestheaders", "request")
    assert rig.records[-1].verdict == "allow"

What takes long to make (detectors, catalogue, CA) is made once a process and shared.
"""

from __future__ import annotations

import asyncio
import functools
import json
import tempfile
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from mitmproxy import connection, http
from mitmproxy.test import taddons, tflow, tutils

from weir import chain, settings
from weir.audit.record import AuditRecord
from weir.audit.spool.waiters import SpoolUnavailable
from weir.datadir import DataDir
from weir.dlp.standins.conversations import Conversations
from weir.edge.content.writing import policy_of
from weir.edge.process.workers import Workers
from weir.edge.state import Snapshot, State
from weir.edge.trace import Trace, trace_of
from weir.identity.build import build as build_sources
from weir.identity.desk import Desk
from weir.identity.throttle import Throttle
from weir.keys.company import single
from weir.keys.virtual import VirtualKeys
from weir.model import Secret
from weir.policy.decide import Policy
from weir.tenants.build import tenants_of
from weir.tls.decide import Interception

__all__ = ["ADDRESS", "CREDENTIAL", "Ledger", "Rig", "chat", "mitmproxy", "run"]

ADDRESS = "jane.doe@example.org"
CREDENTIAL = "AKIA" + "3QZ7TX5NWJ2KDLPV"  # in two pieces: no scanner of this repository should stop at it
REAL_KEY = "real-key-of-the-company"

POLICY: Mapping[str, Any] = {
    "version": 1,
    "mode": "enforce",
    "on_failure": "block",
    "services": {"sanctioned": ["openai", "anthropic"], "otherwise": "unsanctioned"},
    "usage": {"ask": True},
    "rules": [
        {"id": "no-credentials", "if": {"finding": "secret/*"}, "then": "block", "say": "It holds a {finding}."},
        {"id": "no-addresses", "if": {"finding": "pii/EMAIL_ADDRESS"}, "then": "pseudonymise"},
        {"id": "approved-only", "if": {"status": "unsanctioned"}, "then": "block", "say": "{service} is not approved."},
    ],
}
# What a busy machine takes longer for is no failure, unless a test says how long it may take.
PATIENCE: Mapping[str, Any] = {"dlp": {"timeout_ms": 30_000}, "limits": {"hook_timeout_ms": 60_000}}


class Ledger:
    """Stands where the spool stands and keeps what it is given; `down` makes it a full disk."""

    def __init__(self) -> None:
        self.records: list[AuditRecord] = []
        self.waited_for = 0
        self.down = ""
        self.closed = self.started = self.full = False
        self.room = None

    def start(self) -> None:
        """Nothing to start."""
        self.started = True

    def put(self, record: AuditRecord, *, strict: bool = False) -> None:
        """Keep the record."""
        self.records.append(record)

    async def durable(self, record: AuditRecord) -> None:
        """Keep the record after one turn of the loop, or refuse it."""
        await asyncio.sleep(0)
        if self.down:
            raise SpoolUnavailable(self.down)
        self.waited_for += 1
        self.records.append(record)

    def close(self, timeout_s: float) -> bool:
        """Remember that it was closed."""
        self.closed = True
        return True


@functools.cache
def _shared() -> State:
    folder = Path(tempfile.mkdtemp(prefix="weir-rig-"))
    return chain.build_state(settings.loads("version: 1"), DataDir(folder / "data"))


def chat(text: Any = "hello", **more: Any) -> bytes:
    """A chat completions request as JSON."""
    return json.dumps({"model": "gpt-5-mini", "messages": [{"role": "user", "content": text}], **more}).encode()


def run(waits: Awaitable[None] | None) -> None:
    """Wait for what a hook returned, if it returned anything."""
    if waits is not None:
        asyncio.run(_finish(waits))


async def _finish(waits: Awaitable[None]) -> None:
    await waits


@contextmanager
def mitmproxy(*addons: object) -> Iterator[taddons.context]:
    """mitmproxy's context and options with these addons loaded, without its log handler, which outlives the loop."""
    with taddons.context(*addons) as found:
        found.master._legacy_log_events.uninstall()
        yield found


class Rig:
    """One state under `POLICY` with some sections replaced; `play` runs hooks over the whole chain."""

    def __init__(self, directory: Path, **sections: Any) -> None:
        policy = {**POLICY, **sections}
        for section, patience in PATIENCE.items():
            policy[section] = {**patience, **policy.get(section, {})}
        shared, text = _shared(), yaml.safe_dump(policy)
        chosen = settings.loads(text, base=directory)
        self.ledger = Ledger()
        self.state = State(
            data=DataDir(directory / "data"),
            snapshot=self._snapshot(shared, chosen),
            spool=self.ledger,  # type: ignore[arg-type]
            boot_id="boot",
            authority=shared.authority,
            upstream_bundle=shared.upstream_bundle,
            virtual_keys=VirtualKeys(directory / "limits.db", b"v" * 32),
            conversations=Conversations(b"p" * 32),
            counter=shared.counter,
            fingerprint_key=b"f" * 32,
            workers=Workers(2),
        )
        first, rest = chain.chain(self.state, {})
        self.addons: list[Any] = [*first, *rest]

    @staticmethod
    def _snapshot(shared: State, chosen: settings.Settings) -> Snapshot:
        intercept, known, tenants = chosen.intercept, shared.snapshot, tenants_of(chosen)
        hosts = frozenset(known.registry.hosts) | frozenset(known.catalogue.hosts)
        sources, throttle = build_sources(chosen.identity, chain._reveal), Throttle()
        return replace(
            known,
            settings=chosen,
            policy=Policy.compile(chosen),
            interception=Interception(
                intercept.scope, chosen.sample, intercept.include, intercept.exclude, hosts, b"s" * 32, tenants.hosts
            ),
            tenants=tenants,
            sources=sources,
            desk=Desk(sources.passwords, sources.tokens, throttle),
            content=policy_of(chosen.audit.content),
            secrets={"openai": single(Secret(REAL_KEY, name="openai", hosts=("api.openai.com",)))},
        )

    @property
    def records(self) -> list[AuditRecord]:
        """What the audit was given, in order."""
        return self.ledger.records

    def addon(self, name: str) -> Any:
        """The chain's addon of this name."""
        return next(addon for addon in self.addons if addon.name == name)

    def flow(
        self,
        body: bytes = b"",
        *,
        host: str = "api.openai.com",
        path: str = "/v1/chat/completions",
        method: str = "POST",
        sni: str | None = "",
        tunnel: str = "",
        peer: str = "10.1.2.3",
        headers: Mapping[str, str] | None = None,
    ) -> http.HTTPFlow:
        """A request inside an intercepted tunnel; `sni` and the tunnel's target are the host unless given."""
        fields = {"host": host, "content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
        request = tutils.treq(
            method=method.encode(),
            scheme=b"https",
            host=host,
            port=443,
            authority=b"",
            path=path.encode(),
            headers=http.Headers([(k.encode(), v.encode()) for k, v in fields.items()]),
            content=body,
        )
        flow = tflow.tflow(req=request)
        flow.client_conn.sni = host if sni == "" else sni
        flow.server_conn.address = (host, 443)
        flow.server_conn = connection.Server(address=(tunnel or host, 443))
        flow.client_conn.peername = (peer, 40000)
        flow.client_conn.timestamp_start = 0  # so that durations start now
        return flow

    def play(self, flow: http.HTTPFlow, *hooks: str, until: str = "") -> Trace:
        """Run hooks over the chain in its order, the last one only up to the addon `until`; the flow's trace."""
        for hook in hooks:
            for addon in self.addons:
                called = getattr(addon, hook, None)
                if called is not None:
                    run(called(flow))
                if hook == hooks[-1] and addon.name == until:
                    break
        trace = trace_of(flow)
        assert trace is not None
        return trace

    def reply(self, flow: http.HTTPFlow, body: bytes, *, status: int = 200, **headers: str) -> Trace:
        """Let the upstream answer in one chunk; the reply's end and its record included."""
        trace = trace_of(flow)
        assert trace is not None
        trace.forwarded_ns = trace.started_ns + 1
        fields = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        flow.response = http.Response.make(status)
        flow.response.headers.update(fields)  # given to `make`, a coding it does not know would be taken out
        self.play(flow, "responseheaders")
        if trace.pipe is not None:
            flow.response.raw_content = b"".join([*trace.pipe.feed(body), *trace.pipe.close()])
        else:
            flow.response.raw_content = body
        return self.play(flow, "response")

    def close(self) -> None:
        """End the worker threads."""
        self.state.workers.close()
