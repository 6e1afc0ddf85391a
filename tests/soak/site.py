"""The site of a soak: one real weir with everything on, provider doubles behind it, client processes, and trouble."""

from __future__ import annotations

import json
import os
import random
import signal
import string
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from e2e.support import issue
from harness.canary import CANARIES
from harness.doubles import Doubles
from harness.processes import ROOT, until
from harness.weir import Weir, write_policy
from soak.world import API, METERED, SMALL

__all__ = ["SMALL_TOKENS", "Options", "Site"]

SMALL_TOKENS = 500
_BASE32 = string.ascii_uppercase + "234567"


@dataclass(frozen=True)
class Options:
    """What the command line says. ``rate``: visits a second of all clients; a visit is some two requests."""

    minutes: float = 10.0
    workers: int = 1
    rate: float = 8.0
    clients: int = 2
    visitors: int = 12
    trouble_s: float = 100.0  # between two troubles; a reload and a kill of the ingester take turns
    seed: int = 8
    # KB a minute that a process may grow after warming up: what scans remember fills up for some thousand requests. A
    # connection that stays for ever costs 50 KB and more; one a second is 3 MB a minute.
    slope_kb: float = 2048.0
    processes: int | None = None  # that scan long texts; None: as weir would have it
    upload_kb: int = 4096  # the largest file
    warm_s: float = field(default=-1.0)  # below 0: a third of the time, 20 to 120 s

    @property
    def seconds(self) -> float:
        """How long the load lasts that is measured."""
        return self.minutes * 60

    @property
    def warm(self) -> float:
        """How long the load before it lasts."""
        return self.warm_s if self.warm_s >= 0 else min(120.0, max(20.0, self.seconds / 3))


class Site:
    """Everything that runs, under ``folder``: ``weir/`` is what weir writes, ``private/`` may hold secrets."""

    def __init__(self, folder: Path, options: Options, doubles: Doubles | None = None) -> None:
        self.folder, self.options, self._own = folder, options, doubles is None
        self._chance = random.Random(options.seed)
        for name in ("weir", "private"):
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        self.doubles = doubles or Doubles(folder / "private" / "doubles")
        self._clients: list[tuple[subprocess.Popen[str], Path]] = []
        self.ledgers: list[Path] = []
        self._troubles = 0
        data = folder / "weir" / "data"
        people = [CANARIES.plant(f"{self._word(8)}@soak.example.org", "a person's address") for _ in range(20)]
        secrets = ["AKIA" + "".join(self._chance.choice(_BASE32) for _ in range(16)) for _ in range(20)]
        self.told: dict[str, Any] = {
            "seed": options.seed,
            "upload_kb": options.upload_kb,
            "keys": [issue(data, "--app", f"soak{n}", "--budget", "500/month") for n in range(4)],
            "raw": self.doubles.keys["openai"],
            "people": people,
            "secrets": [CANARIES.plant(one, "an access key in a prompt") for one in secrets],
            "marks": [CANARIES.plant(f"zephyr{self._word(10)}", "a word of a prompt") for _ in range(20)],
        }
        try:
            self.weir = self._start()
        except BaseException:
            self.stop()
            raise
        self.told |= {"host": self.weir.host, "port": self.weir.port, "ca": str(self.weir.ca)}
        self.told |= {"origin_ca": str(self.doubles.ca)}

    def _word(self, length: int) -> str:
        return "".join(self._chance.choice(string.ascii_lowercase) for _ in range(length))

    def _start(self) -> Weir:
        budgets = [
            {"scope": "org", "usd": 50_000, "per": "month"},
            {"scope": "org", "tokens": SMALL_TOKENS, "per": "month", "models": [SMALL]},
            {"scope": "key", "usd": 10_000, "per": "day"},
        ]
        rates = [{"scope": "key", "requests": 1_000_000, "streams": 1000}]
        # A busy machine takes its time for four megabytes: what is looked for here is not speed.
        patience = {"dlp__timeout_ms": 20_000, "limits__hook_timeout_ms": 60_000}
        if self.options.processes is not None:
            patience["dlp__processes"] = self.options.processes
        path = self.folder / "weir" / "policy.yaml"
        policy = write_policy(path, "enforce", budgets=budgets, rates=rates, **patience)
        options = ["--health", "127.0.0.1:0", "--workers", str(self.options.workers), "--drain-s", "20"]
        options += ["--resolve", f"{METERED}:443:127.0.0.1:{self.doubles.tls}"]
        return Weir(
            self.folder / "weir",
            policy,
            self.doubles,
            hosts=(API,),
            environment={f"{kind.upper()}_API_KEY": key for kind, key in self.doubles.keys.items()},
            options=options,
        )

    @property
    def health(self) -> tuple[str, int]:
        """Where weir says how it is."""
        from weir.edge.health.place import told

        return until(lambda: told(self.weir.data / "run"), "weir to say where its health is told")

    def begin(self, seconds: float, rate: float | None = None) -> None:
        """Start the clients."""
        given = {**self.told, "seconds": seconds, "visitors": self.options.visitors}
        given |= {"rate": (rate or self.options.rate) / self.options.clients}
        path = os.pathsep.join([str(ROOT / "addons"), str(ROOT / "tests")])
        for number in range(self.options.clients):
            index = len(self.ledgers)
            ledger = self.folder / "private" / f"ledger-{index}.jsonl"
            self.ledgers.append(ledger)
            errors = self.folder / "private" / f"client-{index}.err"
            with errors.open("wb") as err:
                child = subprocess.Popen(
                    [sys.executable, "-m", "soak.client", str(index), str(ledger)],
                    stdin=subprocess.PIPE,
                    stderr=err,
                    text=True,
                    env={**os.environ, "PYTHONPATH": path},
                )
            assert child.stdin is not None
            child.stdin.write(json.dumps({**given, "seed": self.options.seed * 100 + number}) + "\n")
            child.stdin.close()
            self._clients.append((child, errors))

    @property
    def busy(self) -> bool:
        """Whether a client is still at work."""
        return any(child.poll() is None for child, _ in self._clients)

    def end(self, seconds: float = 120.0) -> list[str]:
        """Let the clients end, and say which did not end well."""
        wrong = []
        for child, errors in self._clients:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
            try:
                code = child.wait(seconds)
            except subprocess.TimeoutExpired:
                child.kill()
                code = child.wait()
            if code:
                said = errors.read_text().strip().splitlines()[-1:] or ["nothing"]
                wrong.append(f"a client ended with {code}, saying {said[0][:200]!r}")
        self._clients.clear()
        return wrong

    def trouble(self, ingester: Callable[[], int | None]) -> str:
        """The next trouble; what was done."""
        self._troubles += 1
        if self._troubles % 2:
            policy = yaml.safe_load(self.weir.policy.read_text())
            policy["budgets"][0]["usd"] = 50_000 + self._troubles
            self.weir.policy.write_text(yaml.safe_dump(policy, sort_keys=False, allow_unicode=True))
            self.weir.reload()
            return "the policy changed"
        pid = ingester()
        if pid is None:
            return "there was no ingester to kill"
        os.kill(pid, signal.SIGKILL)
        return "the ingester was killed"

    def stop(self) -> int:
        """End everything; the exit code of weir."""
        self.end(1)
        code = self.weir.stop(60) if hasattr(self, "weir") else 0
        if self._own:
            self.doubles.stop()
        return code
