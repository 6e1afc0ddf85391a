"""The address of the proxy as commands are given it: ``http://127.0.0.1:8080``, ``localhost:8080``."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

__all__ = ["ProxyAddress"]

SCHEMES = ("http", "https", "socks5", "socks5h")


@dataclass(frozen=True, slots=True)
class ProxyAddress:
    """Where a proxy listens; ``credentials`` is the percent-encoded ``user:password``, or empty."""

    scheme: str
    host: str
    port: int
    credentials: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> ProxyAddress:
        """Read a URL or HOST:PORT. Raises ValueError, which never quotes ``text``: it may hold a password."""
        try:
            url = urlsplit(text if "://" in text else f"http://{text}")
            host, port = url.hostname, url.port
        except ValueError:
            host, port, url = None, None, urlsplit("")
        if url.scheme not in SCHEMES or not host or not port or url.path.strip("/") or url.query or url.fragment:
            raise ValueError("that is no proxy address; write it like http://127.0.0.1:8080")
        credentials = url.netloc.rpartition("@")[0]
        if any(char <= " " or char in "\"'\\" or char == "\x7f" for char in credentials + host):
            raise ValueError("the proxy address has characters that must be percent-encoded")
        return cls(url.scheme, host, port, credentials)

    def with_user(self, user: str, password: str) -> ProxyAddress:
        """The same place with credentials. Raises ValueError when it has some already."""
        if self.credentials:
            raise ValueError("the proxy address holds credentials already; give the user there or with --user")
        return ProxyAddress(self.scheme, self.host, self.port, f"{quote(user, safe='')}:{quote(password, safe='')}")

    @property
    def place(self) -> str:
        """``host:port``, without credentials: what messages may show."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole URL, credentials included: for clients' environments only."""
        return f"{self.scheme}://{self.credentials}{'@' if self.credentials else ''}{self.place}"

    def problem(self, timeout_s: float = 2.0) -> str:
        """Why nothing answers there, in a few words; empty when a connection could be opened."""
        try:
            socket.create_connection((self.host, self.port), timeout_s).close()
        except OSError as error:
            return error.strerror or ("no answer" if isinstance(error, TimeoutError) else type(error).__name__)
        return ""
