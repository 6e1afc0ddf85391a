"""Fetches an issuer's keys over HTTP in a thread of its own: never on the event loop, never on a request's path."""

from __future__ import annotations

import http.client
import logging
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import orjson

from weir.identity.jwks import DOCUMENT_MAX, JwksError, KeyStore, VerifyKey, parse_jwks

__all__ = ["Fetcher", "fetch_keys", "get"]

log = logging.getLogger("weir.identity")

TIMEOUT_S = 10.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")
DISCOVERY = "/.well-known/openid-configuration"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would let one careless path of the issuer's host name the keys that everybody is known by."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None


def get(url: str, ca: Path | None = None, timeout_s: float = TIMEOUT_S) -> bytes:
    """The body at ``url``, at most ``DOCUMENT_MAX`` bytes, within ``timeout_s`` seconds as a whole.

    ``ca`` is a PEM bundle that replaces the system's roots. No proxy variables, no redirects, no cookies. Raises
    JwksError, which names the host and nothing of the answer.
    """
    if not _allowed(url):
        raise JwksError("only https is fetched")
    host = urlsplit(url).hostname or ""
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), _NoRedirect()
    )
    deadline = time.monotonic() + timeout_s
    request = urllib.request.Request(url, headers={"accept": "application/json", "user-agent": "weir"})
    parts: list[bytes] = []
    size = 0
    try:
        with opener.open(request, timeout=timeout_s) as answer:
            while chunk := answer.read1(65_536):
                size += len(chunk)
                parts.append(chunk)
                if size > DOCUMENT_MAX:
                    raise JwksError(f"{host}: the answer is larger than {DOCUMENT_MAX} bytes")
                if time.monotonic() > deadline:
                    raise JwksError(f"{host}: the answer took longer than {timeout_s:g} s")
    except urllib.error.HTTPError as error:
        with error:
            raise JwksError(f"{host}: answered {error.code}") from None
    except JwksError:
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise JwksError(f"{host}: cannot be reached ({type(error).__name__})") from None
    return b"".join(parts)


def fetch_keys(issuer: str, jwks: str | None = None, fetch: Callable[[str], bytes] = get) -> tuple[VerifyKey, ...]:
    """The issuer's keys, from ``jwks`` or from where its discovery document says. Raises JwksError."""
    return parse_jwks(fetch(jwks or _discover(issuer, fetch)))


def _discover(issuer: str, fetch: Callable[[str], bytes]) -> str:
    try:
        document = orjson.loads(fetch(issuer.rstrip("/") + DISCOVERY))
    except orjson.JSONDecodeError:
        raise JwksError("the discovery document is not JSON") from None
    if not isinstance(document, dict) or document.get("issuer") != issuer:
        # OpenID Connect Discovery 4.3: another name means that somebody else answered.
        raise JwksError("the discovery document is not the issuer's: it names another one")
    address = document.get("jwks_uri")
    if not isinstance(address, str) or not _allowed(address):
        raise JwksError("the discovery document names no https address for the keys")
    if urlsplit(issuer).scheme == "https" and urlsplit(address).scheme != "https":
        raise JwksError("the discovery document names no https address for the keys")
    return address


def _allowed(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))


class Fetcher:
    """The thread that keeps one issuer's `KeyStore` filled until `close`."""

    def __init__(
        self,
        store: KeyStore,
        keys: Callable[[], tuple[VerifyKey, ...]],
        clock: Callable[[], float] = time.monotonic,
        issuer: str = "",
    ) -> None:
        self._store, self._keys, self._clock = store, keys, clock
        self._host = urlsplit(issuer).netloc
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="weir-issuer", daemon=True)

    def start(self) -> None:
        """Begin; the first fetch is under way when this returns."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the fetch that is under way; does not wait for it."""
        self._closed.set()

    def once(self) -> None:
        """One fetch, told to the store whichever way it ends."""
        before = self._store.problem
        self._store.begin()
        try:
            keys = self._keys()
        except JwksError as error:
            self._store.failed(str(error), self._clock())
        except Exception as error:  # noqa: BLE001  a thread that dies would let the keys expire without a word
            self._store.failed(f"the keys cannot be fetched ({type(error).__name__})", self._clock())
        else:
            self._store.took(keys, self._clock())
        if self._store.problem != before:  # once, not with every try
            problem = self._store.problem
            said = problem or "its keys are there"
            log.log(logging.WARNING if problem else logging.INFO, "issuer %s: %s", self._host, said)

    def _run(self) -> None:
        while not self._closed.is_set():
            pause = self._store.due(self._clock())
            if pause > 0:
                self._store.sleep(min(pause, 1.0))  # so that `close` is heard
            else:
                self.once()
