"""Requests to one receiver over HTTP(S): verified, without redirects or proxy variables, with bounds on everything."""

from __future__ import annotations

import email.utils
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

import urllib3

from weir.audit.exports.row import clean
from weir.audit.exports.senders.target import Refused, Unavailable
from weir.model import Secret

__all__ = ["Answer", "Http", "Token"]

TIMEOUT = urllib3.Timeout(connect=10.0, read=30.0)
AGAIN_S_MAX = 300.0
_ANSWER_MAX = 64 * 1024
_THE_ROWS_FAULT = (400, 413, 422)

Token = Callable[[], Secret]  # fetches it; called again when the receiver says that it does not count any more


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said. ``said`` is its body, cut, on one line, with the token struck out."""

    status: int
    body: bytes
    said: str
    again_s: float | None = None

    def check(self, explained: str = "") -> None:
        """Nothing for 2xx. Raises Refused when it is about what was sent, Unavailable for all else. ``explained``:
        better words than the body as it is."""
        if 200 <= self.status < 300:
            return
        told = f"it answered {self.status}" + (f" ({explained or self.said})" if explained or self.said else "")
        if self.status in _THE_ROWS_FAULT:
            raise Refused(told)
        raise Unavailable(told, self.again_s)


class Http:
    """One receiver: its host, how it is verified, and the token it wants."""

    def __init__(self, base: str, tls: ssl.SSLContext, *, scheme: str = "Bearer", token: Token | None = None) -> None:
        """``base``: scheme, host, port and a path to which others are added. ``scheme``: the word before the token."""
        self._base = base.rstrip("/")
        self._host = urllib3.util.parse_url(base).host or ""
        self._scheme, self._token = scheme, token
        self._held: Secret | None = None
        # A PoolManager never asks the environment for a proxy: what weir exports must not go through weir.
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=1, ssl_context=tls, timeout=TIMEOUT, retries=False)

    def post(self, path: str, body: bytes, kind: str, **headers: str) -> Answer:
        """Send ``body`` of the media type ``kind``. Raises Unavailable when there is no answer."""
        more = {name.replace("_", "-").title(): value for name, value in headers.items()}
        given = {"Content-Type": kind, "User-Agent": "weir", **more}  # written as some receivers insist they be
        secret = ""
        if self._token is not None:
            self._held = self._held or self._token()
            if not self._held.may_go_to(self._host.strip("[]")):
                raise Unavailable("the token is not for this host")
            secret = self._held.reveal()
            given["Authorization"] = f"{self._scheme} {secret}"
        try:
            answer = self._pool.request(
                "POST", self._base + path, body=body, headers=given, redirect=False, preload_content=False
            )
            try:
                said = answer.read(_ANSWER_MAX, decode_content=True)
                if not answer.read(1):
                    answer.release_conn()  # all of it is read: the connection can take the next request
            finally:
                answer.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(_why(error)) from None
        if answer.status in (401, 403):
            self._held = None  # it may have been renewed where it comes from
        shown = clean(said.decode("utf-8", "replace"), 300)
        shown = shown.replace(secret, "[token]") if secret else shown
        return Answer(answer.status, said, shown.strip(), _again(answer.headers.get("retry-after")))

    def close(self) -> None:
        """End its connections."""
        self._pool.clear()


def _why(error: Exception) -> str:
    """One line about a failed request; a library's message holds the address, which is known, and nothing else."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted ({cause.verify_message})"
        if isinstance(cause, OSError) and cause.strerror:
            return f"it cannot be reached ({cause.strerror})"
        cause = cause.__cause__ or cause.__context__ or getattr(cause, "reason", None)
        if not isinstance(cause, BaseException):
            break
    return f"it cannot be reached ({type(error).__name__})"


def _again(header: str | None) -> float | None:
    """Seconds that a ``Retry-After`` asks for, as a number or a date."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), AGAIN_S_MAX) if seconds == seconds else None
