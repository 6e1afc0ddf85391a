"""``keyring:SERVICE/USER``: an entry of the operating system's keyring (Keychain, Credential Manager, Secret Service).

Needs the ``keyring`` library: ``pip install 'weir[keyring]'``.
"""

from __future__ import annotations

import queue
import threading

from weir.keys.backends import TIMEOUT_S, SecretUnavailable, require

__all__ = ["fetch"]

_waiting: set[str] = set()
_lock = threading.Lock()


def fetch(reference: str) -> str:
    """The password of USER at SERVICE. Raises SecretUnavailable.

    A keyring that asks somebody at the screen to unlock it would wait for ever: it is asked in a thread of its own,
    one for each entry, and after ``TIMEOUT_S`` seconds nobody waits for that any more.
    """
    service, slash, user = reference.rpartition("/")
    if not (service and slash and user):
        raise SecretUnavailable("what follows keyring: is not an entry; write keyring:SERVICE/USER")
    where = f"the keyring's entry {service}/{user}"
    with _lock:
        if reference in _waiting:
            raise SecretUnavailable(f"{where}: the keyring has still not answered; is it locked?")
        _waiting.add(reference)
    answer: queue.SimpleQueue[str | SecretUnavailable | None] = queue.SimpleQueue()
    threading.Thread(
        target=_ask, args=(reference, service, user, where, answer), name="weir-keyring", daemon=True
    ).start()
    try:
        value = answer.get(timeout=TIMEOUT_S)
    except queue.Empty:
        raise SecretUnavailable(
            f"{where}: the keyring has not answered within {TIMEOUT_S:g} s; is it locked?"
        ) from None
    if isinstance(value, SecretUnavailable):
        raise value
    if value is None:
        raise SecretUnavailable(f"{where}: there is none", refused=True)
    return require(value, where)


def _ask(
    reference: str,
    service: str,
    user: str,
    where: str,
    answer: queue.SimpleQueue[str | SecretUnavailable | None],
) -> None:
    try:
        import keyring
    except ImportError:
        answer.put(SecretUnavailable("the keyring library is not installed; run: pip install 'weir[keyring]'"))
        return
    else:
        try:
            answer.put(keyring.get_password(service, user))
        except Exception as error:  # noqa: BLE001 - each platform's keyring raises its own; told as unavailable
            answer.put(SecretUnavailable(f"{where}: the keyring cannot be asked ({type(error).__name__})"))
    finally:
        with _lock:
            _waiting.discard(reference)
