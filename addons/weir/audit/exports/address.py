"""Where an export goes, as ``--to`` has it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["LOOPBACK", "Address", "AddressError"]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_FORMS = "-, file:PATH, syslog+tls://, syslog+tcp://, https://, splunk+https:// or otlp+https://HOST:PORT"
# kind, verified by TLS, port that is meant when none is written
_SCHEMES = {
    "syslog+tls": ("syslog", True, 6514),
    "syslog+tcp": ("syslog", False, 601),
    "https": ("web", True, 443),
    "http": ("web", False, 80),
    "splunk+https": ("splunk", True, 8088),
    "splunk+http": ("splunk", False, 8088),
    "otlp+https": ("otlp", True, 4318),
    "otlp+http": ("otlp", False, 4318),
}


class AddressError(ValueError):
    """No place that weir can export to. One line with what to write instead, without anything that may be secret."""


@dataclass(frozen=True, slots=True)
class Address:
    """``kind``: stdout, file, syslog, web, splunk or otlp. ``base``: scheme, host, port and path of a web address."""

    kind: str
    path: Path = Path()
    host: str = ""
    port: int = 0
    tls: bool = False
    base: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address that ``text`` means. Raises AddressError."""
        if text == "-":
            return cls("stdout")
        scheme, colon, rest = text.partition(":")
        if scheme == "file" and colon:
            path = Path(rest.removeprefix("//"))
            if not path.name or path.is_dir():
                raise AddressError("file: is followed by the path of a file")
            return cls("file", path.absolute())
        if scheme not in _SCHEMES or not rest.startswith("//"):
            raise AddressError(f"write {_FORMS}")
        kind, tls, usual = _SCHEMES[scheme]
        try:
            parts = urlsplit(f"//{rest.removeprefix('//')}", scheme="https")
            host, port = parts.hostname or "", parts.port or usual
        except ValueError:
            raise AddressError("host or port cannot be read") from None
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise AddressError("no user, password, query or fragment: what is secret comes by --token REFERENCE")
        if not host:
            raise AddressError(f"no host is named; write {_FORMS}")
        if kind == "syslog" and parts.path.strip("/"):
            raise AddressError("a syslog receiver has no path")
        shown = f"[{host}]" if ":" in host else host
        base = f"{'https' if tls else 'http'}://{shown}:{port}{parts.path.rstrip('/')}" if kind != "syslog" else ""
        return cls(kind, host=host, port=port, tls=tls, base=base)

    @property
    def shown(self) -> str:
        """For people and for a cursor: the same text for the same place."""
        if self.kind == "stdout":
            return "stdout"
        if self.kind == "file":
            return f"file {self.path}"
        return f"{self.kind} {self.base}" if self.base else f"syslog {self.host}:{self.port}"

    @property
    def in_clear(self) -> bool:
        """Whether what is sent could be read on its way to another machine."""
        return bool(self.host) and not self.tls and self.host not in LOOPBACK
