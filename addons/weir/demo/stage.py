"""What the demo plays on: the provider doubles and a real ``weir run``, both as processes, and weir's own commands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import weir
from weir.demo.policy import policy_for
from weir.demo.upstream import Upstream
from weir.places import policy_path

__all__ = ["BUDGETS", "LAB", "ORDERS", "PILOT", "RESOLVED", "Child", "Stage", "Trouble", "until"]

# The hosts that the scenes call. Their names stay real all the way: only the address behind them is the doubles'.
LAB, ORDERS = "inference.lab.example", "api.orders.example"  # in no catalogue: a model server, an ordinary API
PILOT = "pilot"
# A tenth of a cent a day: room for the cheap model's 200 tokens, not for the dear one's, nor for a thousand of either.
BUDGETS: Mapping[str, Any] = {PILOT: {"budget": {"usd": 0.001, "per": "day", "downgrade": {"gpt-5": "gpt-5-mini"}}}}
RESOLVED = (
    "api.openai.com",
    "api.anthropic.com",
    "generativelanguage.googleapis.com",
    "api.deepseek.com",
    "chat.deepseek.com",
    LAB,
    ORDERS,
)
# Where policies/enforce.yaml looks for the real keys, by the kind of double that accepts each.
_KEY_VARIABLES = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "gemini": "GEMINI_API_KEY"}
_START_S = 15.0
_STOP_S = 8.0
_COMMAND_S = 15.0


class Trouble(Exception):
    """The demo cannot go on. The message is one line that says why, without content."""


def until[T](ask: Callable[[], T | None], seconds: float, every: float = 0.02) -> T | None:
    """Poll ``ask`` until it gives something true and return that; None when ``seconds`` have passed."""
    deadline = time.monotonic() + seconds
    while True:
        value = ask()
        if value or time.monotonic() > deadline:
            return value or None
        time.sleep(every)


class Child:
    """``python -m MODULE …`` as a process of its own session, its output in ``folder/NAME.out`` and ``NAME.err``."""

    def __init__(self, name: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._stopped = False
        self.name, self.stdout, self._stderr = name, folder / f"{name}.out", folder / f"{name}.err"
        with self.stdout.open("wb") as out, self._stderr.open("wb") as err:
            # A session of its own: Ctrl-C reaches the demo alone, which then ends its children in their order.
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                env=dict(environment),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process's id, which is its group's too."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """False once it has ended."""
        return self._process.poll() is None

    def last_words(self) -> str:
        """The last line it wrote to stderr, shortened; "" when there is none."""
        lines = self._stderr.read_text("utf-8", "replace").split("\n")
        return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")

    def wait_for[T](self, ask: Callable[[], T | None]) -> T:
        """Poll ``ask`` while the process starts. Raises Trouble when it ends instead, or takes too long."""
        found = until(lambda: (ask(),) if (self.running and ask()) or not self.running else None, _START_S)
        value = found[0] if found else None
        if value is None:
            why = "took too long to start" if self.running else "ended at once"
            raise Trouble(f"{self.name} {why}: {self.last_words() or 'it said nothing'}")
        return value

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for what is still there of its session after some seconds. Safe to call twice."""
        if self._stopped:
            return
        try:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_S)
        finally:  # also when somebody presses Ctrl-C once more
            self._stopped = True
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)  # whatever it started: the group has its id
            self._process.wait(_STOP_S)
            if self._process.stdin:
                self._process.stdin.close()


class Stage:
    """Doubles and weir, running between ``with`` and its end. Raises Trouble when they can't be started.

    ``data`` is weir's data directory and stays; None for one that goes with everything else.
    """

    def __init__(self, data: Path | None) -> None:
        self._given = data
        self._end = ExitStack()
        self._environment = _environment()
        self.proxy = ""

    def __enter__(self) -> Self:
        try:
            self._folder = Path(self._end.enter_context(tempfile.TemporaryDirectory(prefix="weir-demo-")))
            self.data = (self._given or self._folder / "data").absolute()
            self.policy, self.added = policy_for(policy_path("enforce"), LAB, ORDERS, BUDGETS, self._folder)
            self._doubles = self._start("doubles", "weir.demo.doubles", "--dir", str(self._folder / "doubles"))
            return self
        except BaseException:
            self._end.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End weir, then the doubles, then the temporary folder."""
        self._end.close()

    @property
    def ca(self) -> Path:
        """The certificate that clients of this weir trust."""
        return self.data / "ca" / "weir-ca.pem"

    def _start(self, name: str, *arguments: str, **environment: str) -> Child:
        child = Child(name, arguments, self._folder, {**self._environment, **environment})
        self._end.callback(child.stop)
        return child

    def open_doubles(self) -> None:
        """Wait for the doubles and take over their keys, which are the real ones as far as the demo goes."""
        ready = self._doubles.wait_for(lambda: _first_line(self._doubles.stdout))
        self.upstream = Upstream(ready["control"])
        self.upstream_ca = Path(ready["ca"])
        self.real_keys: dict[str, str] = json.loads(Path(ready["keys"]).read_bytes())
        self._port = int(ready["tls"])

    def open_weir(self) -> None:
        """Start ``weir run`` with the real keys in its environment alone; ``await_weir`` waits for it."""
        self._ready_file = self._folder / "ready.json"
        arguments = ["run", "--policy", str(self.policy), "--listen", "127.0.0.1:0", "--data", str(self.data)]
        arguments += ["--upstream-ca", str(self.upstream_ca), "--drain-s", "2", "--ready-file", str(self._ready_file)]
        for host in RESOLVED:
            arguments += ["--resolve", f"{host}:443:127.0.0.1:{self._port}"]
        keys = {variable: self.real_keys[kind] for kind, variable in _KEY_VARIABLES.items()}
        self._weir = self._start("weir", "weir.demo.tether", "weir.cli", *arguments, **keys)

    def await_weir(self) -> None:
        """Wait until weir listens; from then on ``proxy`` is its address."""
        ready = self._weir.wait_for(lambda: _first_line(self._ready_file))
        host, port = ready["listen"][0][:2]
        self.proxy = f"http://{host}:{port}"

    def command(self, *arguments: str) -> str:
        """Run another weir command on the same data; its stdout, stripped. Raises Trouble when it fails."""
        try:
            done = subprocess.run(
                [sys.executable, "-m", "weir.cli", *arguments, "--data", str(self.data)],
                capture_output=True,
                text=True,
                timeout=_COMMAND_S,
                env=self._environment,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise Trouble(f"weir {arguments[0]} did not end within {_COMMAND_S:.0f} s") from None
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise Trouble(f"weir {arguments[0]} failed: {said[-1] if said else 'it said nothing'}")
        return done.stdout.strip()


def _first_line(path: Path) -> dict[str, Any] | None:
    """The JSON object that stands there, None while it is not whole."""
    try:
        value = json.loads(path.read_text("utf-8").partition("\n")[0])
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) and value else None


def _environment() -> dict[str, str]:
    """The environment of the children: this one, less what would lead them astray, and able to import this weir."""
    kept = {name: value for name, value in os.environ.items() if name not in _KEY_VARIABLES.values()}
    kept.pop("WEIR_DOUBLES_KEYS", None)
    kept["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(Path(weir.__file__).resolve().parents[1]), kept.get("PYTHONPATH", "")])
    )
    return kept
