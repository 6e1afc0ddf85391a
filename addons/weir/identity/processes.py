"""Programs on weir's own machine: whose connection a loopback one is, as the kernel tells (/proc, Linux only).

Reads files, a few milliseconds on a machine with many connections: keep it off the event loop.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from weir.addresses import plain
from weir.model import Principal

__all__ = ["STRENGTH", "Caller", "ProcessRule", "Processes", "find_caller", "is_local"]

STRENGTH = 2
PROC = Path("/proc")
_ESTABLISHED = "01"
_PIDS_MAX = 20_000
_FDS_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Caller:
    """Who owns a socket. The user id is the socket's own; program and pid only when weir may see that process."""

    uid: int
    pid: int = 0
    program: str = ""


@dataclass(frozen=True, slots=True)
class ProcessRule:
    """Whom a user id (None: any), running one of the programs (globs on the path; None: any), stands for."""

    uid: int | None
    programs: tuple[str, ...] | None
    principal: Principal


class Processes:
    """The policy's rules for local programs; the first that matches counts."""

    def __init__(self, rules: Sequence[ProcessRule] = ()) -> None:
        self._rules = tuple(rules)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def lookup(self, caller: Caller | None) -> Principal | None:
        """Whom the caller stands for. A rule about programs never matches one whose program cannot be seen."""
        if caller is None:
            return None
        for rule in self._rules:
            if rule.uid is not None and rule.uid != caller.uid:
                continue
            programs = rule.programs
            if programs is None or (caller.program and any(fnmatchcase(caller.program, glob) for glob in programs)):
                return replace(rule.principal, method="process", strength=STRENGTH)
        return None


def is_local(address: str) -> bool:
    """Whether an address is this machine's loopback."""
    try:
        return plain(address).is_loopback
    except ValueError:
        return False


def find_caller(
    peer: tuple[str, int], ours: tuple[str, int], *, programs: bool = True, proc: Path = PROC
) -> Caller | None:
    """Who on this machine made the connection ``peer`` → ``ours`` (address, port); None when it was nobody here.

    ``ours`` is where the caller connected to: of a redirected connection its original destination. The socket table
    names the user id and the inode; ``programs`` also looks for the process that holds the inode. Several processes
    may share a socket: then the program is left open rather than guessed.
    """
    found = _socket(peer, ours, proc)
    if found is None:
        return None
    uid, inode = found
    holders = _holders(inode, proc) if programs else []
    names = {_program(pid, proc) for pid in holders}
    if len(names) == 1 and "" not in names:
        return Caller(uid, holders[0], names.pop())
    return Caller(uid)


def _socket(peer: tuple[str, int], ours: tuple[str, int], proc: Path) -> tuple[int, int] | None:
    """(uid, inode) of the socket that is bound to ``peer`` and connected to ``ours``."""
    tables = proc / "self" / "net"  # it is there too where /proc shows processes and nothing else
    if not tables.is_dir():
        tables = proc / "net"
    for table, write in (("tcp", _hex4), ("tcp6", _hex6)):
        ends = (write(*peer), write(*ours))
        if not all(ends):
            continue
        try:
            with (tables / table).open(encoding="ascii", errors="replace") as lines:
                for line in lines:
                    fields = line.split()
                    if len(fields) > 9 and (fields[1], fields[2], fields[3]) == (*ends, _ESTABLISHED):
                        return int(fields[7]), int(fields[9])
        except (OSError, ValueError):
            continue
    return None


def _words(data: bytes) -> str:
    # The kernel prints each 32-bit word in the machine's own order.
    order = "<" if sys.byteorder == "little" else ">"
    return "".join(f"{word:08X}" for word in struct.unpack(f"{order}{len(data) // 4}I", data))


def _hex4(address: str, port: int) -> str:
    ip = plain(address)
    return f"{_words(ip.packed)}:{port:04X}" if ip.version == 4 else ""


def _hex6(address: str, port: int) -> str:
    ip = plain(address)
    packed = ip.packed if ip.version == 6 else socket.inet_pton(socket.AF_INET6, f"::ffff:{ip}")
    return f"{_words(packed)}:{port:04X}"


def _holders(inode: int, proc: Path) -> list[int]:
    wanted, found = f"socket:[{inode}]", []
    for pid in _numbers(proc, _PIDS_MAX):
        folder = proc / str(pid) / "fd"
        if any(_link(folder / str(fd)) == wanted for fd in _numbers(folder, _FDS_MAX)):
            found.append(pid)
    return found


def _numbers(folder: Path, most: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(folder) if name.isdecimal()][:most]  # noqa: PTH208
    except OSError:
        return []  # another user's process, or one that has ended


def _link(path: Path) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115
    except OSError:
        return ""


def _program(pid: int, proc: Path) -> str:
    exe = proc / str(pid) / "exe"
    program = _link(exe)
    # A path is as its own process sees it: whoever may mount something for himself alone (a user namespace will do)
    # runs any program under any path. So it has to be the file that weir finds there.
    try:
        return program if program and exe.samefile(program) else ""
    except OSError:
        return ""  # deleted since, or out of weir's sight
