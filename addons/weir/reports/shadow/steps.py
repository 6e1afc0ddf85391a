"""What to do next about shadow AI, ranked: each step with its reason and, where there is one, what to write or run.

A step's weight is its service's score (0 to 100) times how far its use has spread; steps that are about weir itself
(what it cannot see, whom it does not know) weigh by the share of requests they are about.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from weir.reports.shadow.cells import UsedBy
from weir.reports.shadow.model import Blind, Credential, Hint, Service, Step

__all__ = ["size", "steps"]

MOST = 20
_EVERYBODY = 0.25  # of the known people: a service that so many use is better decided about than forbidden
_FEW = 3  # people; where fewer use a service, its spread says nothing
_SCORE_LOW = 45
_NO_HOST = re.compile(r"[^\w.:-]")
_NO_ID = re.compile(r"[^a-z0-9]+")
_UNKNOWN_SHARE = 0.1  # of requests of nobody known, from which that is worth a step


def steps(
    services: Sequence[Service],
    uses: Sequence[UsedBy],
    credentials: Sequence[Credential],
    blind: Sequence[Blind],
    hints: Sequence[Hint],
    personal: Mapping[str, int],
) -> tuple[Step, ...]:
    """At most 20 steps, the heaviest first. ``personal``: service → how many people use accounts of their own there."""
    known = len({use.who for use in uses if use.known})
    alternatives = _alternatives(services)
    made = [
        *_folded(_about_services(services, alternatives, known), 6, "Decide about {} more services"),
        *_accounts(services, uses, alternatives),
        *_credentials(credentials, services),
        *_personal(services, personal),
        *_folded(_blind(blind, services), 4, "Look at {} more places where weir sees little"),
        *_folded(_hints(hints), 2, "Look into {} more hosts that may be AI"),
        *_weir(services),
    ]
    made.sort(key=lambda step: (-step.weight, step.title))
    return tuple(made[:MOST])


def size(count: int) -> str:
    """A number of bytes as people say it: ``812 B``, ``4.2 MB``."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def _many(count: int, thing: str, things: str = "") -> str:
    return f"{count:,} {thing if count == 1 else things or thing + 's'}"


def _approved(service: Service) -> bool:
    return service.status in ("sanctioned", "tolerated")


def _alternatives(services: Iterable[Service]) -> dict[str, Service]:
    """Category → the sanctioned service of it that most people use."""
    found: dict[str, Service] = {}
    for service in sorted(services, key=lambda one: (one.users, one.requests)):
        if service.status == "sanctioned" and service.category:
            found[service.category] = service
    return found


def _spread(service: Service) -> float:
    people = service.users or (1 if service.unidentified else 0)
    return 1 + math.log2(1 + people) + math.log10(1 + service.bytes_up / 1e6) + math.log2(1 + service.findings)


def _seen(service: Service) -> str:
    """How much a service is used, and the heaviest thing that speaks against it."""
    told = [_many(service.users, "user")] if service.users else []
    told.append(_many(service.requests, "request"))
    if service.bytes_up:  # else nobody counted them
        told.append(f"{size(service.bytes_up)} sent")
    if service.findings:
        told.append(_many(service.findings, "sensitive finding"))
    against = next((why for why in service.reasons if not _said_already(why)), "")
    return ", ".join(told) + (f"; {against}" if against else "")


def _said_already(why: str) -> bool:
    """Of a step that names service, status and findings, or that says nothing of this service in particular."""
    return why.startswith(
        ("the policy", "sensitive data", "much of", "some of", "a company", "little of", "no catalogue")
    )


def _folded(found: Iterable[Step], most: int, title: str) -> list[Step]:
    """The ``most`` heaviest, and one step for all others."""
    some = sorted(found, key=lambda step: (-step.weight, step.title))
    rest = some[most:]
    if len(rest) < 2:
        return some
    services = tuple(service for step in rest for service in step.services)
    why = "the next ones: " + "; ".join(step.title for step in rest[:3]) + ("; …" if len(rest) > 3 else "")
    return [*some[:most], Step(title.format(len(rest)), why, services, "weir report shadow-ai --format html --out FILE",
                               rest[0].weight)]  # fmt: skip


def _about_services(services: Sequence[Service], alternatives: Mapping[str, Service], known: int) -> Iterator[Step]:
    for service in services:
        if _approved(service) or service.blocked >= service.requests:
            continue
        weight = service.score * _spread(service) / 10
        many = service.users >= max(_FEW, known * _EVERYBODY)
        if many and service.score < _SCORE_LOW and service.category not in alternatives:
            yield Step(
                f"Approve {service.name}, or name another",
                f"{_seen(service)}; no {service.category or 'such'} service is sanctioned", (service.id,),
                f"services: {{sanctioned: [{service.id}]}}", weight,
            )  # fmt: skip
        elif service.status == "unsanctioned":
            yield Step(
                f"Block {service.name}", _seen(service) + ("; some of it was blocked" if service.blocked else ""),
                (service.id,), _ban(service), weight,
            )  # fmt: skip
        elif service.discovered:
            yield Step(
                f"Find out what {service.name} is", f"{_seen(service)}; it talks like an AI service", (service.id,),
                f"weir audit sql \"FROM exchanges WHERE host = '{_quoted(service.hosts)}' LIMIT 20\"", weight,
            )  # fmt: skip
        else:
            yield Step(
                f"Decide about {service.name}: sanction or block it", _seen(service), (service.id,),
                f"services: {{unsanctioned: [{service.id}]}}", weight,
            )  # fmt: skip


