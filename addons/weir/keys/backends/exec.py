"""``exec:/path/to/command argument …``: what a command prints on its standard output.

No shell takes part. The command gets a small environment of its own, so that no secret of weir's is handed to it
unasked: ``WEIR_EXEC_ENV`` names further variables (with commas between) that it needs. What it writes to standard
error is thrown away, as it may quote the secret.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import signal
import subprocess
import time
from pathlib import Path

from weir.keys.backends import MAX_BYTES, TIMEOUT_S, SecretUnavailable, require

__all__ = ["fetch"]

_PASSED = ("HOME", "LANG", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER", "XDG_RUNTIME_DIR")
_CHUNK = 16 * 1024


def fetch(reference: str) -> str:
    """What the command prints, without outer white space. Raises SecretUnavailable.

    The command has ``TIMEOUT_S`` seconds and ``MAX_BYTES`` bytes; beyond either it is killed with its children. Only
    its path is named in errors: the arguments may say too much.
    """
    try:
        argv = shlex.split(reference)
    except ValueError:
        raise SecretUnavailable("what follows exec: cannot be split into words: a quotation mark is open") from None
    if not argv or not Path(argv[0]).is_absolute():
        # Not quoted: somebody may have put the key itself where the command belongs.
        raise SecretUnavailable("what follows exec: is not an absolute path; write exec:/usr/local/bin/read-key openai")
    command = argv[0]
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            cwd="/",
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a command line"
        raise SecretUnavailable(f"{command}: cannot be started ({why})") from None
    try:
        data = _output(process, command)
    finally:
        _end(process)
    if process.returncode:
        raise SecretUnavailable(f"{command}: ended with status {process.returncode}")
    try:
        return require(data.decode("utf-8"), f"the output of {command}")
    except UnicodeDecodeError:
        raise SecretUnavailable(f"the output of {command}: is not UTF-8 text") from None


def _environment() -> dict[str, str]:
    extra = (name.strip() for name in os.environ.get("WEIR_EXEC_ENV", "").split(","))
    return {name: os.environ[name] for name in (*_PASSED, *extra) if name and name in os.environ}


def _output(process: subprocess.Popen[bytes], command: str) -> bytes:
    assert process.stdout is not None
    fd, data, deadline = process.stdout.fileno(), bytearray(), time.monotonic() + TIMEOUT_S
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise SecretUnavailable(f"{command}: has not answered within {TIMEOUT_S:g} s")
            chunk = os.read(fd, _CHUNK)
            if not chunk:
                break
            data += chunk
            if len(data) > MAX_BYTES:
                raise SecretUnavailable(f"the output of {command}: is larger than {MAX_BYTES} bytes")
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise SecretUnavailable(f"{command}: has not ended within {TIMEOUT_S:g} s") from None
    return bytes(data)


def _end(process: subprocess.Popen[bytes]) -> None:
    # The group, as a wrapper's child would live on; asked before wait(), while the id can't belong to anybody else.
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it ended by itself this very moment
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
