"""``vault:MOUNT/PATH#FIELD``: a field of a KV version 2 secret in HashiCorp Vault or OpenBao.

Vault's own variables say where it is and who weir is: ``VAULT_ADDR``, ``VAULT_NAMESPACE``, ``VAULT_CACERT``, and a
token (``VAULT_TOKEN_FILE``, read anew each time, or ``VAULT_TOKEN``) or an AppRole (``VAULT_ROLE_ID`` with
``VAULT_SECRET_ID_FILE`` or ``VAULT_SECRET_ID``, mounted at ``VAULT_APPROLE_PATH``); ``BAO_…`` is understood too.
Tokens are renewed ahead, and an AppRole logs in again. Needs hvac: ``pip install 'weir[vault]'``.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from weir.datadir import DataDirError, read_private
from weir.keys.backends import MAX_BYTES, SecretUnavailable, field_of, named, require

__all__ = ["fetch", "forget", "renew_in"]

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_TIMEOUT_S = (3.0, 7.0)  # to connect, to answer
_SILENCE_S = 0.5


def fetch(reference: str) -> str:
    """The field's text. Raises SecretUnavailable."""
    path, field = named(reference)
    mount, slash, rest = path.strip("/").partition("/")
    if not (mount and slash and rest):
        raise SecretUnavailable("what follows vault: is not a path; write vault:MOUNT/PATH#FIELD")
    where = f"Vault's {mount}/{rest}"
    values = _session().read(mount, rest, where)
    return require(field_of(values, field, where), where)


def renew_in() -> float | None:
    """In how many seconds weir's token is to be renewed, for which a fetch is needed; None when that is not known."""
    return _session().renew_in()


class _Session:
    """One Vault as one caller: the token and when to renew it."""

    def __init__(self, address: str) -> None:
        self._client = _client(address)
        self._lock = threading.Lock()
        self._approle = bool(_variable("ROLE_ID"))
        self._renew_at = 0.0  # monotonic; 0: nothing is known of the token yet
        self._pressing = False  # whether the token would end for want of a renewal
        self._token = ""
        self._silent: tuple[float, str] = (0.0, "")  # until when nobody asks again, and why

    def read(self, mount: str, path: str, where: str) -> dict[str, object]:
        """The fields of the current version. Raises SecretUnavailable."""
        from hvac.exceptions import Forbidden

        with self._lock:
            if time.monotonic() < self._silent[0]:
                # Whoever waited for the lock while Vault did not answer need not wait for the same once more.
                raise SecretUnavailable(f"{where}: Vault cannot be reached ({self._silent[1]})")
            self._ready(where)
            try:
                return self._kv(mount, path, where, passing=Forbidden)
            except Forbidden:
                # The token may have ended early: revoked, or the server was set up anew. One more try with a new one.
                if not self._approle:
                    raise SecretUnavailable(
                        f"{where}: Vault refuses it (403: the token has ended, or no policy allows it)", refused=True
                    ) from None
            self._login(where)
            return self._kv(mount, path, where)

    def renew_in(self) -> float | None:
        """Seconds, at least one; None before there is a token, and when no renewal would keep it."""
        return max(1.0, self._renew_at - time.monotonic()) if self._renew_at and self._pressing else None

    def _kv(self, mount: str, path: str, where: str, passing: type[Exception] | tuple[()] = ()) -> dict[str, object]:
        read = self._client.secrets.kv.v2.read_secret_version
        data = self._call(
            lambda: dict(read(path=path, mount_point=mount, raise_on_deleted_version=True)["data"]["data"]),
            where,
            passing,
        )
        return cast(dict[str, object], data)

    def _ready(self, where: str) -> None:
        now = time.monotonic()
        if self._approle:
            if (not self._token or now >= self._renew_at) and not self._renewed(where):
                self._login(where)
            return
        token = _own_token()
        if token != self._token:
            self._token = self._client.token = token
            self._renew_at = 0.0
        if now >= self._renew_at:
            self._renewed(where)

    def _renewed(self, where: str) -> bool:
        """True when the token lives on for a while; False when it cannot be renewed, which is no error by itself."""
        from hvac.exceptions import Forbidden, InvalidRequest, VaultError

        if not self._token:
            return False
        try:
            auth = self._call(lambda: self._client.auth.token.renew_self()["auth"], where, passing=VaultError)
        except VaultError as error:
            # A root or batch token cannot be renewed, an ended one neither: whether it still opens anything shows
            # when the secret is read. Not asked again at once, and after a no only when the secret is read anyway.
            self._renew_at = time.monotonic() + 60
            self._pressing = not isinstance(error, InvalidRequest | Forbidden)
            return False
        self._until(auth)
        return True

    def _login(self, where: str) -> None:
        role, secret = _variable("ROLE_ID"), _secret_id()
        mount = _variable("APPROLE_PATH") or "approle"
        # The secret id goes into the body of the request, and no further.
        reply = self._call(
            lambda: self._client.auth.approle.login(role, secret or None, use_token=False, mount_point=mount)["auth"],
            f"{where}: the AppRole's login",
        )
        self._token = self._client.token = str(reply["client_token"])
        self._until(reply)

    def _until(self, auth: dict[str, Any]) -> None:
        lease = auth.get("lease_duration") or 0
        # Two thirds of its life: time for several tries before it ends. No lease: a token without end.
        self._renew_at = time.monotonic() + (lease * 2 / 3 if lease else 3600)
        self._pressing = bool(lease)

    def _call(self, ask: Callable[[], Any], where: str, passing: type[Exception] | tuple[()] = ()) -> Any:
        import requests
        from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest, VaultDown, VaultError

        try:
            return ask()
        except passing:
            raise
        except InvalidPath:
            raise SecretUnavailable(f"{where}: there is none (404), or its version is deleted", refused=True) from None
        except Forbidden:
            raise SecretUnavailable(f"{where}: Vault refuses it (403)", refused=True) from None
        except InvalidRequest:
            raise SecretUnavailable(f"{where}: Vault refuses the request (400)", refused=True) from None
        except VaultDown:
            raise SecretUnavailable(f"{where}: Vault is sealed or in maintenance (503)") from None
        except VaultError as error:
            # Its own words may quote the reply.
            raise SecretUnavailable(f"{where}: Vault answers with an error ({type(error).__name__})") from None
        except requests.RequestException as error:
            self._silent = (time.monotonic() + _SILENCE_S, type(error).__name__)
            raise SecretUnavailable(f"{where}: Vault cannot be reached ({type(error).__name__})") from None
        except (KeyError, TypeError, ValueError, AttributeError):
            raise SecretUnavailable(f"{where}: the answer is not one of a KV version 2 engine") from None


