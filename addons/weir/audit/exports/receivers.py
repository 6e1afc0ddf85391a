"""From an address and a format to the targets that export there, and what of the two does not go together."""

from __future__ import annotations

import re
import socket
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from weir.audit.exports.address import Address
from weir.audit.exports.formats import FORMATS
from weir.audit.exports.senders.hec import Collector
from weir.audit.exports.senders.http import Http, Token
from weir.audit.exports.senders.lines import File, Stdout, Syslog, Web
from weir.audit.exports.senders.otlp import SIGNALS, Receiver
from weir.audit.exports.senders.syslog import SyslogSender
from weir.audit.exports.senders.target import Target

__all__ = ["Access", "cursor_name", "mistake", "signals", "targets", "tls_context"]

_UNFIT = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Access:
    """How a receiver is verified and what it is shown. ``ca``: its authorities in PEM, None for the system's;
    ``cert`` and ``key``: of this client; ``token``: fetches what the receiver wants to see."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    token: Token | None = None


def mistake(address: Address, format: str, access: Access) -> str:
    """What is wrong with the combination, in one line; "" when nothing is."""
    if (format == "otlp") != (address.kind == "otlp"):
        return "--format otlp goes to otlp+https://HOST:PORT, and nothing else does"
    if format == "focus" and address.kind not in ("stdout", "file"):
        return "--format focus is one table: it goes to - or file:PATH"
    if address.kind == "splunk" and access.token is None:
        return "a collector wants a token: --token env:NAME"
    if access.token is not None and address.kind not in ("splunk", "otlp", "web"):
        return "--token is for web addresses only"
    if access.token is not None and address.in_clear:
        return "a token is not sent without TLS"
    if (access.ca or access.cert) and not address.tls:
        return "--ca and --cert are for addresses with TLS"
    if (access.cert is None) != (access.key is None):
        return "--cert and --key-file go together"
    return ""


def tls_context(access: Access) -> ssl.SSLContext:
    """A context that verifies the receiver's certificate and name, always. Raises OSError (ssl.SSLError among them)."""
    context = ssl.create_default_context(cafile=str(access.ca) if access.ca else None)
    if access.cert and access.key:
        # The empty password: a key that has one is an error, and no question on the terminal.
        context.load_cert_chain(access.cert, access.key, password="")
    return context


def signals(format: str, only: str = "") -> list[str]:
    """What streams an export has: OTLP's signals, each with a cursor of its own, or one without a name."""
    return ([only] if only else sorted(SIGNALS, reverse=True)) if format == "otlp" else [""]


def cursor_name(address: Address, format: str) -> str:
    """The cursor of an export that names none: the same for the same format and place. "" for stdout."""
    if address.kind == "stdout":
        return ""
    place = str(address.path) if address.kind == "file" else f"{address.host}-{address.port}"
    return _UNFIT.sub("-", f"{format}-{address.kind}-{place}").strip("-")[-100:].strip("-")


def targets(
    address: Address, format: str, access: Access, version: str, streams: list[str], tell: Callable[[str], None]
) -> list[Target]:
    """One target for each of ``streams`` (see ``signals``). Raises OSError for files of ``access`` that are no good."""
    context = tls_context(access)
    if address.kind == "otlp":
        return [Receiver(Http(address.base, context, token=access.token), name, version) for name in streams]
    make = FORMATS[format]
    if address.kind == "stdout":
        return [Stdout(sys.stdout.buffer, make, version)]
    if address.kind == "file":
        return [File(address.path, make, version)]
    host = socket.gethostname()
    if address.kind == "syslog":
        sender = SyslogSender(address.host, address.port, context if address.tls else None)
        return [Syslog(sender, make, version, host=host, tell=tell)]
    if address.kind == "splunk":
        http = Http(address.base, context, scheme="Splunk", token=access.token)
        return [Collector(http, None if format == "jsonl" else make, version, host=host)]
    kind = "text/plain; charset=utf-8" if format in ("cef", "leef") else "application/x-ndjson"
    return [Web(Http(address.base, context, token=access.token), make, version, kind)]
