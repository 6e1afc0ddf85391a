"""The contenders of `scripts/bench peers`: how each is started and spoken to, and what its processes use."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import peers_install
from peers_upstream import PeersNginx
from proxy import MINIMAL, ROOT
from upstream import free_port

__all__ = ["NAMES", "Contender", "Usage", "start", "usage_of"]

TICK, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
START_S = 120.0  # LiteLLM's imports take long on a busy machine
LITELLM_KEY = "sk-bench-litellm"


@dataclass
class Usage:
    """Of some processes and all their descendants: CPU seconds so far, resident bytes now, those of the largest."""

    cpu_s: float = 0.0
    rss: int = 0
    largest: int = 0
    processes: int = 0


@dataclass
class Contender:
    """What the load generator has to know, and the process; `nginx` itself has none of its own."""

    name: str
    process: subprocess.Popen[bytes] | None
    target: Callable[[bool], str]  # HOST:PORT by whether the reply streams
    proxy: str = ""
    ca: str = ""
    key: str = "bench-key"
    headers: Callable[[bool], list[str]] = field(default=lambda stream: [])

    def load_arguments(self, stream: bool) -> list[str]:
        """For peers_load.py."""
        arguments = ["--target", self.target(stream), "--proxy", self.proxy, "--ca", self.ca]
        for header in self.headers(stream):
            arguments += ["--header", header]
        return arguments

    def usage(self) -> Usage:
        """Of the contender's processes."""
        return usage_of([self.process.pid] if self.process else [])

    def stop(self) -> None:
        """End it: its own way first, then by force with all that it started."""
        if self.process is None or self.process.poll() is not None:
            return
        family = _family(self.process.pid)
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        for pid, born in family.items():
            if _born(pid) == born:
                os.kill(pid, signal.SIGKILL)


