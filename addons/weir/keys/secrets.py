"""Turns a reference of the policy (``env:NAME``, ``file:/path``) into a ``Secret`` bound to hosts."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from typing import Protocol, cast

from weir.keys import backends
from weir.keys.backends import SecretUnavailable
from weir.model import Secret

__all__ = ["Backend", "SecretUnavailable", "resolve", "schemes"]


class Backend(Protocol):
    """What a module in ``keys/backends/`` offers."""

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
    scheme, colon, rest = reference.partition(":")
    if not colon or scheme not in schemes():
        # Not quoted: the likeliest mistake is the key itself in the place of a reference to it.
        known = " or ".join(f"{known}:…" for known in schemes())
        raise SecretUnavailable(f"keys.{name}: the secret is not a reference; write {known}")
    if not hosts:
        raise SecretUnavailable(f"keys.{name}: no hosts are given that the secret may go to; add hosts: […]")
    backend = cast(Backend, importlib.import_module(f"{backends.__name__}.{scheme}"))
    try:
        value = backend.fetch(rest)
    except SecretUnavailable as error:
        raise SecretUnavailable(f"keys.{name}: {error}") from None
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise SecretUnavailable(f"keys.{name}: what {scheme}: yields cannot stand in a header (white space, non-ASCII)")
    return Secret(value, name=name, hosts=tuple(host.lower().rstrip(".") for host in hosts))
