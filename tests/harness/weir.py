"""The real ``weir run`` as a test sees it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from .doubles import Doubles
from .processes import PATIENCE_S, ROOT, Process, until
from .stores import begun

__all__ = ["PREPARED", "PROVIDER_HOSTS", "SCAN_MS", "Weir", "share_compiled", "write_policy"]

SCAN_MS = 30_000
PREPARED = Path(__file__).with_name("prepared.py")  # a `program` that runs what `WEIR_TEST_FIRST` says before weir
PROVIDER_HOSTS = ("api.openai.com", "api.anthropic.com", "generativelanguage.googleapis.com")


def write_policy(path: Path, base: str | Mapping[str, Any] = "enforce", **changes: Any) -> Path:
    """Write a policy: ``base`` is the name of one in ``policies/`` or a mapping, ``changes`` replace its sections.

    A section whose change is None is left out. Two underscores reach one level down: ``audit__durability="strict"``.
    Named policies let a scan take as long as a busy machine wants, unless the changes say how long.
    """
    policy: dict[str, Any] = (
        yaml.safe_load((ROOT / "policies" / f"{base}.yaml").read_text()) if isinstance(base, str) else dict(base)
    )
    for name, value in changes.items():
        section, _, inner = name.partition("__")
        if inner:
            policy[section] = {**(policy.get(section) or {}), inner: value}
        elif value is None:
            policy.pop(section, None)
        else:
            policy[section] = value
    if isinstance(base, str) and changes.get("dlp", True) is not None:
        policy["dlp"] = {"timeout_ms": SCAN_MS, **(policy.get("dlp") or {})}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(policy, sort_keys=False, allow_unicode=True))
    return path


def share_compiled(data: Path) -> None:
    """Let this proxy use the patterns that another one of this run has compiled; for that they need the same key."""
    run = os.environ.get("WEIR_TEST_RUN")
    if run is None or (data / "compiled").exists():
        return
    for folder in (data, data / "secrets", shared := Path(run) / "private" / "compiled"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = data / "secrets" / "fingerprint.key"
    if not key.exists():
        with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(hashlib.sha256(run.encode()).digest())
        (data / "compiled").symlink_to(shared)


class Weir:
    """One proxy process under ``folder``: ``data/`` is its store, ``weir.out`` and ``weir.err`` its output.

    Args:
        doubles: where ``hosts`` are sent by ``--resolve``, and whose CA is trusted upstream; None for neither.
        environment: variables more, e.g. the real keys that the policy's ``env:`` secrets name.
        options: more of the command line.
        program: how Python starts the command line; a fault test starts it through its own runner.
    """

    def __init__(
        self,
        folder: Path,
        policy: Path,
        doubles: Doubles | None = None,
        *,
        hosts: Sequence[str] = PROVIDER_HOSTS,
        upstream_port: int | None = None,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        listen: str = "127.0.0.1:0",
        program: Sequence[str] = ("-m", "weir.cli"),
    ) -> None:
        self.folder, self.policy, self.data = folder, policy, folder / "data"
        self._read: dict[str, tuple[int, list[dict[str, Any]]]] = {}  # of each segment: up to where, and its records
        ready_file = folder / "ready.json"
        folder.mkdir(parents=True, exist_ok=True)
        ready_file.unlink(missing_ok=True)
        share_compiled(self.data)
        begun(self.data / "audit")
        arguments = [*program, "run", "--policy", str(policy), "--listen", listen, "--data", str(self.data)]
        arguments += ["--ready-file", str(ready_file)]
        if doubles is not None:
            arguments += ["--upstream-ca", str(doubles.ca)]
            for value in doubles.resolve(*hosts, port=upstream_port):
                arguments += ["--resolve", value]
        self.process = Process("weir", [*arguments, *options], folder, environment)
        try:
            ready = until(lambda: self._ready(ready_file), "weir's ready file")
        except AssertionError as problem:
            self.process.kill()
            raise AssertionError(f"{problem}\n{self.process.tail()}") from None
        self.host, self.port = ready["listen"][0][:2]
        self.url = f"http://{self.host}:{self.port}"

    def _ready(self, path: Path) -> dict[str, Any] | None:
        if not self.process.running:
            raise AssertionError("weir ended at once")
        if not path.exists():
            return None
        try:
            ready: dict[str, Any] = json.loads(path.read_text())
        except ValueError:  # seen in mid-write
            return None
        return ready if ready.get("listen") else None

    @property
    def ca(self) -> Path:
        """The CA file that clients of this proxy trust."""
        return self.data / "ca" / "weir-ca.pem"

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run another weir command on this proxy's data; AssertionError with its output when it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "weir.cli", *arguments, "--data", str(self.data)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(ROOT / "addons")},
        )
        assert not check or done.returncode == 0, f"weir {arguments[0]}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def as_user(self, user: str, password: str) -> str:
        """The proxy URL with credentials in it."""
        return f"http://{user}:{password}@{self.host}:{self.port}"

    def reload(self) -> None:
        """SIGHUP: read the policy again."""
        self.process.signal(signal.SIGHUP)

    def stop(self, seconds: float = PATIENCE_S) -> int:
        """SIGTERM, wait for the drain, return the exit code."""
        return self.process.stop(seconds)

    def kill(self) -> None:
        """``kill -9``, children included."""
        self.process.kill()

    def records(self) -> list[dict[str, Any]]:
        """Every record in the spool, in the order written; a last line still being written is left out.

        Whoever waits asks 50 times a second: what was read before is not read again, and not to be changed by anybody.
        """
        from weir.audit.spool.opened import segments

        return [row for paths in segments(self.data / "spool").values() for path in paths for row in self._rows(path)]

    def _rows(self, path: Path) -> list[dict[str, Any]]:
        from weir.audit.spool.opened import open_segment

        with open_segment(path) as file:
            offset, rows = self._read.get(path.name, (0, []))
            if offset > file.seek(0, os.SEEK_END):  # not the file that was read
                offset, rows = 0, []
            file.seek(offset)
            whole, end, _ = file.read().rpartition(b"\n")
        if end:
            rows = rows + [json.loads(line) for line in whole.split(b"\n") if line]
            self._read[path.name] = (offset + len(whole) + 1, rows)
        return rows

    def until_records(self, wanted: Callable[[list[dict[str, Any]]], bool], what: str) -> list[dict[str, Any]]:
        """Wait until the spool's records are as ``wanted`` says, and return them."""
        return until(lambda: rows if wanted(rows := self.records()) else None, what)

    def sql(
        self, text: str, parameters: Iterable[Any] = (), *, rows: int = 1, seconds: float = PATIENCE_S
    ) -> list[tuple[Any, ...]]:
        """Ask ``audit.duckdb``, again and again until it gives ``rows`` rows or more: the ingester works behind.

        ``rows=0`` asks once. AssertionError with the last answer when they don't come.
        """
        import duckdb

        given = list(parameters)
        last: list[tuple[Any, ...]] | str = "no answer"
        seen: tuple[float, set[tuple[str, int]]] = 0.0, set()  # when it was asked last, and of which files

        def ask() -> tuple[list[tuple[Any, ...]]] | None:
            nonlocal last, seen
            now, files = time.monotonic(), _written(self.data / "audit")
            if files == seen[1] and now < seen[0] + 1:  # a question costs more than to see that nothing has come
                return None
            try:
                with duckdb.connect(str(self.data / "audit" / "audit.duckdb"), read_only=True) as connection:
                    last = connection.execute(text, given).fetchall()
            except (duckdb.IOException, duckdb.CatalogException) as problem:  # not there yet
                last = str(problem)
                return None
            seen = now, files
            return (last,) if len(last) >= rows else None

        try:
            return until(ask, f"{rows} rows of {text}", seconds=seconds, every=0.1)[0]
        except AssertionError as problem:
            raise AssertionError(f"{problem}\nlast answer: {last}\n{self.process.tail(5)}") from None


def _written(folder: Path) -> set[tuple[str, int]]:
    """Every file there and when it was written last."""
    found = set()
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # merged meanwhile
            found.add((str(path), path.stat().st_mtime_ns))
    return found
