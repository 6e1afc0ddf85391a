"""A process that has imported weir and forks one program after the other: to import takes most of each start.

Started by ``forking`` as ``python -P -m harness.zygote FD RUN …``; FD is a socket to the process whose children the
programs become, RUN the folder of the run. Each message is a start as ``subprocess`` would make it: words, environment,
folder, limits, the three standard files and those to pass on. What runs in the child is what ``python -m MODULE`` or
``python SCRIPT`` runs, from its first line on.

A program's child that will want an ingester has a spare child from its birth, forked while there is one thread: when
it starts ``python -m weir.audit.ingester``, the spare becomes that. One that will start several (the demo, a weir with
workers) has a process that forks for it alone.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import ctypes
import fcntl
import gc
import importlib
import io
import json
import os
import pkgutil
import random
import resource
import runpy
import signal
import socket
import sys
import threading
import time
import traceback
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["FILES_MAX", "HEAD", "READY", "ROOM", "become", "main", "receive", "tell"]

FILES_MAX = 64  # the standard ones, and those to pass on
HEAD = 8  # bytes that say how long a message is, or which process was made
READY = b"r" * HEAD
ROOM = "-" * 12_000  # a last word to be written over: what `ps` shows of a child are its own words
_SITE = [place for place in sys.path if place not in os.environ.get("PYTHONPATH", "").split(os.pathsep)]
_POLICIES = Path(__file__).resolve().parents[2] / "policies"
_seeded: list[random.Random] = []  # what makes numbers up: two children must not make up the same ones


def tell(connection: socket.socket, start: dict[str, Any], files: list[int]) -> None:
    """Send one start with its standard files. Raises OSError."""
    text = json.dumps(start).encode()
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
    connection.sendmsg([len(text).to_bytes(HEAD)], rights)
    connection.sendall(text)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next start and its files; None when there will be none."""
    head, files, _flags, _address = socket.recv_fds(connection, HEAD, FILES_MAX)
    if len(head) < HEAD:
        return None
    size, text = int.from_bytes(head), b""
    while len(text) < size:
        more = connection.recv(size - len(text))
        if not more:
            return None
        text += more
    return json.loads(text), files


def _load() -> None:
    """Import what weir imports in its life, the ingester's part too; compile the shipped policies' patterns."""
    from weir.lean import lean

    lean("mitmproxy.addons")  # as `weir run` begins
    import weir

    for module in pkgutil.walk_packages(weir.__path__, "weir."):
        if not module.name.endswith("__main__") and not module.name.startswith("weir.demo"):
            with contextlib.suppress(Exception):  # who needs it will say what is wrong with it
                importlib.import_module(module.name)
    _warm()
    _seeded.extend(one for one in gc.get_objects() if isinstance(one, random.Random))


def _warm() -> None:
    """Do once what is the same each time: commands made of functions, patterns compiled, our own files read."""
    import typer.main

    from harness.remembered import read_all, remember
    from harness.stores import copies
    from weir.cli.app import app
    from weir.cli.check import check
    from weir.dlp.core import compiled
    from weir.usage.prices import Prices

    typer.main.get_command = cache(typer.main.get_command)
    typer.main.get_command(app)
    Prices.load(warm=True)
    if "WEIR_TEST_RUN" in os.environ:
        copies(at_once=True)
    remember()
    read_all()
    compiled._in_use = {}
    for policy in _POLICIES.glob("*.yaml"):
        with contextlib.redirect_stdout(io.StringIO()):
            check(policy, "json")


def _show(words: list[str]) -> None:
    """Let ``/proc/PID/cmdline`` be these words."""
    stat = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    begin, end = int(stat[45]), int(stat[46])  # arg_start, arg_end
    text = b"\0".join(os.fsencode(word) for word in words)[: end - begin - 1]
    ctypes.memmove(begin, text.ljust(end - begin, b"\0"), end - begin)


