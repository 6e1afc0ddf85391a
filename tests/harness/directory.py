"""A directory that speaks LDAP on loopback: binds with a password, and searches for one attribute's value.

The bytes are real LDAPv3 (encoded by pyasn1 with the definitions of RFC 4511); what it knows is a handful of entries.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from ldap3.protocol import rfc4511
from pyasn1.codec.ber import decoder, encoder
from pyasn1.error import SubstrateUnderrunError

__all__ = ["Directory"]

INVALID_CREDENTIALS = 49


class Directory:
    """Listens until ``close``. ``entries``: DN → attributes; ``userPassword`` is what a bind is compared with."""

    def __init__(self, entries: Mapping[str, Mapping[str, str | Sequence[str]]]) -> None:
        self.entries = {dn: dict(attributes) for dn, attributes in entries.items()}
        self.binds: list[str] = []
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.url = f"ldap://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Hang up on everybody and listen no more."""
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                link = self._listener.accept()[0]
                self._open.append(link)
                threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        data = b""
        with contextlib.suppress(OSError), link:
            while part := link.recv(65_536):
                data += part
                while data:
                    try:
                        message, data = decoder.decode(data, asn1Spec=rfc4511.LDAPMessage())
                    except SubstrateUnderrunError:
                        break
                    for answer in self._answers(message["protocolOp"]):
                        reply = rfc4511.LDAPMessage()
                        reply["messageID"] = message["messageID"]
                        reply["protocolOp"] = answer
                        link.sendall(encoder.encode(reply))

    def _answers(self, operation: Any) -> list[Any]:
        if operation.getName() == "bindRequest":
            return [self._bind(operation["bindRequest"])]
        if operation.getName() == "searchRequest":
            return self._search(operation["searchRequest"])
        return []  # unbind

    def _bind(self, request: Any) -> Any:
        dn, password = str(request["name"]), str(request["authentication"]["simple"])
        self.binds.append(dn)
        known = self.entries.get(dn, {}).get("userPassword")
        return _op("bindResponse", _result(rfc4511.BindResponse(), 0 if known == password else INVALID_CREDENTIALS))

    def _search(self, request: Any) -> list[Any]:
        wanted = request["filter"]["equalityMatch"]
        name, value = str(wanted["attributeDesc"]), bytes(wanted["assertionValue"]).decode()
        base, asked = str(request["baseObject"]), [str(one) for one in request["attributes"]]
        found = []
        for dn, attributes in self.entries.items():
            if dn.endswith(base) and attributes.get(name) == value:
                entry = rfc4511.SearchResultEntry()
                entry["object"] = dn
                for attribute in asked:
                    held = attributes.get(attribute, ())
                    for one in [held] if isinstance(held, str) else held:
                        _add(entry, attribute, one)
                found.append(_op("searchResEntry", entry))
        return [*found, _op("searchResDone", _result(rfc4511.SearchResultDone(), 0))]


def _add(entry: Any, attribute: str, value: str) -> None:
    for known in entry["attributes"]:
        if str(known["type"]) == attribute:
            known["vals"].append(value)
            return
    fresh = rfc4511.PartialAttribute()
    fresh["type"] = attribute
    fresh["vals"] = rfc4511.Vals()
    fresh["vals"].append(value)
    entry["attributes"].append(fresh)


def _result(answer: Any, code: int) -> Any:
    answer["resultCode"] = code
    answer["matchedDN"] = ""
    answer["diagnosticMessage"] = ""
    return answer


def _op(name: str, value: Any) -> Any:
    operation = rfc4511.ProtocolOp()
    operation[name] = value
    return operation
