"""The users file: proxy passwords as scrypt hashes, one user a line, and a fast path for passwords already checked.

A line is ``name:scrypt$LOG2N$R$P$SALT$HASH:attributes``; attributes are ``team=… app=… device=… groups=a,b`` with
percent-encoded values. Blank lines and lines that begin with ``#`` are kept. The file is 0600 or refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from weir.datadir import DataDirError, locked, read_private, write_private
from weir.model import Principal

__all__ = ["DEFAULT_WORK", "STRENGTH", "Users", "UsersError", "Work", "add", "remove"]

STRENGTH = 2
CACHE_SIZE = 10_000
REFUSED_SIZE = 4_096
MAX_FILE = 16 * 1024 * 1024
ATTRIBUTES = ("team", "app", "device", "groups")
# Each takes a whole processor and 16 MB. Where a directory is asked too, more threads come here than are good.
_AT_ONCE = threading.BoundedSemaphore(max(1, min(2, (os.cpu_count() or 1) // 2)))


class UsersError(ValueError):
    """The users file cannot be used; ``mistakes`` holds one ``file:line: …`` each. No hash is quoted."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True)
class Work:
    """What one scrypt check costs: 128·2^log2_n·r bytes of memory, and time in proportion to 2^log2_n·r·p."""

    log2_n: int = 14
    r: int = 8
    p: int = 5

    def hash(self, password: str, salt: bytes) -> bytes:
        """32 bytes; a few hundred milliseconds at the default, with the interpreter lock released."""
        data = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
        n = 1 << self.log2_n
        memory = 128 * self.r * (n + self.p) + 1024 * 1024
        with _AT_ONCE:
            return hashlib.scrypt(data, salt=salt, n=n, r=self.r, p=self.p, maxmem=memory, dklen=32)


DEFAULT_WORK = Work()


@dataclass(frozen=True, slots=True)
class _User:
    work: Work
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    principal: Principal


class Users:
    """The users of one file. ``cached`` is for the event loop, ``verify`` for a worker thread."""

    def __init__(self, path: Path, users: dict[str, _User], signature: tuple[int, ...]) -> None:
        self.path = path
        self._users = users
        self._signature = signature
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, Principal] = OrderedDict()
        self._refused: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: Path) -> Users:
        """Read ``path``. Raises UsersError with every mistake in it, or when others may read it."""
        signature = _signature(path)
        return cls(path, _read(path), signature)

    def reload_if_changed(self) -> bool:
        """Take over a changed file; True when it was. Raises UsersError once a change and keeps the old users."""
        signature = _signature(self.path)
        if signature == self._signature:
            return False
        self._signature = signature
        users = _read(self.path)
        with self._lock:
            same = {name for name, user in users.items() if self._users.get(name) == user}
            self._known = OrderedDict((digest, who) for digest, who in self._known.items() if who.user in same)
            self._users = users
            self._refused.clear()
        return True

    def cached(self, username: str, password: str) -> Principal | None:
        """The principal if this very credential passed ``verify`` before: microseconds. None says nothing."""
        digest = self._digest(username, password)
        with self._lock:
            principal = self._known.get(digest)
            if principal is not None:
                self._known.move_to_end(digest)
            return principal

    def verify(self, username: str, password: str) -> Principal | None:
        """The principal, or None. Takes one scrypt (``Work``) for a new credential: keep it off the event loop.

        An unknown user costs what a known one does, so the time says nothing about which names exist.
        """
        username = unicodedata.normalize("NFC", username)
        digest = self._digest(username, password)
        with self._lock:
            if digest in self._known or digest in self._refused:
                return self._known.get(digest)
            users = self._users
        user = users.get(username)
        reference = user or self._decoy(users, username)
        matches = hmac.compare_digest(reference.work.hash(password, reference.salt), reference.digest)
        principal = user.principal if user is not None and matches else None
        with self._lock:
            if users is self._users:  # a file read meanwhile decides anew
                self._remember(digest, principal)
        return principal

    def __len__(self) -> int:
        return len(self._users)

    def principals(self) -> tuple[Principal, ...]:
        """Whom the logins stand for, in the file's order."""
        return tuple(user.principal for user in self._users.values())

    def _digest(self, username: str, password: str) -> bytes:
        name = unicodedata.normalize("NFC", username).encode("utf-8", "surrogatepass")
        secret = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, len(name).to_bytes(4, "big") + name + secret, "sha256")

    def _decoy(self, users: dict[str, _User], username: str) -> _User:
        # Users of different age may have different costs: an unknown name always gets the same one of them.
        mark = self._digest(username, "")
        works = [user.work for user in users.values()] or [DEFAULT_WORK]
        return _User(works[int.from_bytes(mark[:8], "big") % len(works)], mark[:16], mark, Principal())

    def _remember(self, digest: bytes, principal: Principal | None) -> None:
        if principal is None:
            # A client that keeps sending the same wrong password must not keep a core busy.
            self._refused[digest] = None
            if len(self._refused) > REFUSED_SIZE:
                self._refused.popitem(last=False)
            return
        self._known[digest] = principal
        if len(self._known) > CACHE_SIZE:
            self._known.popitem(last=False)


