"""Mints Google access tokens from a service account's key, ahead of their end: what Vertex AI takes."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Collection
from datetime import UTC
from typing import Any
from urllib.parse import urlsplit

from weir.keys.backends import SecretUnavailable
from weir.keys.held import Fetched

__all__ = ["SCOPE", "TOKEN_HOSTS", "ServiceAccount"]

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKEN_HOSTS = frozenset({"oauth2.googleapis.com", "accounts.google.com"})
_MORE_HOSTS = "WEIR_GOOGLE_TOKEN_HOSTS"  # of private endpoints, in the environment that weir starts in
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_TIMEOUT_S = 10.0
_GOOD = 0.6  # of a token's life: as long it is handed out again; earlier than the refresher asks for another


class ServiceAccount:
    """A source of access tokens. ``key`` yields the service account's JSON (it may block, as ``fetch`` does).

    A token goes to the JSON's ``token_uri``, and only when that is one of Google's: whoever could change it would
    otherwise be handed assertions. ``token_hosts`` are those hosts, beside them what the variable
    ``WEIR_GOOGLE_TOKEN_HOSTS`` names; one on loopback may speak http.
    """

    def __init__(
        self,
        key: Callable[[], str],
        *,
        scopes: Collection[str] = (SCOPE,),
        token_hosts: Collection[str] = TOKEN_HOSTS,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._key = key
        self._scopes = list(scopes)
        self._hosts = frozenset(token_hosts) | frozenset(os.environ.get(_MORE_HOSTS, "").lower().split())
        self._wall = wall
        self._last: tuple[bytes, Fetched, float] | None = None  # of which key, the token, good until

    def fetch(self) -> Fetched:
        """A token with a good part of its life left. Raises SecretUnavailable; may block."""
        text = self._key()
        mark = hashlib.sha256(text.encode()).digest()
        if self._last and self._last[0] == mark and self._wall() < self._last[2]:
            return self._last[1]
        token, now = self._mint(self._account(text)), self._wall()
        self._last = (mark, token, now + ((token.expires or now) - now) * _GOOD)
        return token

    def check(self) -> None:
        """Whether the JSON is a service account's. Raises SecretUnavailable; asks Google nothing."""
        self._account(self._key())

    def __repr__(self) -> str:
        return "ServiceAccount(hidden)"

    def _account(self, text: str) -> Any:
        try:
            from google.oauth2.service_account import Credentials
        except ImportError:
            raise SecretUnavailable("google-auth is not installed; run: pip install 'weir[google]'") from None
        try:
            info = json.loads(text)
            uri = urlsplit(str(info["token_uri"]))
        except (ValueError, TypeError, KeyError):
            raise SecretUnavailable("a Google service account is the JSON file of its key", refused=True) from None
        clear = uri.scheme == "http" and uri.hostname in _LOOPBACK
        if uri.hostname not in self._hosts or not (uri.scheme == "https" or clear):
            raise SecretUnavailable("the service account's token_uri is not Google's", refused=True)
        try:
            return Credentials.from_service_account_info(info, scopes=self._scopes)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, KeyError):
            raise SecretUnavailable("the service account's key cannot be read", refused=True) from None

    def _mint(self, account: Any) -> Fetched:
        import requests
        from google.auth.exceptions import GoogleAuthError, RefreshError
        from google.auth.transport.requests import Request

        logger = logging.getLogger("google.auth")
        if logger.getEffectiveLevel() < logging.INFO:
            logger.setLevel(logging.INFO)  # at DEBUG it may write the replies into the log
        with requests.Session() as session:
            session.max_redirects = 0  # an assertion is for the host it was made for
            try:
                account.refresh(functools.partial(Request(session=session), timeout=_TIMEOUT_S))
            except RefreshError as error:
                # Its words quote the reply.
                said = "is unwell" if getattr(error, "retryable", False) else "refuses the service account"
                raise SecretUnavailable(f"Google's token endpoint {said}", refused=not error.retryable) from None
            except (GoogleAuthError, requests.RequestException) as error:
                raise SecretUnavailable(f"Google's token endpoint cannot be asked ({type(error).__name__})") from None
            except (TypeError, ValueError, KeyError):
                raise SecretUnavailable("Google's token endpoint answers with something else") from None
        if not account.token or account.expiry is None:
            raise SecretUnavailable("Google's token endpoint gave no token with an end")
        return Fetched(str(account.token), account.expiry.replace(tzinfo=UTC).timestamp())
