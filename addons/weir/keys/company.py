"""The company's own keys as a policy names them: one pool a service, kept fresh over changes of the policy."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from weir.keys.held import Schedule
from weir.keys.pool import Change, Health, Member, Pool
from weir.keys.refresh import Refresher
from weir.keys.secrets import SecretUnavailable, key_of, managed
from weir.model import Secret
from weir.sections import Key
from weir.waits import seconds

__all__ = ["Company", "CompanyKey", "names_account", "report", "single", "turned_away"]

_FILE_S = 2  # a file costs nothing to look at
_HURRY_S = 5.0  # between two fetches of everything, however often somebody reloads
_REFUSED_BY_AWS = frozenset(
    {"UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "ExpiredToken"}
)
# Naming an account that is not the key's own is a 401 of OpenAI's: nobody should put a key to rest with that.
_OF_ACCOUNTS = ("openai-organization", "openai-project")
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class CompanyKey:
    """The keys of one service, and what is done with them.

    ``form``: ``key`` goes where the virtual key stood, with ``aws`` the request is signed, ``google`` is a bearer
    token whatever place the client chose. ``held``: by label, what the refresher keeps each key under; ``schedules``:
    by the latter, when it is fetched.
    """

    pool: Pool
    form: str = "key"
    held: Mapping[str, str] = field(default_factory=dict)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    # Bound as any of them is, and holds nothing: it tells whether `pick` would be right.
    bound: Secret = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        hosts = dict.fromkeys(host for member in self.pool.members for host in member.secret.hosts)
        object.__setattr__(self, "bound", Secret("", hosts=tuple(hosts)))

    def pick(self, host: str, affinity: str = "") -> Member | None:
        """A key for a request to ``host``, as ``Pool.pick``."""
        return self.pool.pick(host, affinity)

    def health(self) -> tuple[Health, ...]:
        """How it stands with each, in the policy's order."""
        return self.pool.health()

    def problem(self) -> str:
        """Why no key has a value now; "" when one has."""
        said = ""
        for member in self.pool.members:
            try:
                member.secret.reveal()
            except SecretUnavailable as error:
                said = said or str(error)
            else:
                return ""
        return said


def single(secret: Secret, form: str = "key") -> CompanyKey:
    """One secret as the only key of its service; it is not refreshed."""
    return CompanyKey(Pool([Member(secret.name, secret)]), form)


def turned_away(status: int, headers: Mapping[str, str]) -> bool:
    """Whether a provider's answer says that it does not take the key.

    AWS says 403 for a key that it does not know as for a model that it does not open: the kind of its error tells.
    """
    return status == 401 or (status == 403 and headers.get("x-amzn-errortype", "").partition(":")[0] in _REFUSED_BY_AWS)


def names_account(sent: Mapping[str, str]) -> bool:
    """Whether a request's headers name an account by themselves: a provider may refuse any key for that."""
    return any(name in sent for name in _OF_ACCOUNTS)


def report(
    key: CompanyKey,
    label: str,
    status: int,
    headers: Mapping[str, str],
    sent: Mapping[str, str] = _NOTHING,
    caller: str = "",
) -> Change | None:
    """Tell the pool what the provider answered (status and headers) to a request with the key ``label``.

    What becomes of the key, None when nothing changed. ``sent`` are the request's headers (see `names_account`),
    ``caller`` is whom `pick` was asked for.
    """
    if turned_away(status, headers):
        if names_account(sent):
            return None
        status = 401
    return key.pool.report(label, status, seconds(headers.get("retry-after", "")), caller)


class Company:
    """Outlives policies: values stay when a policy is swapped, and so does what is known of each key's health."""

    def __init__(self, refresher: Refresher, mono: Callable[[], float] = time.monotonic) -> None:
        self.refresher = refresher
        self._mono, self._hurried = mono, float("-inf")
        self._known: list[tuple[object, CompanyKey]] = []  # of the policy in force, and of those built since

    def keys_of(
        self, sections: Mapping[str, Key], hosts_of: Callable[[str], Sequence[str]], wait_s: float
    ) -> tuple[dict[str, CompanyKey], dict[str, str]]:
        """The keys of a policy by service, and by service why one can't be used or has no value yet.

        ``hosts_of`` a service are where its keys may go unless the policy says. Waits until each secret has been tried,
        at most ``wait_s`` seconds; what is not there then is fetched all the same. One caller at a time.
        """
        keys: dict[str, CompanyKey] = {}
        problems: dict[str, str] = {}
        for service, section in sections.items():
            hosts = tuple(section.hosts or hosts_of(service))
            what = (service, section, hosts)
            known = next((key for of, key in self._known if of == what), None)
            if known is None:
                try:
                    known = self._key(service, section, hosts)
                except SecretUnavailable as error:
                    problems[service] = str(error)
                    continue
                self._known.append((what, known))
            keys[service] = known
        if keys:
            self.refresher.prime(wait_s)
        problems |= {service: problem for service, key in keys.items() if (problem := key.problem())}
        return keys, problems

    def settle(self, keys: Mapping[str, CompanyKey]) -> None:
        """A policy with these keys is in force: forget all others, and fetch these anew, as whoever reloads expects.

        At once, or within seconds when that was done a moment ago.
        """
        in_force = {id(key) for key in keys.values()}
        self._known = [one for one in self._known if id(one[1]) in in_force]
        self.refresher.retain({name for key in keys.values() for name in key.held.values()})
        # Only now: a policy that is refused changes nothing of a secret that this one names too.
        self.refresher.reschedule({name: one for key in keys.values() for name, one in key.schedules.items()})
        now = self._mono()
        if self._hurried <= now:
            self._hurried = max(now, self._hurried + _HURRY_S)
        self.refresher.hurry(after_s=self._hurried - now)

    def refused(self, key: CompanyKey, label: str) -> None:
        """The provider turned this key away: it may have been rotated, so it is fetched now."""
        if label in key.held:
            self.refresher.hurry([key.held[label]])

    def _key(self, service: str, section: Key, hosts: tuple[str, ...]) -> CompanyKey:
        members, held, schedules = [], {}, {}
        for label, own, (reference, weight) in zip(
            section.labels(service), section.bindings(hosts), section.entries, strict=True
        ):
            ttl_s = min(section.refresh_s, _FILE_S) if reference.startswith("file:") else section.refresh_s
            schedule = Schedule(float(ttl_s), section.keep_h * 3600.0)
            secret = managed(self.refresher, reference, own, label, form=section.form, schedule=schedule)
            members.append(Member(label, secret, weight))
            held[label] = key_of(reference, section.form)
            schedules[held[label]] = schedule
        return CompanyKey(Pool(members), section.form, held, schedules)
