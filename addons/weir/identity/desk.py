"""The desk where ``Proxy-Authorization`` is shown: Basic or Bearer, from memory at once, else in a worker, slowed.

No I/O of its own. `quick` is for the event loop; when it says None, `slow` answers in a worker thread.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from weir.identity.basic import CHALLENGE, Credentials, parse_basic
from weir.identity.build import Passwords
from weir.identity.sources import NOBODY, Answer, SourceDown
from weir.identity.throttle import Throttle
from weir.identity.tokens import EXPIRED, UNREACHED, Tokens, parse_bearer
from weir.model import Principal

__all__ = ["CHALLENGES", "Desk", "Said"]

CHALLENGES = (CHALLENGE, 'Bearer realm="weir"')
"""Values for ``Proxy-Authenticate``: the first when passwords are checked, the second when tokens are."""

REFUSED_MAX = 4_096
REFUSED_S = 10.0  # how long a wrong credential is refused from memory
FETCH_WAIT_S = 2.0  # for a key that the issuer may just have brought in


@dataclass(frozen=True, slots=True)
class Said:
    """What a credential proved. ``source`` is basic or jwt, "" when it is neither."""

    source: str = ""
    answer: Answer = NOBODY
    retry_after_s: float = 0.0  # not checked at all: too many wrong ones before it
    failures: int = 0  # counted so far, for the audit, when this one was wrong
    down: bool = False  # whoever would know cannot be asked: right or wrong, nobody can say


class Desk:
    """Checks credentials under one policy. The throttle outlives it: a reload forgets no attempt."""

    def __init__(
        self,
        passwords: Passwords,
        tokens: Tokens | None,
        throttle: Throttle,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._passwords, self._tokens, self._throttle = passwords, tokens, throttle
        self._clock, self._wall = clock, wall
        self._secret = secrets.token_bytes(32)
        self._refused: OrderedDict[bytes, tuple[Said, float]] = OrderedDict()
        self._forgot = 0
        self._lock = threading.Lock()

    def quick(self, header: str, address: str, *, again: bool = False) -> Said | None:
        """The answer, if it is known without work: microseconds. None: ask `slow`.

        ``again``: these very credentials were right before: they are no guess, and no guesses hold them up.
        """
        shown = self._read(header)
        if isinstance(shown, Said):
            return shown
        source, name = _named(shown)
        known = self._known(shown)
        if known is not None:
            return Said(source, Answer(known))
        digest = self._digest(header)
        with self._lock:
            refused = self._refused.get(digest)
        if refused is not None and self._clock() < refused[1]:
            return refused[0]
        # Nobody guesses a signature: tokens wait for no one, or one guesser would hold up all behind his address.
        free = again or source == "jwt" or self._throttle.was_right(header)
        wait = 0.0 if free else self._throttle.wait(address, name, self._clock())
        return Said(source, Answer(None, "too many wrong credentials before it"), retry_after_s=wait) if wait else None

    def slow(self, header: str, address: str, again: bool = False) -> Said:
        """The answer, with the work it takes: a password costs 0.2 s, a directory as long as its timeout."""
        said = self.quick(header, address, again=again)
        if said is not None:
            return said
        shown = self._read(header)
        if isinstance(shown, Said):
            return shown
        source, name = _named(shown)
        forgot = self._forgot
        try:
            principal, why = self._check(shown)
        except SourceDown as error:
            return Said(source, Answer(None, str(error)), down=True)
        if principal is not None:
            if name:
                self._throttle.passed(name, header)
            return Said(source, Answer(principal))
        if why == UNREACHED:  # that is not the caller's fault
            return Said(source, Answer(None, why), down=True)
        if why == EXPIRED:  # nobody guesses a signature: the client is late, and its tunnel asks again and again
            return Said(source, Answer(None, why))
        digest, now = self._digest(header), self._clock()
        with self._lock:
            before = self._refused.pop(digest, None)
        # The same wrong one again is a client with an old password, not somebody guessing: it is counted once.
        kind = "" if name else "token "
        failures = before[0].failures if before else self._throttle.failed(address, name, now, kind=kind).count
        said = Said(source, Answer(None, why), failures=failures)
        with self._lock:
            if forgot == self._forgot:  # else what it was checked against is of yesterday
                self._refused[digest] = (said, now + REFUSED_S)
            if len(self._refused) > REFUSED_MAX:
                self._refused.popitem(last=False)
        return said

    def forget(self) -> None:
        """Check anew what was wrong: passwords have changed. What was counted stays counted."""
        with self._lock:
            self._refused.clear()
            self._forgot += 1

    def _read(self, header: str) -> Credentials | str | Said:
        """What is shown: a name with a password, a token, or what to say of something that is neither."""
        if self._passwords and (credentials := parse_basic(header)) is not None:
            return credentials
        if self._tokens and (token := parse_bearer(header)) is not None:
            return token
        # Without any source for it the header is nothing; with one, it is something wrong.
        return Said(answer=Answer(None, "cannot be read") if self._passwords or self._tokens else NOBODY)

    def _known(self, shown: Credentials | str) -> Principal | None:
        if isinstance(shown, str):
            return self._tokens.cached(shown, self._wall(), self._clock()) if self._tokens else None
        return self._passwords.cached(*shown)

    def _check(self, shown: Credentials | str) -> tuple[Principal | None, str]:
        if isinstance(shown, str):
            assert self._tokens
            return self._tokens.check(shown, self._wall(), self._clock(), FETCH_WAIT_S)
        return self._passwords.verify(*shown), "the name or the password is wrong"

    def _digest(self, header: str) -> bytes:
        return hmac.digest(self._secret, header.encode("utf-8", "surrogatepass"), "sha256")


def _named(shown: Credentials | str) -> tuple[str, str]:
    """(source, the name that is guessed at; a token claims one that nobody checked, and has none here)."""
    return ("jwt", "") if isinstance(shown, str) else ("basic", shown.username)
