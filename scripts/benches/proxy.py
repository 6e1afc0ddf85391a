"""weir with everything on, stock mitmdump, and mitmproxy with minimal addons: same upstream, same load, one run.

`weir strict` waits for the disk before it forwards (policies/enforce.yaml as it is), `weir` is the same policy with
`durability: available`. The first line prints what one commit to this disk costs: no strict audit is faster than that.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from upstream import Nginx, free_port

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
TICK = os.sysconf("SC_CLK_TCK")

MINIMAL = """
import asyncio, sys
from mitmproxy import master
from mitmproxy.addons import core, disable_h2c, errorcheck, next_layer, proxyserver, tlsconfig
from mitmproxy.options import Options

async def main():
    options = Options(mode=["regular"], listen_host="127.0.0.1", listen_port=int(sys.argv[1]), confdir=sys.argv[2],
                      ssl_verify_upstream_trusted_ca=sys.argv[3])
    m = master.Master(options)
    m._legacy_log_events.uninstall()
    m.addons.add(core.Core(), proxyserver.Proxyserver(), next_layer.NextLayer(), tlsconfig.TlsConfig(),
                 disable_h2c.DisableH2C(), errorcheck.ErrorCheck())
    m.options.update(connection_strategy="lazy")
    await m.run()

asyncio.run(main())
"""


class Contender:
    """One proxy process: how it starts, and the CPU time it and its children have used."""

    def __init__(self, name: str, command: list[str], port: int, ca: Path, folder: Path) -> None:
        self.name, self.port, self.ca = name, port, ca
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "addons"), "OPENAI_API_KEY": "bench-key"}
        log = (folder / f"{name}.log").open("wb")
        self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder)
        deadline = time.monotonic() + 30
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"bench: {name} did not start; see {log.name}")
            time.sleep(0.1)
        time.sleep(1.0)  # its own start-up work must not count

    def _answers(self) -> bool:
        import socket

        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0 and self.ca.exists()

    def cpu_s(self) -> float:
        """User and system seconds of the process and its living children so far."""
        total = 0.0
        for pid in [self.process.pid, *_children(self.process.pid)]:
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            total += (int(fields[11]) + int(fields[12])) / TICK
        return total

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def _children(pid: int) -> list[int]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(child) for child in listed]


def contenders(folder: Path, nginx: Nginx) -> list[Contender]:
    """The three, each with its own CA."""
    python, ports = sys.executable, [free_port() for _ in range(4)]
    policy = folder / "policy.yaml"
    text = (ROOT / "policies" / "enforce.yaml").read_text()
    text += "\ndestinations: {private: allow}\n"  # the upstream is on this machine
    policy.write_text(text)
    (folder / "minimal.py").write_text(MINIMAL)
    available = folder / "available.yaml"
    available.write_text(text.replace("durability: strict", "durability: available"))

    def weir(policy: Path, port: int, data: str) -> list[str]:
        command = [python, "-m", "weir.cli", "run", "--policy", str(policy), "--listen", f"127.0.0.1:{port}"]
        return [*command, "--data", str(folder / data), "--upstream-ca", str(nginx.ca)]

    mitmdump = str(Path(python).parent / "mitmdump")
    stock = [mitmdump, "--listen-host", "127.0.0.1", "--listen-port", str(ports[1])]
    stock += ["--set", f"confdir={folder / 'stock'}", "--set", f"ssl_verify_upstream_trusted_ca={nginx.ca}"]
    minimal = [python, "minimal.py", str(ports[2]), str(folder / "minimal"), str(nginx.ca)]
    made, ours = "mitmproxy-ca-cert.pem", Path("ca") / "weir-ca.pem"
    return [
        Contender("weir strict", weir(policy, ports[0], "strict"), ports[0], folder / "strict" / ours, folder),
        Contender("weir", weir(available, ports[3], "available"), ports[3], folder / "available" / ours, folder),
        Contender("stock", stock, ports[1], folder / "stock" / made, folder),
        Contender("minimal", minimal, ports[2], folder / "minimal" / made, folder),
    ]


def measure(
    nginx: Nginx, contender: Contender | None, seed: int, *extra: str, stream: bool = False
) -> dict[str, float]:
    """One run of the load generator; `cpu_ms` is the contender's CPU per request."""
    target = f"127.0.0.1:{nginx.stream_port if stream else nginx.port}"
    command = [sys.executable, str(HERE / "load.py"), "--target", target, "--seed", str(seed), *extra]
    command += ["--ca", str(contender.ca if contender else nginx.ca)]
    if contender:
        command += ["--proxy", f"127.0.0.1:{contender.port}"]
    if stream:
        command += ["--stream"]
    before = contender.cpu_s() if contender else 0.0
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise SystemExit(
            f"bench: load against {contender.name if contender else 'nginx'} failed:\n{done.stderr[-2000:]}"
        )
    figures: dict[str, float] = json.loads(done.stdout)
    figures["cpu_ms"] = ((contender.cpu_s() if contender else 0.0) - before) * 1e3 / figures["requests"]
    return figures


