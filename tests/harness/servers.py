"""Real PostgreSQL and Redis servers for tests: on loopback, on a free port, in a folder of their own.

They are started as themselves and not by a service manager, and end with the process that started them at the latest.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.canary import assert_no_canaries
from harness.processes import until

__all__ = ["Server", "postgresql_server", "redis_server"]


class Server:
    """A server that can be stopped and started again, on the same port and data."""

    def __init__(
        self, command: list[str], port: int, url: str, folder: Path, ready: Callable[[], bool] = lambda: True
    ) -> None:
        self.url, self._command, self._port, self._folder, self._ready = url, command, port, folder, ready
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        with (self._folder / "log").open("ab") as log:
            self._child = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self._folder)
        until(self._listens, f"{self._command[-1]} to listen\n{self._said()}", seconds=30)

    def stop(self) -> None:
        """Stop it, whatever its clients are doing."""
        if self._child:
            self._child.send_signal(2)  # PostgreSQL: a fast shutdown; SIGTERM would wait for its clients
            try:
                self._child.wait(20)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait(10)
            self._child = None

    def _listens(self) -> bool:
        if self._child and self._child.poll() is not None:
            raise AssertionError(f"the server ended at once\n{self._said()}")
        try:
            socket.create_connection(("127.0.0.1", self._port), 0.5).close()
        except OSError:
            return False
        return self._ready()  # PostgreSQL listens before it lets anyone in

    def _said(self) -> str:
        return (self._folder / "log").read_text(errors="replace")[-2000:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _programs() -> Path:
    """Where Debian keeps PostgreSQL's own programs, of the newest version that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("postgres")
    if on_path:
        return Path(on_path).resolve().parent
    assert found, "no PostgreSQL server is installed (package postgresql)"
    return found[-1].parent


@contextmanager
def _folder(owner: str = "") -> Iterator[Path]:
    # Not in the run's folder: that is closed to the account the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="weir-server-"))
    try:
        if owner:
            shutil.chown(folder, owner, pwd.getpwnam(owner).pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgresql_server() -> Iterator[Server]:
    """A PostgreSQL with a password, which its URL holds. What it has on disk at the end is searched for canaries."""
    # PostgreSQL refuses to run as root: then it runs as the account its package made.
    owner = "postgres" if os.geteuid() == 0 else ""
    user = pwd.getpwnam(owner) if owner else None
    switch = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"] if user else []
    programs, port, password = _programs(), _free_port(), secrets.token_hex(16)
    with _folder(owner) as folder:
        given = folder / "password"
        given.write_text(password)
        if owner:
            shutil.chown(given, owner)
        data = str(folder / "data")
        # No waiting for the disk: a test's data need not outlive the machine.
        made = [str(programs / "initdb"), "-D", data, "-U", "weir", "-A", "scram-sha-256", "--no-sync"]
        made += ["-E", "UTF8", "--locale=C", f"--pwfile={given}"]
        subprocess.run(["setpriv", *switch, "--", *made], check=True, capture_output=True, cwd=folder)
        settings = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": ""}
        settings |= {"fsync": "off", "max_connections": "60", "shared_buffers": "16MB"}
        run = [str(programs / "postgres"), "-D", data, *(f"--{name}={value}" for name, value in settings.items())]
        command = ["setpriv", "--pdeathsig=INT", *switch, "--", *run]
        url = f"postgresql://weir:{password}@127.0.0.1:{port}/postgres"
        asks = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        server = Server(command, port, url, folder, lambda: subprocess.run(asks, check=False).returncode == 0)
        try:
            server.start()
            yield server
        finally:
            server.stop()
        assert assert_no_canaries([folder / "data"]) > 100  # tables, indexes and write-ahead log


@contextmanager
def redis_server() -> Iterator[Server]:
    """A Redis that keeps nothing on disk, with a password, which its URL holds."""
    port, password = _free_port(), secrets.token_hex(16)
    with _folder() as folder:
        given = folder / "redis.conf"
        lines = ("bind 127.0.0.1", f"port {port}", f"requirepass {password}", 'save ""', f"dir {folder}")
        given.write_text("\n".join(lines) + "\n")
        command = ["setpriv", "--pdeathsig=INT", "--", "redis-server", str(given)]
        server = Server(command, port, f"redis://:{password}@127.0.0.1:{port}/0", folder)
        try:
            server.start()
            yield server
        finally:
            server.stop()
