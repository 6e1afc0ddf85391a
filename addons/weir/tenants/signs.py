"""Where an exchange with a restricted vendor shows whose account it is for, and which requests no tenant confines."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import unquote

from weir.tenants.restrict import Restriction
from weir.tenants.vendors import Refusal

__all__ = ["Shown", "follows", "plain", "refusal_of", "refused", "shown_by_reply", "shown_by_request"]

Shown = tuple[str, str]  # whose account (company, personal), and the name that said so, for a fingerprint
HeaderValues = Callable[[str], Sequence[str]]

_PATH_CHARS_MAX = 2048
_UNQUOTED_MAX = 3  # times that a server or two on the way may decode a path


def plain(target: str) -> str:
    """The path of a request target as the most lenient server reads it, in small letters: for refusals."""
    path = target.partition("?")[0].partition("#")[0][:_PATH_CHARS_MAX]
    for _ in range(_UNQUOTED_MAX):
        path = unquote(path)
    parts = (part.partition(";")[0] for part in path.replace("\\", "/").split("/"))
    return posixpath.normpath("/" + "/".join(part for part in parts if part)).lower()


def follows(path: str, prefix: str) -> bool:
    """Whether ``path`` is ``prefix`` or lies below it."""
    return path == prefix or path.startswith(f"{prefix}/")


def refused(restriction: Restriction, target: str) -> bool:
    """Whether a request is one that the vendor's header does not reach, so that it must not be made at all."""
    paths = restriction.vendor.refused_paths
    if not paths:
        return False
    path = plain(target)
    if len(target.partition("?")[0]) > _PATH_CHARS_MAX:
        return True  # what stands behind may be any path, "/x/../" before it; no page has one so long
    return any(follows(path, prefix) for prefix in paths)


def shown_by_request(restriction: Restriction, target: str, headers: HeaderValues) -> Shown:
    """Whose account the client says it is; ("", "") when it says nothing."""

    def said() -> Iterator[Shown]:
        for sign in restriction.vendor.signs:
            values: Sequence[str] = headers(sign.request) if sign.request else ()
            if sign.path:
                values = _below(plain(target), sign.path)
            for value in values:
                if account := restriction.account(sign.value, value):
                    yield account, value

    return _strictest(said())


def shown_by_reply(restriction: Restriction, headers: HeaderValues) -> Shown:
    """Whose account the vendor says it was; ("", "") when it says nothing."""
    said = (
        (restriction.account(sign.value, value), value)
        for sign in restriction.vendor.signs
        if sign.reply
        for value in headers(sign.reply)
    )
    return _strictest(shown for shown in said if shown[0])


def refusal_of(restriction: Restriction, host: str, target: str, status: int, headers: HeaderValues) -> Refusal | None:
    """The vendor's refusal that a reply's head is, or may be: with ``marks`` its body decides."""
    for refusal in restriction.vendor.refusals:
        if refusal.status and refusal.status != status:
            continue
        if refusal.hosts and host not in refusal.hosts:
            continue
        if refusal.paths and not any(follows(plain(target), prefix) for prefix in refusal.paths):
            continue
        if refusal.unless and headers(refusal.unless):
            continue
        return refusal
    return None


def _below(path: str, prefix: str) -> Sequence[str]:
    rest = path.removeprefix(f"{prefix}/") if path.startswith(f"{prefix}/") else ""
    return (rest.partition("/")[0],) if rest else ()


def _strictest(said: Iterator[Shown]) -> Shown:
    """Two names for one exchange: the one that is not the company's is what counts."""
    return min(said, key=lambda shown: shown[0] != "personal", default=("", ""))
