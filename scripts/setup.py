"""Make or update .venv from requirements.lock: for one process at a time, safe to interrupt, quiet but for one line.

Standard library only: nothing is installed yet. A start finds .venv ready when ``.venv/weir.lock`` equals
``requirements.lock``; that copy is written last. ``.venv/weir.unfinished`` says that a set-up was cut short: packages
may be half there, so the next one starts from nothing.
"""

import fcntl
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "weir.lock"
UNFINISHED = VENV / "weir.unfinished"
PYTHON = VENV / "bin" / "python"
LOG_LINES = 15
FETCH_S = 300

# A path file instead of an installation: no build, no package index, and edits to the checkout take effect at once.
# The first line is sh's: a shebang cannot hold a path with blanks, or a long one.
ENTRY = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys
from weir.cli import main
sys.exit(main())
"""


def say(text):
    print(f"weir: {text}", file=sys.stderr, flush=True)


def usable():
    """True when .venv holds a Python that runs, is new enough, and no set-up was cut short in it."""
    if UNFINISHED.exists() or not PYTHON.exists():
        return False
    check = "import sys, pip; sys.exit(sys.version_info < (3, 12))"
    return subprocess.run([PYTHON, "-c", check], capture_output=True, check=False).returncode == 0


def install(log, held):
    """Install the locked packages, by hash. Output goes to ``log``."""
    # --no-deps: the lock is complete, and a dependency that isn't in it must not come in by the back door.
    command = [PYTHON, "-m", "pip", "install", "--require-hashes", "--no-deps", "--disable-pip-version-check"]
    # pip inherits the lock: should this process be killed, the next set-up still waits until pip has let go of .venv.
    done = subprocess.run([*command, "-r", LOCK], stdout=log, stderr=log, check=False, pass_fds=(held.fileno(),))
    return done.returncode == 0


def link_checkout():
    """Make ``import weir`` and ``.venv/bin/weir`` mean this checkout."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.run([PYTHON, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    Path(packages, "weir-checkout.pth").write_text(f"{ROOT / 'addons'}\n")
    entry = VENV / "bin" / "weir"
    entry.write_text(ENTRY.format(python=PYTHON))
    entry.chmod(0o755)


def fetch_tokenizers():
    """Without the vocabularies weir works and says ``estimated``: worth a line, not a failure."""
    command = [PYTHON, "-m", "weir.cli", "tokenizers", "fetch"]
    try:
        fetched = subprocess.run(command, capture_output=True, check=False, timeout=FETCH_S).returncode == 0
    except subprocess.TimeoutExpired:
        fetched = False
    if not fetched:
        say("no tokenizer vocabularies: token counts will be estimates (later: scripts/weir tokenizers fetch)")


def set_up(held):
    """Everything, under the lock. Returns the exit code."""
    first = not usable()
    say("first start: setting up .venv, a few minutes" if first else "requirements changed: updating .venv")
    if first:
        venv.create(VENV, clear=True, with_pip=True, symlinks=True)
    wanted = LOCK.read_bytes()
    UNFINISHED.touch()
    log_path = VENV / "setup.log"
    with log_path.open("w") as log:
        installed = install(log, held)
    if not installed:
        sys.stderr.write("\n".join(log_path.read_text().splitlines()[-LOG_LINES:]) + "\n")
        say(f"the packages could not be installed; all of it is in {log_path.relative_to(ROOT)}")
        return 1
    link_checkout()
    fetch_tokenizers()
    UNFINISHED.unlink()
    fresh = STAMP.with_suffix(".new")
    fresh.write_bytes(wanted)
    fresh.replace(STAMP)
    return 0


def main():
    # The lock is held on a file of the checkout: one inside .venv would go when .venv is made anew.
    with Path(__file__).open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another set-up is running: waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        if usable() and STAMP.exists() and STAMP.read_bytes() == LOCK.read_bytes():
            return 0  # the other one has done it
        return set_up(held)


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
