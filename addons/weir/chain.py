"""THE ordered list of addons, and how one policy file becomes the snapshot they work from."""

from __future__ import annotations

import secrets as random_source
from collections.abc import Sequence
from pathlib import Path

from weir.audit.addon import Audit
from weir.audit.spool import Spool
from weir.datadir import DataDir, DataDirError
from weir.dlp.addon import Dlp
from weir.dlp.build import engine_of
from weir.dlp.core.pool import HELPERS
from weir.dlp.standins.conversations import Conversations
from weir.dlp.standins.vault import Vault
from weir.edge.begin import Begin
from weir.edge.coach import Coach
from weir.edge.connections import Connections
from weir.edge.limits.limitstores import plan_for
from weir.edge.process.drain import Drain
from weir.edge.state import Snapshot, State
from weir.edge.websockets.sockets import Sockets
from weir.edge.wire.resolve import Address, Resolve
from weir.identity.addon import Identity
from weir.identity.networks import Networks
from weir.identity.users import Users
from weir.keys.addon import Keys
from weir.keys.backends import SecretUnavailable
from weir.keys.secrets import resolve as resolve_secret
from weir.keys.virtual import VirtualKeys, VirtualKeysError, looks_virtual
from weir.limits.addon import Limits, Settlement
from weir.model import Principal, Secret
from weir.places import shared_tokenizers
from weir.policy.addon import PolicyAddon
from weir.policy.decide import Policy
from weir.providers.addon import Providers
from weir.providers.services.registry import Registry
from weir.settings import Settings
from weir.shadow.addon import Shadow
from weir.shadow.catalogue import Catalogue
from weir.tls.addon import Tls
from weir.tls.ca import Authority, CaError, ensure_ca
from weir.tls.decide import Interception
from weir.tls.trust import TrustError, merged_bundle
from weir.usage.addon import UsageAddon
from weir.usage.overrides import NOTHING
from weir.usage.overrides import load as load_prices
from weir.usage.prices import Prices
from weir.usage.tokens import Counter

__all__ = ["UNUSABLE", "build_snapshot", "build_state", "chain", "prices_of"]

# What building raises when a policy, a data directory or what lies in it can't be used; each says what to do.
UNUSABLE = (ValueError, OSError, DataDirError, CaError, TrustError, VirtualKeysError)


def chain(state: State, resolve: dict[Address, Address]) -> tuple[list[object], list[object]]:
    """The addons in their order: those before mitmproxy's own, and those after. One reason a line."""
    connections = Connections(state)
    first: list[object] = [
        Drain(state, connections),  # its `done` must come before everybody else's
    ]
    rest: list[object] = [
        Resolve(resolve, state),  # addresses, before anything is connected
        Begin(state),  # the trace that all others write to
        Tls(state),  # decrypt or meter, before there is a request to look at
        Identity(state),  # who: needs only the connection
        Coach(state),  # weir's own page: answered before anybody takes it for traffic
        Providers(state),  # what: endpoint, model, texts
        Shadow(state),  # which service, and is it known; reads what Providers could not
        Dlp(state),  # findings in the texts
        PolicyAddon(state),  # one verdict from all of the above
        Sockets(state),  # the same three for each message of a WebSocket
        Limits(state),  # room in budgets and rates, by the model that was asked for; Usage reads the body it leaves
        UsageAddon(state),  # asks for usage in the body that policy left
        Settlement(state),  # what Usage has counted comes out of the budgets
        Keys(state),  # whom a virtual key stands for (headers); the real key goes in last, when all have looked
        connections,  # connections that have no exchange
        Audit(state),  # and nothing is forwarded before its record stands
    ]
    return first, rest


def build_snapshot(settings: Settings, data: DataDir) -> Snapshot:
    """Compile a policy. Takes a second or two (the detectors); never call it on the event loop."""
    registry, catalogue = Registry.load(), Catalogue.load()
    hosts = frozenset(registry.hosts) | frozenset(catalogue.hosts)
    found: dict[str, Secret] = {}
    problems: dict[str, str] = {}
    for service, key in settings.keys.items():
        provider = registry.by_id(service)
        try:
            secret = resolve_secret(key.secret, key.hosts or (provider.bound_hosts if provider else ()), service)
        except SecretUnavailable as error:
            problems[service] = str(error)
            continue
        if looks_virtual(secret.reveal()):
            problems[service] = f"keys.{service}: what the reference yields is a virtual key, not the provider's"
        else:
            found[service] = secret
    intercept = settings.intercept
    return Snapshot(
        settings=settings,
        policy=Policy.compile(settings),
        registry=registry,
        catalogue=catalogue,
        interception=Interception(
            intercept.scope, intercept.sample, intercept.include, intercept.exclude, hosts, data.secret("sample")
        ),
        engine=engine_of(
            settings.dlp,
            data.secret("fingerprint"),
            data.secret("exact") if settings.dlp.exact else b"",
            helpers=HELPERS if settings.dlp.processes is None else settings.dlp.processes,
            compiled=data.compiled,
        ),
        networks=Networks((n.cidr, _network_principal(n)) for n in settings.identity.networks),
        users=Users.load(settings.identity.users) if settings.identity.users else None,
        secrets=found,
        secret_problems=problems,
        prices=prices_of(settings, data),
        limits=plan_for(settings, data),
    )


def prices_of(settings: Settings, data: DataDir) -> Prices:
    """The prices in force: the policy's own, then a vetted list, then the bundled one. Raises ValueError."""
    own = settings.usage.prices
    return Prices.load(warm=True, overrides=load_prices(own) if own else NOTHING, folder=data.prices)


def _network_principal(network: object) -> Principal:
    values = {name: getattr(network, name) for name in ("user", "team", "app", "device")}
    return Principal(**values, method="network", strength=1)


def build_state(settings: Settings, data: DataDir, upstream_cas: Sequence[Path] = ()) -> State:
    """Everything that the chain needs, under `data`. Makes the CA and the keys at first start. Raises `UNUSABLE`."""
    boot_id = random_source.token_hex(8)
    fingerprint_key = data.secret("fingerprint")
    return State(
        data=data,
        snapshot=build_snapshot(settings, data),
        spool=Spool(data.spool, data.proxy_id, boot_id),
        boot_id=boot_id,
        authority=Authority(ensure_ca(data.ca)),
        upstream_bundle=merged_bundle(data.run / "upstream-roots.pem", upstream_cas),
        virtual_keys=VirtualKeys(data.keys / "virtual.json", data.secret("virtual-keys")),
        conversations=Conversations(
            data.secret("pseudonyms"),
            vault=Vault(data.path / "pseudonyms.db", lambda: data.secret("pseudonym-vault")),
        ),
        counter=Counter.load(data.tokenizers, shared_tokenizers(), background=True),
        fingerprint_key=fingerprint_key,
        drain_s=settings.limits.drain_s,
    )
