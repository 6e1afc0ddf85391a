"""A loopback connection's process, from a made-up /proc and from the real one."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from weir.identity.processes import Caller, Processes, ProcessRule, find_caller, is_local
from weir.model import Principal

BOT = Principal(app="report-bot", team="finance")
PEER, OURS = ("127.0.0.1", 40_000), ("127.0.0.1", 8080)
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ROW = (
    "   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000  {uid}        0 {inode} 1 0 20 4 30 10 -1\n"
)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Two processes: 10 holds the client's end (inode 77), 11 weir's own (inode 78). Little-endian words."""
    if sys.byteorder != "little":
        pytest.fail("this table is written in the order of a little-endian machine")
    (tmp_path / "net").mkdir()
    rows = [
        ROW.format(local="0100007F:9C40", remote="0100007F:1F90", state="01", uid=1000, inode=77),
        ROW.format(local="0100007F:1F90", remote="0100007F:9C40", state="01", uid=0, inode=78),
        ROW.format(local="0100007F:9C41", remote="0100007F:1F90", state="06", uid=1000, inode=0),
        "damaged\n",
    ]
    (tmp_path / "net" / "tcp").write_text(HEAD + "".join(rows))
    v6 = "00000000000000000000000001000000"
    row6 = ROW.format(local=f"{v6}:9C40", remote=f"{v6}:1F90", state="01", uid=1001, inode=79)
    (tmp_path / "net" / "tcp6").write_text(HEAD + row6)
    hold(tmp_path, 10, 77, program(tmp_path, "report-bot"))
    hold(tmp_path, 11, 78, program(tmp_path, "weir"))
    return tmp_path


def program(proc: Path, name: str) -> str:
    made = proc / "bin" / name
    made.parent.mkdir(exist_ok=True)
    made.touch()
    return str(made)


def hold(proc: Path, pid: int, inode: int, exe: str) -> None:
    (proc / str(pid) / "fd").mkdir(parents=True)
    (proc / str(pid) / "exe").symlink_to(exe)
    (proc / str(pid) / "fd" / "0").symlink_to("/dev/null")
    (proc / str(pid) / "fd" / "3").symlink_to(f"socket:[{inode}]")


def test_the_clients_end_is_found_and_not_ours(proc: Path) -> None:
    bot = Caller(1000, 10, program(proc, "report-bot"))
    assert find_caller(PEER, OURS, proc=proc) == bot
    assert find_caller(PEER, OURS, programs=False, proc=proc) == Caller(1000)
    assert find_caller(("::ffff:127.0.0.1", 40_000), OURS, proc=proc) == bot
    assert find_caller(("::1", 40_000), ("::1", 8080), proc=proc) == Caller(1001)  # its process cannot be seen


def test_what_is_not_there_is_unknown(proc: Path) -> None:
    assert find_caller(("127.0.0.1", 40_001), OURS, proc=proc) is None  # being closed
    assert find_caller(("127.0.0.1", 40_002), OURS, proc=proc) is None
    assert find_caller(("10.0.0.1", 40_000), OURS, proc=proc) is None
    assert find_caller(PEER, ("10.0.0.1", 8080), proc=proc) is None
    assert find_caller(PEER, OURS, proc=proc / "nowhere") is None


def test_a_shared_socket_or_a_replaced_program_names_no_program(proc: Path) -> None:
    hold(proc, 12, 77, program(proc, "other"))
    assert find_caller(PEER, OURS, proc=proc) == Caller(1000)
    hold(proc, 13, 79, f"{proc}/bin/updated (deleted)")
    assert find_caller(("::1", 40_000), ("::1", 8080), proc=proc) == Caller(1001)


def test_a_path_that_is_only_so_for_the_process_itself_names_no_program(
    proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In a mount namespace of its own any file stands where its owner likes, and the kernel tells that path. Here the
    # link says one thing, and following it, as the kernel does to the very file, leads to another.
    bot, other = program(proc, "report-bot"), Path(program(proc, "other"))
    follow = Path.stat
    exe = proc / "10" / "exe"
    monkeypatch.setattr(Path, "stat", lambda self, **how: follow(other if self == exe else self, **how))
    assert os.readlink(exe) == bot and find_caller(PEER, OURS, proc=proc) == Caller(1000)  # noqa: PTH115


@pytest.mark.parametrize(
    ("caller", "app"),
    [
        (Caller(1000, 10, "/usr/bin/report-bot"), "report-bot"),
        (Caller(1001, 10, "/usr/bin/report-bot"), "any"),
        (Caller(1000, 10, "/opt/x"), "user"),
        (Caller(1000), "user"),
        (Caller(1001), None),
        (Caller(1001, 10, "/opt/usr/bin/report-bot"), None),
        (None, None),
    ],
)
def test_the_first_rule_that_matches_counts(caller: Caller | None, app: str | None) -> None:
    processes = Processes(
        [
            ProcessRule(1000, ("/usr/bin/*",), BOT),
            ProcessRule(None, ("/usr/bin/*",), Principal(app="any")),
            ProcessRule(1000, None, Principal(app="user")),
        ]
    )
    found = processes.lookup(caller)
    assert (found.app if found else None) == app
    assert found is None or (found.method, found.strength) == ("process", 2)
    assert processes and not Processes()


def test_a_real_open_connection_is_this_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        held, _ = server.accept()
        with held:
            found = find_caller(client.getsockname(), server.getsockname())
    assert found == Caller(os.getuid(), os.getpid(), str(Path(sys.executable).resolve()))


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_loopback(address: str, local: bool) -> None:
    assert is_local(address) is local
