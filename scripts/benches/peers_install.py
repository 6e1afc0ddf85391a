"""LiteLLM and Portkey's gateway for `scripts/bench peers`: pinned, each in a folder of its own below build/peers.

Nothing of them comes near weir's own environment. They are installed when first asked for, in a minute or two.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

__all__ = ["LITELLM", "PORTKEY", "litellm", "portkey"]

LITELLM, PORTKEY = "1.106.2", "1.15.2"
# As npm installs it, this gateway answers every stream with 500: it adds headers to what `fetch` returned, which Node
# forbids (its issues 1389 and 1550). With a copy of the reply, whose headers may be changed, it works; that costs
# microseconds.
PRELOAD = """
const fetched = globalThis.fetch, Reply = globalThis.Response;
globalThis.fetch = async (...asked) => {
  const reply = await fetched(...asked);
  return new Reply(reply.body, { status: reply.status, statusText: reply.statusText, headers: reply.headers });
};
"""
CACHE = Path(__file__).resolve().parents[2] / "build" / "peers"


def litellm() -> Path:
    """The program `litellm` of the pinned version. Raises SystemExit when it can't be installed."""
    folder = CACHE / f"litellm-{LITELLM}"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _say(f"installing litellm[proxy] {LITELLM} (700 MB) into {folder}")
        venv.create(folder, with_pip=True)
        python = str(folder / "bin" / "python")
        _run([python, "-m", "pip", "install", "--quiet", f"litellm[proxy]=={LITELLM}"])
        (folder / "whole").touch()
    return folder / "bin" / "litellm"


def portkey() -> list[str]:
    """The command that starts the pinned gateway. Raises SystemExit when it can't be installed."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise SystemExit("bench: Portkey's gateway needs node and npm; install them, or leave it out with --only")
    folder = CACHE / f"portkey-{PORTKEY}"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _say(f"installing @portkey-ai/gateway {PORTKEY} into {folder}")
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev", "--loglevel=error"]
        _run([npm, "install", "--prefix", str(folder), *options, f"@portkey-ai/gateway@{PORTKEY}"])
        (folder / "preload.cjs").write_text(PRELOAD)
        (folder / "whole").touch()
    program = str(folder / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js")
    return [node, "--require", str(folder / "preload.cjs"), program]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}, stdout=sys.stderr)
    if done.returncode:
        raise SystemExit(f"bench: could not install it: {' '.join(command[:4])} … ended with {done.returncode}")


def _say(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)
