"""From the policy's section ``tenants`` to what each host's requests get, and every mistake in that section."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from weir.fields import nearest
from weir.tenants.forms import FORMS
from weir.tenants.hosts import Hosts
from weir.tenants.vendors import Vendor

__all__ = ["NOTHING", "Problem", "Restriction", "Restrictions", "restrictions"]

Entry = Mapping[str, Sequence[str]]
_HEADER_CHARS_MAX = 7000  # of a value; servers refuse heads over 8 KiB


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where below ``tenants``, what, and what to write instead. Values are never quoted."""

    place: tuple[str | int, ...]
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Restriction:
    """One vendor as policy restricts it."""

    vendor: Vendor
    hosts: Hosts
    headers: tuple[tuple[str, str], ...]
    allowed: Mapping[str, frozenset[str]]  # by the policy's key, in the form that is compared

    def account(self, key: str, value: str) -> str:
        """Whose account ``value`` is: ``company``, ``personal``, or "" when it is no name of a tenant at all."""
        name = FORMS[self.vendor.values[key].form].read(value.strip())
        allowed = self.allowed.get(key)
        if name is None or not allowed:
            return ""
        return "company" if name in allowed else "personal"


class Restrictions:
    """All restrictions of a policy, asked by host. ``names`` are the headers that no client may send there."""

    def __init__(self, found: Sequence[Restriction], names: frozenset[str]) -> None:
        self.found = tuple(found)
        self.names = names
        self.hosts = tuple(dict.fromkeys(pattern for one in found for pattern in one.hosts.patterns))

    def of(self, host: str) -> Restriction | None:
        """The restriction for a host, given in small letters, without port and final dot."""
        return next((one for one in self.found if host in one.hosts), None)

    def __bool__(self) -> bool:
        return bool(self.found)


NOTHING = Restrictions((), frozenset())


def restrictions(
    section: Mapping[str, Entry], vendors: Mapping[str, Vendor], excluded: Callable[[str], bool] = lambda host: False
) -> tuple[Restrictions, tuple[Problem, ...]]:
    """What the section asks for, and its mistakes; with mistakes the restrictions are not to be used.

    ``excluded`` says of a host pattern whether policy keeps it from being decrypted: no header can be set there.
    """
    problems: list[Problem] = []
    found = []
    for name, entry in section.items():
        vendor = vendors.get(name)
        if vendor is None:
            guess = nearest(name, vendors)
            known = f"known: {', '.join(sorted(vendors))}"
            problems.append(
                Problem(
                    (name,), "is no vendor known here", f"write {guess} ({known})" if guess else f"remove it; {known}"
                )
            )
            continue
        one, wrong = _one(vendor, entry)
        wrong = [*wrong, *_undecrypted(one, excluded)]
        problems += wrong
        found.append(one)
    # All vendors' headers: what is meant for one of them is nobody's to send to another.
    names = frozenset(header.name.lower() for vendor in vendors.values() for header in vendor.headers)
    return Restrictions(found, names), tuple(problems)


def _one(vendor: Vendor, entry: Entry) -> tuple[Restriction, list[Problem]]:
    problems: list[Problem] = []
    given: dict[str, tuple[str, ...]] = {}
    for key, items in entry.items():
        if key == "hosts":
            continue
        short = key == "" and bool(vendor.short)
        place: tuple[str | int, ...] = (vendor.id,) if key == "" else (vendor.id, key)
        if not short and key not in vendor.values:
            problems.append(Problem(place, *_unknown(vendor, key)))
            continue
        key = vendor.short if short else key
        given[key] = tuple(_items(vendor, key, items, place, problems))
    if not problems and not any(set(keys) <= set(given) for keys in vendor.needs):
        wanted = ", or ".join(" and ".join(keys) for keys in vendor.needs)
        problems.append(Problem((vendor.id,), "does not say enough", f"write {wanted}"))
    hosts, wrong = _hosts(vendor, entry.get("hosts", ()))
    headers = tuple(
        (header.name, header.literal or header.separator.join(given[header.value]))
        for header in vendor.headers
        if header.literal or given.get(header.value)
    )
    if any(len(value) > _HEADER_CHARS_MAX for _, value in headers):
        problems.append(Problem((vendor.id,), "makes a header that servers refuse for its length", "name fewer"))
    allowed = {key: frozenset(items) for key, items in given.items()}
    return Restriction(vendor, hosts, headers, allowed), problems + wrong


def _unknown(vendor: Vendor, key: str) -> tuple[str, str]:
    known = ", ".join([*vendor.values, "hosts"])
    if key == "":
        return "does not say what its items are", f"write a mapping with {known}"
    guess = nearest(key, [*vendor.values, "hosts"])
    return "is not known here", f"write {guess}" if guess else f"use one of: {known}"


def _items(
    vendor: Vendor, key: str, items: Sequence[str], place: tuple[str | int, ...], problems: list[Problem]
) -> Iterator[str]:
    value = vendor.values[key]
    form = FORMS[value.form]
    for index, item in enumerate(items):
        read = form.read(item)
        if read is None:
            problems.append(Problem((*place, index), form.problem, form.remedy))
        else:
            yield read
    if len(items) > value.most:
        most = "write one" if value.most == 1 else f"write at most {value.most}"
        problems.append(Problem(place, "names more than the vendor takes", most))


def _hosts(vendor: Vendor, wanted: Sequence[str]) -> tuple[Hosts, list[Problem]]:
    """The vendor's hosts, or those of them that policy names."""
    remedy = f"write hosts among {', '.join(vendor.hosts.patterns)}"
    wrong = [
        Problem((vendor.id, "hosts", index), "is not a host that this header is for", remedy)
        for index, host in enumerate(wanted)
        if not vendor.hosts.covers(host.lower())
    ]
    return (Hosts(host.lower() for host in wanted) if wanted else vendor.hosts), wrong


def _undecrypted(one: Restriction, excluded: Callable[[str], bool]) -> Iterator[Problem]:
    for pattern in one.hosts.patterns:
        if excluded(pattern):
            yield Problem(
                (one.vendor.id,),
                f"needs {pattern} decrypted, which intercept.exclude forbids",
                "remove it there, or name the other hosts under hosts:",
            )