def add(
    path: Path,
    username: str,
    password: str,
    *,
    team: str | None = None,
    app: str | None = None,
    device: str | None = None,
    groups: tuple[str, ...] | None = None,
    work: Work = DEFAULT_WORK,
) -> Principal:
    """Add a user to the file, or give the one of that name a new password; the file is made when there is none.

    An attribute that is None stays as it was, an empty one is taken away. Returns whom the login now stands for.
    Raises ValueError for a name or password that Basic authentication cannot carry, UsersError for a broken file.
    """
    username = unicodedata.normalize("NFC", username)
    bad = not password or _has_control(password)
    problem = _name_problem(username) or ("a password is not empty and has no control characters" if bad else "")
    if problem:
        raise ValueError(problem)
    if not path.parent.is_dir():
        raise UsersError([f"{path}: its folder is not there; make it, or name another file"])
    salt = secrets.token_bytes(16)
    hashed = (base64.b64encode(data).decode() for data in (salt, work.hash(password, salt)))
    fields = [work.log2_n, work.r, work.p, *hashed]
    given: dict[str, Any] = {"team": team, "app": app, "device": device, "groups": groups}
    with locked(path):
        lines, old = ["# one user a line: name:scrypt hash:attributes"], Principal(method="basic", strength=STRENGTH)
        if path.exists():
            old = next((user.principal for name, user in _read(path).items() if name == username), old)
            lines = _other_lines(path, username)[0]
        now = replace(old, user=username, **{name: value for name, value in given.items() if value is not None})
        lines += [f"{username}:scrypt${'$'.join(map(str, fields))}:{_attributes(now)}", ""]
        write_private(path, "\n".join(lines).encode())
    return now


def remove(path: Path, username: str) -> bool:
    """Take a user out of the file; False when there was none of that name. Raises UsersError without a usable file."""
    if not path.exists():
        raise UsersError([f"{path}: there is no such file"])
    with locked(path):
        lines, found = _other_lines(path, unicodedata.normalize("NFC", username))
        if found:
            write_private(path, "\n".join([*lines, ""]).encode())
    return found


def _attributes(user: Principal) -> str:
    values = {name: quote(getattr(user, name), safe="") for name in ("team", "app", "device")}
    values["groups"] = ",".join(quote(group, safe="") for group in user.groups)
    return " ".join(f"{name}={value}" for name, value in values.items() if value)


def _other_lines(path: Path, username: str) -> tuple[list[str], bool]:
    _read(path)  # a broken file is reported, not rewritten
    lines = read_private(path, MAX_FILE).decode().rstrip("\n").split("\n")
    kept = [line for line in lines if line.partition(":")[0].strip() != username or line.startswith("#")]
    return kept, len(kept) < len(lines)


def _signature(path: Path) -> tuple[int, ...]:
    try:
        info = os.stat(path)  # noqa: PTH116
    except OSError:
        return ()
    return (info.st_mtime_ns, info.st_size, info.st_ino, info.st_mode)


def _read(path: Path) -> dict[str, _User]:
    try:
        text = read_private(path, MAX_FILE).decode("utf-8")
    except DataDirError as error:
        raise UsersError([str(error)]) from None
    except UnicodeDecodeError:
        raise UsersError([f"{path}: is not UTF-8 text"]) from None
    users: dict[str, _User] = {}
    mistakes: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        name = unicodedata.normalize("NFC", name.strip())
        try:
            if name in users:
                raise ValueError(f"user {name!r} stands in the file twice; keep one line")
            users[name] = _user(name, rest)
        except ValueError as error:
            mistakes.append(f"{path}:{number}: {error}")
    if mistakes:
        raise UsersError(mistakes)
    return users


def _user(name: str, rest: str) -> _User:
    problem = _name_problem(name)
    if problem:
        raise ValueError(problem)
    hashed, _, attributes = rest.strip().partition(":")
    scheme, *fields = hashed.split("$")
    if scheme != "scrypt" or len(fields) != 5:
        raise ValueError("after the name stands no scrypt hash; set the password again")
    try:
        work = Work(int(fields[0]), int(fields[1]), int(fields[2]))
        salt, digest = (base64.b64decode(value, validate=True) for value in fields[3:])
    except (ValueError, binascii.Error):
        raise ValueError("the scrypt hash is damaged; set the password again") from None
    if not (10 <= work.log2_n <= 20 and 1 <= work.r <= 32 and 1 <= work.p <= 16 and len(salt) >= 16):
        raise ValueError("the scrypt cost is out of bounds; set the password again")
    if len(digest) != 32:
        raise ValueError("the scrypt hash is damaged; set the password again")
    return _User(work, salt, digest, _principal(name, attributes))


def _principal(name: str, attributes: str) -> Principal:
    values: dict[str, str] = {}
    for item in attributes.split():
        key, equals, value = item.partition("=")
        if key not in ATTRIBUTES or not equals or key in values:
            raise ValueError(f"attributes are {', '.join(ATTRIBUTES)}, each once, written team=finance")
        values[key] = value
    groups = tuple(unquote(group) for group in values.pop("groups", "").split(",") if group)
    plain = {key: unquote(value) for key, value in values.items()}
    return Principal(user=name, groups=groups, method="basic", strength=STRENGTH, **plain)


def _name_problem(name: str) -> str:
    if not name or len(name) > 256 or name != name.strip() or name.startswith("#") or ":" in name:
        return "a user name is 1 to 256 characters, without colon or outer spaces, and does not begin with #"
    return "a user name has no control characters" if _has_control(name) else ""


def _has_control(text: str) -> bool:
    # Line separators too: one user is one line. Surrogates cannot be written as UTF-8.
    return any(unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") for char in text)
