"""THE ordered list of addons, and how one policy file becomes the snapshot they work from."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from weir.audit.addon import Audit
from weir.audit.spool.records import new_boot_id
from weir.audit.spool.room import Room
from weir.datadir import DataDir, DataDirError
from weir.dlp.addon import Dlp
from weir.dlp.build import engine_of
from weir.dlp.core.pool import HELPERS
from weir.dlp.standins.conversations import Conversations
from weir.dlp.standins.vault import Vault
from weir.edge.begin import Begin
from weir.edge.bounds.destinations import Destinations
from weir.edge.bounds.doors import Doors
from weir.edge.coach import Coach
from weir.edge.connections import Connections
from weir.edge.content.forgetting import Forgetting
from weir.edge.content.writing import policy_of
from weir.edge.firstseen import FirstSeen
from weir.edge.health.counted import CountedSpool
from weir.edge.identity.handshakes import Handshakes
from weir.edge.keys.keyhealth import Managed, SecretEvents
from weir.edge.keys.keystore import running_keys
from weir.edge.keys.virtualkeys import Keyholders
from weir.edge.limits.limitstores import plan_for
from weir.edge.process.diskspace import DiskSpace
from weir.edge.process.drain import Drain
from weir.edge.state import Snapshot, State
from weir.edge.websockets.sockets import Sockets
from weir.edge.wire.resolve import Address, Resolve
from weir.filemodes import AS_ROOT, look
from weir.identity.addon import Identity, Permits
from weir.identity.build import build as build_sources
from weir.identity.desk import Desk
from weir.identity.sources import SourceDown
from weir.identity.throttle import Throttle
from weir.keys.addon import Keys
from weir.keys.backends import SecretUnavailable
from weir.keys.company import Company
from weir.keys.refresh import Refresher
from weir.keys.secrets import source
from weir.keys.virtual import VirtualKeysError
from weir.limits.addon import Limits, Settlement
from weir.places import shared_tokenizers
from weir.policy.addon import PolicyAddon
from weir.policy.decide import Policy
from weir.providers.addon import Providers
from weir.providers.services.registry import Registry
from weir.routing.addon import Routing
from weir.settings import Settings
from weir.shadow.addon import Shadow
from weir.shadow.catalogue import Catalogue
from weir.shadow.sightings import Sightings
from weir.tenants.addon import Tenants
from weir.tenants.build import tenants_of
from weir.tls.addon import Tls
from weir.tls.ca import Authority, CaError, ensure_ca
from weir.tls.decide import Interception
from weir.tls.trust import TrustError, merged_bundle
from weir.usage.addon import UsageAddon
from weir.usage.overrides import NOTHING
from weir.usage.overrides import load as load_prices
from weir.usage.prices import Prices
from weir.usage.tokens import Counter

__all__ = ["UNUSABLE", "build_snapshot", "build_state", "chain", "prices_of", "rebuild"]

log = logging.getLogger("weir")

SECRETS_S = 8.0  # a start, or a changed policy, waits so long for backends that don't answer

# What building raises when a policy, a data directory or what lies in it can't be used; each says what to do.
UNUSABLE = (ValueError, OSError, DataDirError, CaError, TrustError, VirtualKeysError)


def chain(state: State, resolve: dict[Address, Address]) -> tuple[list[object], list[object]]:
    """The addons in their order: those before mitmproxy's own, and those after. One reason a line."""
    connections = Connections(state)
    first: list[object] = [
        Drain(state, connections),  # its `done` must come before everybody else's
        Forgetting(state),  # what was erased leaves memory too; it looks at no exchange
    ]
    rest: list[object] = [
        resolving := Resolve(resolve, state),  # addresses, before anything is connected
        Doors(state),  # how many come in, and for how long they may do nothing
        Destinations(state, resolving),  # where nothing is connected to; knows what the operator named
        Begin(state),  # the trace that all others write to
        Handshakes(state),  # what the client shows of itself in TLS and SOCKS5
        Tls(state),  # decrypt or meter, before there is a request to look at
        Identity(state),  # who: needs only the connection
        Coach(state),  # weir's own page: answered before anybody takes it for traffic
        Providers(state),  # what: endpoint, model, texts
        Managed(state),  # how the provider took the company's key, before the reply begins
        Shadow(state),  # which service, and is it known; reads what Providers could not
        Dlp(state),  # findings in the texts
        PolicyAddon(state),  # one verdict from all of the above
        Sockets(state),  # the same three for each message of a WebSocket
        Tenants(state),  # the company's tenant and no other; refuses before anything is reserved
        Keyholders(state),  # a virtual key must be good for each message too; before anything is held for it
        Limits(state),  # room in budgets and rates, by the model that was asked for; Usage reads the body it leaves
        UsageAddon(state),  # asks for usage in the body that policy left
        Settlement(state),  # what Usage has counted comes out of the budgets
        Keys(state),  # whom a virtual key stands for (headers); the real key goes in last, when all have looked
        Routing(state),  # another place when one fails: with another key, so after Keys
        Permits(state),  # what the caller may use, all having said who it is; before the body is read
        connections,  # connections that have no exchange
        DiskSpace(state),  # says when the disk gets full, before it is
        Audit(state),  # and nothing is forwarded before its record stands
    ]
    return first, rest


