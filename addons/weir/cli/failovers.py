"""Whether the places that ``failover`` names can take a request: of the same service, with a key bound to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from weir.fields import nearest
from weir.model import Secret
from weir.settings import Mistake, Settings

if TYPE_CHECKING:
    from weir.providers.services.registry import Registry
    from weir.sections import Key
    from weir.sections_routing import Failover, Target

__all__ = ["failover_mistakes"]

_Place = tuple[str | int, ...]
_Told = tuple[_Place, str, str]


def failover_mistakes(settings: Settings) -> tuple[Mistake, ...]:
    """What would never be gone to, each at its line. A service nobody knows is told elsewhere."""
    if not settings.failover:
        return ()
    from weir.providers.services.registry import Registry

    registry = Registry.load()
    return tuple(
        settings.mistake(place, problem, remedy)
        for service, section in settings.failover.items()
        for place, problem, remedy in _of(service, section, settings.keys.get(service), registry)
    )


def _of(service: str, section: Failover, key: Key | None, registry: Registry) -> Iterator[_Told]:
    at: _Place = ("failover", service)
    if key is None:
        if registry.by_id(service) is None:
            return
        problem = "needs keys of the company's: a client's own goes to the host it was sent to and to no other"
        yield at, problem, f"add {service} to keys, or remove it"
        for index, target in enumerate(section.to):
            yield from _elsewhere((*at, "to", index), service, target, registry)
        return
    hosts = tuple(key.hosts or registry.bound_hosts(service))
    bound = dict(zip(key.labels(service), (Secret("", hosts=one) for one in key.bindings(hosts)), strict=True))
    for index, target in enumerate(section.to):
        yield from _target((*at, "to", index), service, target, bound, registry)


def _target(at: _Place, service: str, target: Target, bound: dict[str, Secret], registry: Registry) -> Iterator[_Told]:
    label = f"{service}-{target.key}"
    if target.key and label not in bound:
        names = [one.removeprefix(f"{service}-") for one in bound if one != service]
        guess = nearest(target.key, names)
        known = f"write {guess}" if guess else f"write one of {', '.join(names)}" if names else ""
        yield (*at, "key"), "is the name of none of its keys", known or f"give keys.{service} secrets: with names"
    elif target.key and not target.host and (hosts := _apart(label, bound)):
        problem = "is bound to no host that another key is for: it can stand in for none"
        yield (*at, "key"), problem, f"add host: {hosts[0]}"
    foreign = list(_elsewhere(at, service, target, registry))
    yield from foreign
    if not target.host or foreign:
        return
    # A key that isn't there is bound to nothing: what is looked for then is any that could go.
    fit = [one for name, one in bound.items() if name == label or not target.key or label not in bound]
    if not any(one.may_go_to(target.host) for one in fit):
        whose = f"the key {target.key} is not" if label in bound else "no key is"
        remedy = f"add it to hosts: of keys.{service}, or of one of its secrets"
        yield (*at, "host"), f"can't be used, as {whose} bound to it", remedy


def _apart(label: str, bound: dict[str, Secret]) -> tuple[str, ...]:
    """The hosts of a key that no other may go to; empty when there is one, no other key, or a pattern among them."""
    own, others = bound[label].hosts, [host for name, one in bound.items() if name != label for host in one.hosts]
    if not others or any("*" in host for host in own) or any(_among(host, tuple(others)) for host in own):
        return ()
    return own


def _elsewhere(at: _Place, service: str, target: Target, registry: Registry) -> Iterator[_Told]:
    if not target.host:
        return
    owner = registry.by_host(target.host)
    provider = registry.by_id(service)
    shared = [one for one in registry.providers if one.id == service and _among(target.host, one.shared_hosts)]
    if provider is not None and (owner.id if owner else "") != service and not shared:
        whose = f"one of {owner.id}'s" if owner else "of no service that weir knows"
        problem = f"is {whose}: what was decided on {service}, its keys and its prices do not hold there"
        yield (*at, "host"), problem, f"name a host of {service}'s"


def _among(host: str, patterns: tuple[str, ...]) -> bool:
    return Secret("", hosts=patterns).may_go_to(host)
