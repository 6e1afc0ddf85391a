"""A syslog receiver (RFC 5424 over TCP or TLS): each entry is one message, its line in ASCII JSON."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from weir.audit.evidence.log import log_line
from weir.audit.evidence.publish.place import Entry, Unreachable
from weir.audit.exports.senders.syslog import SyslogSender
from weir.audit.exports.syslog import message

__all__ = ["Syslog"]


class Syslog:
    """One receiver. An entry counts as sent when the receiver has closed the connection after it."""

    def __init__(self, url: str, ca: Path | None = None, version: str = "") -> None:
        """``url``: ``tcp://host:port`` or ``tls://host:port``. ``ca``: who vouches for it; None: the system's."""
        parts = urlsplit(url)
        self._host, self._port, self._tls = parts.hostname or "", parts.port or 6514, parts.scheme == "tls"
        self._ca, self._version = ca, version
        self._sender: SyslogSender | None = None

    def send(self, entries: Sequence[Entry]) -> None:
        """See ``Place``."""
        try:
            if self._sender is None:
                context = ssl.create_default_context(cafile=str(self._ca) if self._ca else None) if self._tls else None
                self._sender = SyslogSender(self._host, self._port, context)
            self._sender.send(self._message(entry) for entry in entries)
            self._sender.confirm()
        except ssl.SSLCertVerificationError:
            self.close()
            raise Unreachable("the receiver's certificate is not one that is trusted; see ca") from None
        except OSError as error:
            self.close()
            raise Unreachable(error.strerror or type(error).__name__) from None

    def close(self) -> None:
        """Drop the connection."""
        if self._sender is not None:
            self._sender.close()
            self._sender = None

    def _message(self, entry: Entry) -> bytes:
        body = json.dumps(orjson.loads(log_line(entry.note)), separators=(",", ":"))  # ASCII: no receiver mangles it
        row = {"proxy_id": entry.proxy_id, "kind": "checkpoint", "ts": entry.ts, "seq": entry.number}
        return message(row, body, host=socket.gethostname(), version=self._version)