def build_snapshot(
    settings: Settings,
    data: DataDir,
    *,
    ca: Path | None = None,
    throttle: Throttle | None = None,
    before: Snapshot | None = None,
    company: Company | None = None,
) -> Snapshot:
    """Compile a policy. Takes a second or two (the detectors); never call it on the event loop.

    Waits for the company's keys, `SECRETS_S` seconds at most; otherwise asks no network and starts no thread. ``ca`` is
    what issuers of tokens are verified with, ``throttle`` knows the wrong credentials so far, ``before`` is the policy
    until now, ``company`` keeps the values of keys from one policy to the next.
    """
    registry, catalogue = Registry.load(), Catalogue.load()
    hosts = frozenset(registry.hosts) | frozenset(catalogue.hosts)
    company = company or Company(Refresher())
    secrets, problems = company.keys_of(settings.keys, registry.bound_hosts, SECRETS_S)
    sources = build_sources(settings.identity, _reveal, ca, before.sources if before else None)
    intercept, tenants = settings.intercept, tenants_of(settings)
    return Snapshot(
        settings=settings,
        policy=Policy.compile(settings),
        registry=registry,
        catalogue=catalogue,
        interception=Interception(
            intercept.scope,
            settings.sample,
            intercept.include,
            intercept.exclude,
            hosts,
            data.secret("sample"),
            tenants.hosts,
        ),
        engine=engine_of(
            settings.dlp,
            data.secret("fingerprint"),
            data.secret("exact") if settings.dlp.exact else b"",
            helpers=HELPERS if settings.dlp.processes is None else settings.dlp.processes,
            compiled=data.compiled,
        ),
        sources=sources,
        desk=Desk(sources.passwords, sources.tokens, throttle or Throttle()),
        secrets=secrets,
        secret_problems=problems,
        prices=prices_of(settings, data),
        limits=plan_for(settings, data),
        tenants=tenants,
        content=policy_of(settings.audit.content),
    )


def prices_of(settings: Settings, data: DataDir) -> Prices:
    """The prices in force: the policy's own, then a vetted list, then the bundled one. Raises ValueError."""
    own = settings.usage.prices
    return Prices.load(warm=True, overrides=load_prices(own) if own else NOTHING, folder=data.prices)


def rebuild(state: State, settings: Settings) -> Snapshot:
    """The snapshot that is to follow the one in force."""
    return build_snapshot(
        settings,
        state.data,
        ca=state.upstream_bundle,
        throttle=state.throttle,
        before=state.snapshot,
        company=state.company,
    )


def _reveal(reference: str) -> str:
    """The value of a secret that weir itself needs, such as a directory's password. May block. Raises SourceDown."""
    try:
        return source(reference)().value
    except SecretUnavailable as error:
        raise SourceDown(f"weir's own password for the directory cannot be had ({error})") from None


def build_state(settings: Settings, data: DataDir, upstream_cas: Sequence[Path] = ()) -> State:
    """Everything that the chain needs, under `data`. Makes the CA and the keys at first start. Raises `UNUSABLE`."""
    look(data.path)  # before any of it is used
    if os.geteuid() == 0 and not data.worker:  # of several workers their parent has said it
        log.warning(AS_ROOT)
    boot_id = new_boot_id()
    fingerprint_key = data.secret("fingerprint")
    bundle, throttle = merged_bundle(data.run / "upstream-roots.pem", upstream_cas), Throttle()
    spool = CountedSpool(
        data.spool,
        data.proxy_id,
        boot_id,
        room=Room(data.spool, settings.audit.disk),
        queue_max=settings.limits.audit_queue_max,
    )
    company = Company(Refresher(on_change=SecretEvents(spool.put)))
    return State(
        data=data,
        snapshot=build_snapshot(settings, data, ca=bundle, throttle=throttle, company=company),
        spool=spool,
        boot_id=boot_id,
        authority=Authority(ensure_ca(data.ca)),
        upstream_bundle=bundle,
        throttle=throttle,
        company=company,
        virtual_keys=running_keys(settings, data),
        conversations=Conversations(
            data.secret("pseudonyms"),
            vault=Vault(data.path / "pseudonyms.db", lambda: data.secret("pseudonym-vault")),
        ),
        counter=Counter.load(data.tokenizers, shared_tokenizers(), background=True),
        fingerprint_key=fingerprint_key,
        drain_s=settings.limits.drain_s,
        first_seen=FirstSeen(Sightings(data.path / "services-seen.db"), spool.put),
    )