def _ban(service: Service) -> str:
    """A rule against this service and no other."""
    named = f"host: {_quoted(service.hosts)}" if service.discovered else f"service: {service.id}"
    rule = _NO_ID.sub("-", f"no-{service.id.lower()}")[:64].rstrip("-")
    return f"rules: [{{id: {rule}, if: {{{named}}}, then: block}}]"


def _quoted(hosts: Sequence[str]) -> str:
    """A host for a command that people paste into a shell: whoever made up its name writes nothing else into it."""
    return _NO_HOST.sub("", hosts[0]) if hosts else ""


def _accounts(
    services: Sequence[Service], uses: Sequence[UsedBy], alternatives: Mapping[str, Service]
) -> Iterator[Step]:
    """Who uses something else where a sanctioned service of the same kind is at hand."""
    named = {service.id: service for service in services}
    have: dict[str, set[str]] = defaultdict(set)
    want: dict[str, set[str]] = defaultdict(set)
    of: dict[str, set[str]] = defaultdict(set)
    for use in uses:
        service = named.get(use.service)
        if service is None or service.category not in alternatives or not use.known:
            continue
        if _approved(service):
            have[service.category].add(use.who)
        else:
            want[service.category].add(use.who)
            of[service.category].add(service.name)
    for category, people in want.items():
        without = people - have[category]
        if without:
            better = alternatives[category]
            some = sorted(of[category])
            listed = ", ".join(some[:3]) + (f" and {len(some) - 3} more" if len(some) > 3 else "")
            yield Step(
                f"Give {_many(len(without), 'user')} an account of {better.name}",
                f"they use {listed}, and no sanctioned {category} service", (better.id,), "",
                12 * (1 + math.log2(1 + len(without))),
            )  # fmt: skip


def _credentials(credentials: Sequence[Credential], services: Sequence[Service]) -> Iterator[Step]:
    names = {service.id: service.name for service in services}
    by: dict[str, list[Credential]] = defaultdict(list)
    for one in credentials:
        by[one.provider].append(one)
    for provider, some in by.items():
        people = {user for one in some for user in one.users}
        whose = f"of {_many(len(people), 'user')}" if people else "of nobody known"
        used = _many(sum(one.requests for one in some), "request")
        yield Step(
            f"Replace {_many(len(some), 'personal credential')} at {names.get(provider, provider)}",
            f"{whose}, used in {used}: outside the company's contract, and not revoked when people leave", (provider,),
            "weir report credentials", 20 * (1 + math.log2(1 + max(len(people), len(some)))),
        )  # fmt: skip


def _personal(services: Sequence[Service], personal: Mapping[str, int]) -> Iterator[Step]:
    for service in services:
        if count := personal.get(service.id, 0):
            yield Step(
                f"Move {_many(count, 'user')} of {service.name} to the company's account",
                "they sign in with accounts of their own: what they send is under no contract", (service.id,),
                'weir audit sql "FROM personal_accounts"', 18 * (1 + math.log2(1 + count)),
            )  # fmt: skip


def _blind(blind: Sequence[Blind], services: Sequence[Service]) -> Iterator[Step]:
    scores = {name: service.score for service in services for name in (service.id, service.name)}
    clients: dict[tuple[str, bool], list[Blind]] = defaultdict(list)
    for one in blind:
        clients[one.service or one.host, one.inspection == "pinned"].append(one)
    for (name, pinned), some in clients.items():
        count, seen = max(one.clients for one in some), sum(one.connections for one in some)
        why = f"{_many(seen, 'connection')}, {size(sum(one.bytes_up for one in some))} sent unread"
        weight = (scores.get(name, 30) + 20) / 100 * 10 * (1 + math.log2(1 + count))
        if pinned:
            yield Step(
                f"Look at {_many(count, 'client')} of {name}: no trust in weir's CA",
                why + "; install the CA there, or block the host", (), "weir doctor", weight,
            )  # fmt: skip
        else:
            how = sorted({one.inspection for one in some})
            yield Step(
                f"Raise coverage at {name}", f"{why} ({', '.join(how)})", (),
                f"weir audit sql \"FROM uninspected WHERE host = '{_quoted([some[0].host])}' LIMIT 20\"", weight,
            )  # fmt: skip


def _hints(hints: Sequence[Hint]) -> Iterator[Step]:
    for one in hints:
        yield Step(
            f"Look into {one.host}: it may be AI",
            f"{_many(one.connections, 'connection')} that weir did not decrypt; {one.why}. A hint, not a fact", (),
            "", 4 * (1 + math.log2(1 + one.users)),
        )  # fmt: skip


def _weir(services: Sequence[Service]) -> Iterator[Step]:
    """What weir itself lacks to tell more."""
    requests = sum(service.requests for service in services)
    if not requests:
        return
    unidentified = sum(service.unidentified for service in services)
    if unidentified > _UNKNOWN_SHARE * requests:
        share = round(100 * unidentified / requests)
        yield Step(
            "Find out who the callers are", f"{_many(unidentified, 'request')} ({share} %) are of nobody known", (),
            "", 30 * unidentified / requests,
        )  # fmt: skip
    unseen = [service for service in services if service.sources and "live" not in service.sources]
    if unseen:
        listed = ", ".join(service.name for service in unseen[:3]) + (" …" if len(unseen) > 3 else "")
        count = sum(service.requests for service in unseen)
        yield Step(
            f"Send {_many(len(unseen), 'more service')} through weir",
            f"only logs know of {listed}: what was sent there is not known",
            tuple(service.id for service in unseen), "", 10 + 30 * count / requests,
        )  # fmt: skip
