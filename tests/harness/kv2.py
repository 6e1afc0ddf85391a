"""A Vault on loopback, as far as a reader of KV version 2 secrets sees one: tokens, AppRole, renewal, seal, restart."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

__all__ = ["Kv2", "Token"]


@dataclass
class Token:
    """A token: when it ends (on the double's clock; None never), and whether and for how long it is renewed."""

    ends: float | None = None
    renewable: bool = True
    ttl: int = 0


@dataclass
class Kv2:
    """``secrets`` by ``mount/path`` (None: its version is deleted); ``denied`` paths answer 403 whoever asks."""

    clock: Callable[[], float]
    secrets: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    role_ttl: int = 60
    sealed: bool = False
    redirect: str = ""
    denied: set[str] = field(default_factory=set)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    port: int = 0
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen; after a stop on the same port again."""
        self._server = _Server(("127.0.0.1", self.port), _handler(self))
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self, *, lose_tokens: bool = False) -> None:
        """Listen no more; a server in memory forgets every token with it."""
        if self._server and self._thread:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None
        if lose_tokens:
            self.tokens.clear()

    def paths(self) -> list[str]:
        """METHOD path of each request."""
        return [f"{method} {path}" for method, path, _ in self.asked]

    def answer(self, method: str, path: str, headers: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        self.asked.append((method, path, headers))
        if self.redirect:
            return 307, self.redirect
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        parts = path.removeprefix("/v1/").split("/")
        if parts[0] == "auth" and parts[-1] == "login":
            if self.roles.get(body.get("role_id", "")) != body.get("secret_id"):
                return 400, {"errors": ["invalid role or secret ID"]}
            return 200, self._auth(f"hvs.{secrets.token_hex(8)}", Token(renewable=True, ttl=self.role_ttl))
        name = headers.get("x-vault-token", "")
        token = self.tokens.get(name)
        if token is None or (token.ends is not None and token.ends <= self.clock()):
            return 403, {"errors": ["permission denied"]}
        if parts == ["auth", "token", "renew-self"]:
            return (200, self._auth(name, token)) if token.renewable else (400, {"errors": ["lease is not renewable"]})
        return self._read(f"{parts[0]}/{'/'.join(parts[2:])}" if parts[1:2] == ["data"] else "")

    def _read(self, path: str) -> tuple[int, Any]:
        if path in self.denied:
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        if path not in self.secrets:
            return 404, {"errors": []}
        data = self.secrets[path]
        metadata = {"version": 1, "destroyed": False, "deletion_time": "" if data else "2026-01-01T00:00:00Z"}
        return (200 if data else 404), {"data": {"data": data, "metadata": metadata}, "lease_duration": 0}

    def _auth(self, name: str, token: Token) -> Any:
        token.ends = self.clock() + token.ttl if token.ttl else None
        self.tokens[name] = token
        return {"auth": {"client_token": name, "lease_duration": token.ttl, "renewable": token.renewable}}


class _Server(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True


def _handler(double: Kv2) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}") if length else {}
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, reply = double.answer(self.command, unquote(urlsplit(self.path).path), headers, body)
            data = b"" if status == 307 else json.dumps(reply).encode()
            self.send_response(status)
            if status == 307:
                self.send_header("Location", f"{reply}{self.path}")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = _serve

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a request line is no news here."""

    return Handler
