"""mitmproxy's `Headers` with quicker ways to the same answers.

A look-up there goes through six methods of three classes and lowers every name on the way; a request makes some eighty
of them. These walk the fields once. What is not plain (a name that is neither text nor bytes, fields that are no tuples
of bytes) is left to mitmproxy's own methods, so that it fails as it did.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mitmproxy import http

__all__ = ["install"]

_Headers = http.Headers
_stock_init = _Headers.__init__
_stock_get_all = _Headers.get_all
_stock_delitem = _Headers.__delitem__

_keys: dict[str, bytes] = {}  # what names in code become: lower case bytes
_KEYS_MAX = 1000  # names may come from traffic too


def _key(name: str) -> bytes:
    found = _keys.get(name)
    if found is None:
        found = name.encode("utf-8", "surrogateescape").lower()
        if len(_keys) < _KEYS_MAX:
            _keys[name] = found
    return found


def _values(headers: http.Headers, name: Any) -> list[bytes] | None:
    """The values of a name as they stand; None when it is for mitmproxy to say what becomes of such a name."""
    if type(name) is str:
        key = _key(name)
    elif type(name) is bytes:
        key = name.lower()
    else:
        return None
    size = len(key)
    return [value for one, value in headers.fields if len(one) == size and one.lower() == key]


def _init(self: http.Headers, fields: Iterable[tuple[bytes, bytes]] = (), **headers: Any) -> None:
    if headers or type(fields) is not list:
        _stock_init(self, fields, **headers)
        return
    for field in fields:
        if type(field) is not tuple or len(field) != 2 or type(field[0]) is not bytes or type(field[1]) is not bytes:
            _stock_init(self, fields)
            return
    self.fields = tuple(fields)


def _get_all(self: http.Headers, name: str | bytes) -> list[str]:
    found = _values(self, name)
    return _stock_get_all(self, name) if found is None else [v.decode("utf-8", "surrogateescape") for v in found]


def _get(self: http.Headers, name: str | bytes, default: Any = None) -> Any:
    found = _values(self, name)
    if found is None:
        texts = _stock_get_all(self, name)
        return ", ".join(texts) if texts else default
    if len(found) == 1:
        return found[0].decode("utf-8", "surrogateescape")
    return ", ".join([v.decode("utf-8", "surrogateescape") for v in found]) if found else default


def _getitem(self: http.Headers, name: str | bytes) -> str:
    found: str | None = _get(self, name)
    if found is None:
        raise KeyError(name)
    return found


def _contains(self: http.Headers, name: object) -> bool:
    found = _values(self, name)
    return bool(_stock_get_all(self, name) if found is None else found)  # type: ignore[arg-type]


def _delitem(self: http.Headers, name: str | bytes) -> None:
    if type(name) is not str:
        _stock_delitem(self, name)
        return
    key = _key(name)
    rest = tuple([field for field in self.fields if field[0].lower() != key])
    if len(rest) == len(self.fields):
        raise KeyError(key)
    self.fields = rest


def install() -> None:
    """Put them in the place of mitmproxy's methods. Idempotent."""
    for name, method in (
        ("__init__", _init), ("get_all", _get_all), ("get", _get), ("__getitem__", _getitem),
        ("__contains__", _contains), ("__delitem__", _delitem),
    ):  # fmt: skip
        setattr(_Headers, name, method)