_sessions: dict[tuple[str, ...], _Session] = {}
_lock = threading.Lock()


def forget() -> None:
    """Drop the tokens: the next fetch looks anew where Vault is and who weir is."""
    with _lock:
        _sessions.clear()


def _session() -> _Session:
    address = _variable("ADDR")
    if not address:
        raise SecretUnavailable("VAULT_ADDR is not set; set it where weir starts")
    key = (address, _variable("NAMESPACE"), _variable("ROLE_ID"), _variable("CACERT"))
    with _lock:
        if key not in _sessions:
            _sessions[key] = _Session(address)
        return _sessions[key]


def _client(address: str) -> Any:
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise SecretUnavailable("VAULT_ADDR is not an https:// address, and a secret does not travel in the clear")
    if parts.username or parts.password:
        raise SecretUnavailable("VAULT_ADDR holds a user or password; Vault takes a token or an AppRole")
    try:
        import hvac
    except ImportError:
        raise SecretUnavailable("hvac is not installed; run: pip install 'weir[vault]'") from None
    return hvac.Client(
        url=address,
        token="",  # else hvac looks for ~/.vault-token
        namespace=_variable("NAMESPACE") or None,
        verify=_variable("CACERT") or True,
        timeout=_TIMEOUT_S,  # handed on to requests, which takes a pair
        allow_redirects=False,  # a redirect would carry the token to wherever it points
    )


def _variable(name: str) -> str:
    return (os.environ.get(f"VAULT_{name}") or os.environ.get(f"BAO_{name}") or "").strip()


def _own_token() -> str:
    token = _from_file("TOKEN_FILE") or _variable("TOKEN")
    if not token:
        raise SecretUnavailable("Vault: neither VAULT_TOKEN_FILE, VAULT_TOKEN nor VAULT_ROLE_ID is set")
    return token


def _secret_id() -> str:
    return _from_file("SECRET_ID_FILE") or _variable("SECRET_ID")


def _from_file(variable: str) -> str:
    path = _variable(variable)
    if not path:
        return ""
    try:
        return require(read_private(Path(path), MAX_BYTES).decode("utf-8"), path)
    except DataDirError as error:
        raise SecretUnavailable(str(error)) from None
    except UnicodeDecodeError:
        raise SecretUnavailable(f"{path}: is not UTF-8 text") from None