def _streams(unbuffered: bool) -> None:
    """Standard streams as a starting Python makes them for these files."""
    was = sys.stdout
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), encoding=was.encoding)  # type: ignore[misc]
    for number, name, errors in ((1, "stdout", was.errors), (2, "stderr", "backslashreplace")):
        raw: Any = io.FileIO(number, "w", closefd=False)
        stream = io.TextIOWrapper(
            raw if unbuffered else io.BufferedWriter(raw),
            encoding=was.encoding,
            errors=errors,
            line_buffering=not unbuffered and (number == 2 or os.isatty(number)),
            write_through=unbuffered,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def become(start: dict[str, Any], files: list[int]) -> NoReturn:
    """Be the program; ends this process with its exit code."""
    aside = [fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, 256) for file in files]
    os.closerange(0, 256)
    for number, file in zip((0, 1, 2, *start["passed"]), aside, strict=True):
        os.dup2(file, number, inheritable=True)
        os.close(file)
    if start["session"]:
        os.setsid()
    if start["spare"]:
        _spare()
    if start["several"]:
        _several()
    os.chdir(start["folder"])
    os.umask(start["umask"])
    for kind, (soft, hard) in start["limits"]:
        if resource.getrlimit(kind) != (soft, hard):
            resource.setrlimit(kind, (soft, hard))
    os.environ.clear()
    os.environ.update(start["environment"])
    time.tzset()
    for one in _seeded:
        one.seed(os.urandom(32))
    words = start["words"]
    sys.orig_argv = [sys.executable, *words]
    _show(sys.orig_argv)
    _streams(bool(os.environ.get("PYTHONUNBUFFERED")))
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    places = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    gc.enable()
    code = _run(words, [*places, *_SITE])
    os._exit(code)


def _run(words: list[str], places: list[str]) -> int:
    """Run the program to its very end, which is after its threads and what it wants done at exit."""
    code = 1
    try:
        safe = words[0] == "-P"
        words = words[safe:]
        if words[0] == "-m":
            sys.argv, sys.path[:] = ["-m", *words[2:]], [*([] if safe else [str(Path.cwd())]), *places]
            runpy._run_module_as_main(words[1])  # type: ignore[attr-defined]  # what the interpreter itself calls
        else:
            sys.argv, sys.path[:] = words, [os.path.dirname(os.path.abspath(words[0])), *places]  # noqa: PTH100, PTH120
            space = sys.modules["__main__"].__dict__
            space |= {"__file__": words[0], "__spec__": None, "__package__": None, "__cached__": None}
            exec(compile(Path(words[0]).read_bytes(), words[0], "exec"), space)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if end.code is not None and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001 - the last line of every Python program
        traceback.print_exc()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 120
    return code & 0xFF


def _spare() -> None:
    """Fork the child that becomes the ingester when this process starts one."""
    from harness import forking

    ours, theirs = socket.socketpair()
    child = os.fork()
    if child:
        theirs.close()
        forking.serve_once(child, ours)
        return
    ours.close()
    _let_go()
    told = receive(theirs)
    if told is None:
        os._exit(0)
    become(*told)


def _several() -> None:
    """Fork the process that forks for this one."""
    from harness import forking

    ours, theirs = socket.socketpair()
    if os.fork():
        theirs.close()
        forking.serve(ours)
        return
    ours.close()
    _let_go()
    _serve(theirs)
    os._exit(0)


def _let_go() -> None:
    """Who reads from weir is to see its end."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)


def main(number: int) -> None:
    """Load, and fork until the socket is closed; each start is answered by the id of the process, 0 for none."""
    control = socket.socket(fileno=number)
    _load()
    gc.collect()
    gc.freeze()  # what all children share is not touched again
    gc.disable()
    control.sendall(READY)
    _serve(control)


def _serve(control: socket.socket) -> None:
    while told := receive(control):
        start, files = told
        child = 0
        if start["demo"]:  # else nobody needs that
            importlib.import_module("weir.demo.scenes")
            importlib.import_module("weir.demo.doubles")
        if len([*Path("/proc/self/task").iterdir()]) == 1:
            child = _orphan(control, start, files)
        for file in files:
            os.close(file)
        control.sendall(child.to_bytes(HEAD))


def _orphan(control: socket.socket, start: dict[str, Any], files: list[int]) -> int:
    """Fork a child that is not ours: who asked is the nearest to take orphans, and waits for it as for its own."""
    read, write = os.pipe()
    between = os.fork()
    if between:
        os.close(write)
        with open(read, "rb") as told:  # noqa: PTH123
            made = int.from_bytes(told.read())
        os.waitpid(between, 0)
        return made
    between_id = os.getpid()
    child = os.fork()
    if not child:
        control.close()
        os.close(write)
        while os.getppid() == between_id:
            time.sleep(0.0002)  # it is about to end
        become(start, files)
    os.write(write, child.to_bytes(HEAD))
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[2]:
        os.environ["WEIR_TEST_RUN"] = sys.argv[2]  # programs begin with an environment of their own
    main(int(sys.argv[1]))
    os._exit(0)  # what is frozen is not taken apart