CASES = (
    ("16 keep-alive", ["--connections", "16", "--requests", "4000"], False),
    ("1 connection", ["--connections", "1", "--requests", "1500"], False),
    ("new connection", ["--connections", "4", "--requests", "400", "--new-connections"], False),
    ("1 connection, SSE", ["--connections", "1", "--requests", "600"], True),
)


def main() -> int:
    """Run all cases and print one table a case, with ratios to stock mitmdump."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=110)
    folder = Path(tempfile.mkdtemp(prefix="weir-bench-"))
    nginx = Nginx(folder / "nginx")
    running: list[Contender] = []
    try:
        console.print(_machine(folder))
        running = contenders(folder, nginx)
        for seed, (title, extra, stream) in enumerate(CASES):
            rows: dict[str, dict[str, float]] = {"direct": measure(nginx, None, 100 + seed, *extra, stream=stream)}
            for contender in running:
                warm = ["--connections", "4", "--requests", "100"]
                measure(nginx, contender, 10_000 + seed, *warm, stream=stream)
                rows[contender.name] = measure(nginx, contender, 200 + seed, *extra, stream=stream)
            _print(console, Table, title, rows, stream)
    finally:
        for contender in running:
            contender.stop()
        nginx.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _machine(folder: Path) -> str:
    """Python, mitmproxy, cores, and the milliseconds of a 1 KB append with fdatasync."""
    import platform
    from importlib.metadata import version

    times = []
    with (folder / "disk").open("ab", buffering=0) as file:
        for _ in range(200):
            begun = time.perf_counter()
            file.write(b"x" * 1000)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begun) * 1e3)
    times.sort()
    return (
        f"Python {platform.python_version()}, mitmproxy {version('mitmproxy')}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}; one commit to disk: p50 {times[100]:.2f} ms, p99 {times[197]:.2f} ms"
    )


def _print(console, table_class, title: str, rows: dict[str, dict[str, float]], stream: bool) -> None:  # type: ignore[no-untyped-def]
    table = table_class(title=title)
    for column in ("", "requests/s", "× stock", "CPU ms/request", "p50 ms", "p99 ms", "added p50", "added p99"):
        table.add_column(column, justify="left" if not column else "right")
    key = "first" if stream else ""
    p50, p99 = (f"{key}_p50_ms", f"{key}_p99_ms") if stream else ("p50_ms", "p99_ms")
    direct, stock = rows["direct"], rows.get("stock", rows["direct"])
    for name, row in rows.items():
        table.add_row(
            name,
            f"{row['rate']:.0f}",
            f"{row['rate'] / stock['rate']:.2f}",
            f"{row['cpu_ms']:.2f}" if name != "direct" else "",
            f"{row[p50]:.2f}",
            f"{row[p99]:.2f}",
            f"{row[p50] - direct[p50]:+.2f}" if name != "direct" else "",
            f"{row[p99] - direct[p99]:+.2f}" if name != "direct" else "",
        )
    console.print(table)
    if stream:
        console.print("p50 and p99 are the time to the first byte of the stream")


if __name__ == "__main__":
    sys.exit(main())
