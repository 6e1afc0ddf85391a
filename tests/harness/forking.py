"""Weir's programs as forks of a process that has imported them (``zygote``): a start without the second of imports.

``install()`` makes ``subprocess`` do so for the command lines below; everything else is started as ever, and so is a
start that asks for what a fork can't give (another account, another ``LANG``), or that is made
inside ``really_new()``. To its caller the one is like the other: the process is its child, with the words,
environment, folder, files and limits given.

``WEIR_TEST_FORK=0`` in the environment starts everything as ever.
"""

from __future__ import annotations

import ctypes
import inspect
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import zygote

__all__ = ["forked", "install", "really_new", "serve", "serve_once"]

_TESTS = Path(__file__).resolve().parents[1]
_ADDONS = str(_TESTS.parent / "addons")
_INGESTER = "weir.audit.ingester"
_MODULES = ("weir.cli", _INGESTER, "weir.demo.tether", "weir.demo.doubles", "weir.dlp.core.helper")
_DEMO = str(_TESTS / "harness" / "wrongdemo.py")
_RUNNERS = ("faultrun.py", "chaosrun.py", "redirected.py", "prepared.py")
_SCRIPTS = (*(str(_TESTS / "harness" / name) for name in _RUNNERS), _DEMO)
_SET_CHILD_SUBREAPER = 36
_LIMITS = sorted({number for name, number in vars(resource).items() if name.startswith("RLIMIT_")})
_SAME = ("LC_ALL", "LC_CTYPE", "LANG")
_COERCED = {"LC_CTYPE": "C.UTF-8"}  # what a starting Python takes where nothing is said (PEP 538)
_ALLOWED = {"PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}

_really_new = threading.local()
_lock = threading.Lock()
_original: Callable[..., None] = subprocess.Popen._execute_child  # type: ignore[attr-defined]
_NAMES = tuple(inspect.signature(_original).parameters)[1:]
_PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
forked = 0  # how many there were in this process
failed = 0  # how many became new Pythons as there was no fork to be had


class _Zygote:
    """A process that forks, reached over ``connection``; it ends with this one."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._prctl = ctypes.CDLL(None).prctl
        self.works = True
        self.process: subprocess.Popen[bytes] | None = None

    @classmethod
    def started(cls) -> _Zygote:
        """A new one."""
        ours, theirs = socket.socketpair()
        wanted = {"PATH", "HOME", "TMPDIR", "TZ", "VIRTUAL_ENV", "LD_LIBRARY_PATH", *_SAME}
        environment = {name: value for name, value in os.environ.items() if name in wanted}
        environment |= {"PYTHONPATH": os.pathsep.join([_ADDONS, str(_TESTS)])}
        # Threads don't come along into a fork.
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        run = os.environ.get("WEIR_TEST_RUN", "")
        with theirs, really_new():
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "harness.zygote", str(theirs.fileno()), run, zygote.ROOM],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        made = cls(ours)
        made.process = process
        made.works = made._answer() == zygote.READY
        return made

    def _answer(self) -> bytes:
        return self._connection.recv(zygote.HEAD, socket.MSG_WAITALL)

    def fork(self, start: dict[str, Any], files: list[int]) -> int:
        """The id of our new child; 0 when it can't be had."""
        self._prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # only now: others' orphans are not ours
        try:
            zygote.tell(self._connection, start, files)
            child = int.from_bytes(self._answer())
        except OSError:
            child = 0
        finally:
            self._prctl(_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        return child


_zygote: _Zygote | None = None


def _from_zygote(start: dict[str, Any], files: list[int]) -> int:
    global _zygote
    if _zygote is None:
        _zygote = _Zygote.started()
    return _zygote.fork(start, files) if _zygote.works else 0


_source: Callable[[dict[str, Any], list[int]], int] = _from_zygote


def serve(connection: socket.socket) -> None:
    """In a program: what it starts is forked by the process at the other end of ``connection``."""
    global _source
    _source = _Zygote(connection).fork
    subprocess.Popen._execute_child = _execute_child  # type: ignore[attr-defined]


def serve_once(child: int, connection: socket.socket) -> None:
    """In a program: the first ingester that it starts is this spare child, told what to be over ``connection``."""
    global _source

    def spare(start: dict[str, Any], files: list[int]) -> int:
        global _source
        if _INGESTER not in start["words"]:
            return 0
        _source = lambda start, files: 0  # noqa: E731
        with connection:
            try:
                zygote.tell(connection, start, files)
            except OSError:  # it is gone
                return 0
        return child

    _source = spare
    subprocess.Popen._execute_child = _execute_child  # type: ignore[attr-defined]


@contextmanager
def really_new() -> Iterator[None]:
    """What this thread starts meanwhile begins as a new Python."""
    before, _really_new.on = getattr(_really_new, "on", False), True
    try:
        yield
    finally:
        _really_new.on = before


def _words(arguments: Any) -> list[str] | None:
    """The words after Python's own name, if they are a program that can be forked."""
    if not isinstance(arguments, list | tuple) or len(arguments) < 2 or arguments[0] != sys.executable:
        return None
    words = [str(word) for word in arguments[1:]]
    module = words[words[0] == "-P" :][:2]
    is_module = module[:1] == ["-m"] and module[-1] in _MODULES
    return words if is_module or words[0] in _SCRIPTS else None


def _fits(environment: Mapping[str, str]) -> bool:
    """Whether a new Python would, with this environment, read and write as ours does and find the same weir."""
    if _ADDONS not in environment.get("PYTHONPATH", "").split(os.pathsep):
        return False
    strange = {name for name in environment if name.startswith("PYTHON")} - _ALLOWED
    return not strange and _locale(environment) == _locale(os.environ)


def _locale(environment: Mapping[str, str]) -> str:
    """What Python reads and writes by."""
    return next(filter(None, (environment.get(name) for name in _SAME)), _COERCED["LC_CTYPE"])


def _umask() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o022


def _start(
    words: Sequence[str], environment: Mapping[str, str], cwd: Any, session: bool, passed: Sequence[int]
) -> dict[str, Any]:
    demo = words[0] == _DEMO or list(words[:3]) == ["-m", "weir.cli", "demo"]
    running = "run" in words[1:4] and "--seat" not in words
    return {
        "words": list(words),
        "environment": {**environment, **({} if any(map(environment.get, _SAME)) else _COERCED)},
        "folder": os.path.abspath(cwd or "."),  # noqa: PTH100
        "session": session,
        "umask": _umask(),
        "limits": [(number, resource.getrlimit(number)) for number in _LIMITS],
        "passed": list(passed),
        "demo": demo,
        "several": demo or (running and "--workers" in words),
        "spare": running and "--workers" not in words,
    }


def _forkable(words: list[str] | None, asked: Mapping[str, Any]) -> bool:
    """Whether a fork can be what is asked for: all but files, folder, environment and session as usual."""
    environment = os.environ if asked["env"] is None else asked["env"]
    return (
        words is not None
        and not getattr(_really_new, "on", False)
        and all(asked[name] is None for name in ("executable", "preexec_fn", "gid", "gids", "uid"))
        and (asked["umask"], asked["process_group"]) == (-1, -1)
        and asked["close_fds"] and asked["restore_signals"] and not asked["shell"]
        and len(asked["pass_fds"]) <= zygote.FILES_MAX - 3 and all(2 < file < 256 for file in asked["pass_fds"])
        and all(isinstance(text, str) for pair in environment.items() for text in pair)
        and _fits(environment)
        and (asked["cwd"] is None or Path(asked["cwd"]).is_dir())
    )  # fmt: skip


def _execute_child(self: Any, *given: Any) -> None:
    global forked, failed
    asked = dict(zip(_NAMES, given, strict=True))
    words = _words(asked["args"])
    if _forkable(words, asked) and words is not None:
        pipes = [asked[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        passed = sorted(asked["pass_fds"])
        files = [*(mine if pipe == -1 else pipe for mine, pipe in enumerate(pipes)), *passed]
        environment = os.environ if asked["env"] is None else asked["env"]
        with _lock:
            child = _source(_start(words, environment, asked["cwd"], bool(asked["start_new_session"]), passed), files)
        if child:
            forked += 1
            self.pid, self._child_created = child, True
            self._close_pipe_fds(*(asked[name] for name in _PIPES))
            return
        failed += 1
    _original(self, *given)


def install() -> None:
    """From now on, in this process."""
    if sys.platform.startswith("linux") and os.environ.get("WEIR_TEST_FORK") != "0":
        subprocess.Popen._execute_child = _execute_child  # type: ignore[attr-defined]