def _stat(pid: int) -> list[str]:
    """What /proc says after the name. Raises OSError when the process is gone."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _born(pid: int) -> str:
    try:
        return _stat(pid)[19]
    except OSError:
        return ""


def _family(pid: int) -> dict[int, str]:
    """All descendants and when they were born (so that a number given again is not taken for them)."""
    found: dict[int, str] = {}
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                children = [int(child) for child in task.read_text().split()]
            except OSError:
                continue
            waiting += children
            found |= {child: _born(child) for child in children}
    return found


def usage_of(roots: list[int]) -> Usage:
    """CPU and memory of the processes, their descendants, and (CPU) of those that have ended and were waited for."""
    total = Usage()
    for pid in [pid for root in roots for pid in (root, *_family(root))]:
        try:
            fields = _stat(pid)
        except OSError:
            continue
        rss = int(fields[21]) * PAGE
        total.cpu_s += sum(int(field) for field in fields[11:15]) / TICK
        total.rss, total.largest = total.rss + rss, max(total.largest, rss)
        total.processes += 1
    return total


class Starter:
    """Starts contenders in `folder`, towards `nginx`."""

    def __init__(self, folder: Path, nginx: PeersNginx) -> None:
        self.folder, self.nginx = folder, nginx
        self.direct = lambda stream: f"127.0.0.1:{nginx.stream_port if stream else nginx.port}"

    def _run(self, name: str, command: list[str], port: int, **environment: str) -> subprocess.Popen[bytes]:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        with (folder / "log").open("wb") as log:
            settings = {**os.environ, **environment}
            process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=settings, cwd=folder
            )
        deadline = time.monotonic() + START_S
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise RuntimeError(f"{name} did not start: {(folder / 'log').read_text()[-1500:]}")
            time.sleep(0.2)
        return process

    def nginx_itself(self, name: str) -> Contender:
        """What the others' times are compared with."""
        return Contender(name, None, self.direct, ca=str(self.nginx.ca))

    def weir(self, name: str) -> Contender:
        """policies/enforce.yaml, a virtual key with a budget; `strict` and the number of workers are in the name."""
        port, folder = free_port(), self.folder / name
        folder.mkdir()
        policy, data = folder / "policy.yaml", str(folder / "data")
        text = (ROOT / "policies" / "enforce.yaml").read_text()
        if "strict" not in name:
            text = text.replace("durability: strict", "durability: available")
        policy.write_text(text + "\ndestinations: {private: allow}\n")  # the upstream is on this machine
        environment = {"PYTHONPATH": str(ROOT / "addons"), "OPENAI_API_KEY": "bench-key"}
        base = [sys.executable, "-m", "weir.cli"]
        create = [*base, "keys", "create", "--app", "bench", "--team", "bench", "--services", "openai"]
        create += ["--budget", "1000000/month", "--policy", str(policy), "--data", data]
        made = subprocess.run(create, capture_output=True, text=True, env={**os.environ, **environment}, cwd=folder)
        if made.returncode:
            raise RuntimeError(f"{name} gave no virtual key: {made.stderr[-1000:]}")
        command = [*base, "run", "--policy", str(policy), "--listen", f"127.0.0.1:{port}", "--data", data]
        command += ["--upstream-ca", str(self.nginx.ca), "--workers", name[-1] if name[-1].isdigit() else "1"]
        process = self._run(name, command, port, **environment)
        ca = folder / "data" / "ca" / "weir-ca.pem"
        return Contender(name, process, self.direct, f"127.0.0.1:{port}", str(ca), made.stdout.strip())

    def mitmproxy(self, name: str) -> Contender:
        """`stock` is mitmdump as it comes, `minimal` the addons without which nothing passes."""
        port, folder = free_port(), self.folder / name
        folder.mkdir()
        if name == "minimal":
            (folder / "minimal.py").write_text(MINIMAL)
            command = [sys.executable, "minimal.py", str(port), str(folder / "conf"), str(self.nginx.ca)]
        else:
            command = [str(Path(sys.executable).parent / "mitmdump"), "--listen-host", "127.0.0.1"]
            command += ["--listen-port", str(port), "--set", f"confdir={folder / 'conf'}"]
            command += ["--set", f"ssl_verify_upstream_trusted_ca={self.nginx.ca}"]
        process = self._run(name, command, port)
        ca = folder / "conf" / "mitmproxy-ca-cert.pem"
        return Contender(name, process, self.direct, f"127.0.0.1:{port}", str(ca))

    def litellm(self, name: str) -> Contender:
        """Its proxy with a master key and without a database (so no keys, budgets or spend logs of its own)."""
        program, port, folder = peers_install.litellm(), free_port(), self.folder / name
        folder.mkdir()
        models = []
        for model, at in (("gpt-4o-mini", self.nginx.port), ("gpt-4o", self.nginx.stream_port)):
            base = {"api_base": f"https://127.0.0.1:{at}/v1", "api_key": "bench-key"}
            models.append({"model_name": model, "litellm_params": {"model": f"openai/{model}", **base}})
        settings = {"model_list": models, "general_settings": {"master_key": LITELLM_KEY}}
        (folder / "config.yaml").write_text(json.dumps(settings))  # JSON is YAML
        command = [str(program), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--num_workers", name[-1] if name[-1].isdigit() else "1"]
        environment = {"SSL_CERT_FILE": str(self.nginx.ca), "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR"}
        environment |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "127.0.0.1"}
        process = self._run(name, command, port, **environment)
        return Contender(name, process, lambda stream: f"127.0.0.1:{port}", key=LITELLM_KEY)

    def portkey(self, name: str) -> Contender:
        """The gateway as it is started from npm; where to go stands in each request's headers."""
        command, port = peers_install.portkey(), free_port()
        environment = {"NODE_EXTRA_CA_CERTS": str(self.nginx.ca), "NODE_ENV": "production"}
        process = self._run(name, [*command, f"--port={port}", "--headless"], port, **environment)

        def headers(stream: bool) -> list[str]:
            return ["x-portkey-provider: openai", f"x-portkey-custom-host: https://{self.direct(stream)}/v1"]

        return Contender(name, process, lambda stream: f"127.0.0.1:{port}", headers=headers)


def _answers(port: int) -> bool:
    """Whether HTTP is spoken there: any answer will do."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/", headers={"Connection": "close"})
        connection.getresponse().read(1)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


HOW: dict[str, Callable[[Starter, str], Contender]] = {
    "nginx": Starter.nginx_itself,
    "minimal": Starter.mitmproxy,
    "stock": Starter.mitmproxy,
    "weir": Starter.weir,
    "weir-strict": Starter.weir,
    "weir-2": Starter.weir,
    "litellm": Starter.litellm,
    "litellm-2": Starter.litellm,
    "portkey": Starter.portkey,
}
NAMES = list(HOW)


def start(name: str, folder: Path, nginx: PeersNginx) -> Contender:
    """The contender of that name, ready to be asked. Raises RuntimeError with the end of its log."""
    return HOW[name](Starter(folder, nginx), name)
