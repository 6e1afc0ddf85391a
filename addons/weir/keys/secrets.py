"""Turns a reference of the policy (``env:NAME``, ``vault:…#field``) into a ``Secret`` bound to hosts.

Once (``resolve``), or renewed in the background from then on (``managed``).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, cast

from weir.keys import backends
from weir.keys.backends import SecretUnavailable
from weir.keys.held import Fetched, Held, Schedule
from weir.keys.live import LiveSecret
from weir.keys.refresh import Refresher
from weir.keys.signing import sigv4
from weir.keys.signing.google import ServiceAccount
from weir.keys.virtual import looks_virtual
from weir.model import Secret

__all__ = ["Backend", "SecretUnavailable", "key_of", "managed", "resolve", "schemes", "source", "yields"]


class Backend(Protocol):
    """What a module in ``keys/backends/`` offers; one with a login has ``renew_in() -> float | None`` too."""

    def fetch(self, reference: str) -> str:
        """The secret behind ``reference`` (what follows the scheme). Raises SecretUnavailable; may block."""
        ...


def schemes() -> tuple[str, ...]:
    """The schemes there is a backend for, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(backends.__path__)))


def resolve(reference: str, hosts: Sequence[str], name: str) -> Secret:
    """The secret behind ``reference``, which may go to ``hosts`` only (exact names or ``*.`` suffixes).

    ``name`` is the policy's word for it and stands in every error. Raises SecretUnavailable when the reference has no
    known scheme, its backend has nothing, the value cannot stand in a header, or no host is given. May block: a
    backend can be a file or a service.
    """
    try:
        fetch = source(reference)
        bound = _bound(hosts)
        value = fetch().value
    except SecretUnavailable as error:
        raise SecretUnavailable(f"keys.{name}: {error}", refused=error.refused) from None
    return Secret(value, name=name, hosts=bound)


def managed(
    refresher: Refresher,
    reference: str,
    hosts: Sequence[str],
    name: str,
    *,
    form: str = "key",
    schedule: Schedule | None = None,
) -> LiveSecret:
    """Like ``resolve``, but held by ``refresher`` and renewed there; the value is there after ``refresher.prime()``.

    One that is held already keeps its schedule: see ``Refresher.reschedule``. ``form`` as in ``source``. Raises
    SecretUnavailable for what no waiting mends: a reference that is none, no hosts. Blocks never.
    """
    try:
        ask = source(reference, form)
        bound = _bound(hosts)
    except SecretUnavailable as error:
        raise SecretUnavailable(f"keys.{name}: {error}") from None

    def fetch() -> Fetched:
        fetched = ask()
        if looks_virtual(fetched.value):
            raise SecretUnavailable("what the reference yields is a virtual key, not the provider's", refused=True)
        return fetched

    scheme = reference.partition(":")[0]
    held = refresher.hold(
        key_of(reference, form), lambda: Held(f"keys.{name}", fetch, scheme=scheme, schedule=schedule)
    )
    return LiveSecret(held, name=name, hosts=bound)


def key_of(reference: str, form: str = "key") -> str:
    """What a refresher keeps the secret of ``reference`` under: for ``Refresher.retain``."""
    return f"{form} {reference}"


def yields(reference: str, form: str = "key") -> str:
    """What ``reference`` has to give, asked once and now, with nothing made of it: no token is minted.

    Raises SecretUnavailable, also when it is not what ``form`` needs. May block.
    """
    if form != "google":
        return source(reference, form)().value
    _, text = _asking(reference)
    value = text()
    ServiceAccount(lambda: value).check()
    return value


def source(reference: str, form: str = "key") -> Callable[[], Fetched]:
    """A function that fetches what ``reference`` means. Itself it asks nobody; what it gives may block.

    ``form`` is what the backend yields: ``key`` (as it goes onto the wire), ``aws`` (credentials in JSON, to sign
    with), ``google`` (a service account in JSON, from which tokens are minted). Raises SecretUnavailable for a
    reference without a known scheme, ValueError for another form.
    """
    backend, text = _asking(reference)
    renew_in = getattr(backend, "renew_in", lambda: None)
    if form == "key":
        scheme = reference.partition(":")[0]
        return lambda: Fetched(_sendable(text(), scheme), again_s=renew_in())
    if form == "aws":
        return lambda: _aws(text(), renew_in)
    if form == "google":
        account = ServiceAccount(text)
        return lambda: replace(account.fetch(), again_s=renew_in())
    raise ValueError(f"unknown form of a secret: {form}")


def _asking(reference: str) -> tuple[Backend, Callable[[], str]]:
    scheme, colon, rest = reference.partition(":")
    if not colon or scheme not in schemes():
        # Not quoted: the likeliest mistake is the key itself in the place of a reference to it.
        known = " or ".join(f"{known}:…" for known in schemes())
        raise SecretUnavailable(f"the secret is not a reference; write {known}")
    backend = cast(Backend, importlib.import_module(f"{backends.__name__}.{scheme}"))
    return backend, lambda: backend.fetch(rest)


def _aws(text: str, renew_in: Callable[[], float | None]) -> Fetched:
    sigv4.warm()  # here, in the background
    return Fetched(text, sigv4.parse(text).expires, renew_in())


def _sendable(value: str, scheme: str) -> str:
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise SecretUnavailable(f"what {scheme}: yields cannot stand in a header (white space, non-ASCII)")
    return value


def _bound(hosts: Sequence[str]) -> tuple[str, ...]:
    if not hosts:
        raise SecretUnavailable("no hosts are given that the secret may go to; add hosts: […]")
    return tuple(host.lower().rstrip(".") for host in hosts)
