"""What can be said of the dependencies without asking anybody, and of known holes where a database can be asked.

It fails when the lock is incomplete or unhashed, when something is installed that is not locked, or when a licence is
not one of those below. Whether known holes could be looked up is said either way: silence would look like "none".
"""

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOOK_UP_S = 180
OURS = {"pip", "weir"}  # what every environment has, and what stands here

# Permissive ones, and those that bind nobody but who changes the library itself.
ALLOWED = re.compile(
    r"\b(0BSD|APACHE|BSD|CC0|CNRI-PYTHON|HPND|ISC|LGPL|LESSER GENERAL PUBLIC|MIT|MOZILLA PUBLIC|MPL|PSF"
    r"|PYTHON SOFTWARE FOUNDATION|UNLICENSE|ZLIB)\b",
    re.IGNORECASE,
)
FORBIDDEN = re.compile(
    r"AGPL|AFFERO|(?<!L)GPL-|(?<!LESSER )GENERAL PUBLIC LICENSE|SSPL|BUSL|COMMONS CLAUSE", re.IGNORECASE
)
SAID_ELSEWHERE = {  # their metadata names no licence; their sources do
    "mistralai": "Apache-2.0",
    "mitmproxy-linux": "MIT",
    "mitmproxy-macos": "MIT",
    "mitmproxy-rs": "MIT",
    "mitmproxy-windows": "MIT",
}


def read_lock(text):
    """``(requirement, problem)`` of each entry of a lock."""
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        head, *hashes = re.split(r"\s--hash=", line)
        if line.startswith("-") or "://" in line or " @ " in head:
            yield None, f"the lock names an address or an option: {line[:60]}"
            continue
        wanted = Requirement(head)
        exact = [one for one in wanted.specifier if one.operator == "==" and "*" not in one.version]
        if len(exact) != 1 or len(wanted.specifier) != 1:
            yield wanted, f"{wanted.name}: the lock does not name one version"
        elif not hashes or not all(re.fullmatch(r"sha256:[0-9a-f]{64}\s*", one) for one in hashes):
            yield wanted, f"{wanted.name}: the lock has no SHA-256 of it"
        else:
            yield wanted, ""


def locked_here(text):
    """Versions by name that the lock has for this interpreter and system; and the lock's problems."""
    versions, problems = {}, []
    for wanted, problem in read_lock(text):
        if problem:
            problems.append(problem)
        elif wanted.marker is None or wanted.marker.evaluate():
            versions[canonicalize_name(wanted.name)] = next(iter(wanted.specifier)).version
    return versions, problems


def incomplete(installed, locked):
    """What installed packages need here and the lock does not have."""
    for one in installed:
        for text in one.requires or ():
            wanted = Requirement(text)
            if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
                continue
            version = locked.get(canonicalize_name(wanted.name))
            if version is None:
                yield f"{one.name} needs {wanted.name}, which the lock does not have"
            elif not wanted.specifier.contains(version, prereleases=True):
                yield f"{one.name} needs {wanted}, the lock has {version}"


def strays(installed, locked):
    """What is installed and is not what the lock says."""
    for one in installed:
        version = locked.get(canonicalize_name(one.name))
        if version is None:
            yield f"{one.name} {one.version} is installed and not locked"
        elif version != one.version:
            yield f"{one.name} {one.version} is installed, the lock has {version}"


def licence(one):
    """What a package says its licence is; "" when it says nothing."""
    told = one.metadata
    named = [line for line in told.get_all("Classifier") or () if line.startswith("License ::")]
    first = (told.get("License") or "").strip().split("\n")[0][:80]
    return told.get("License-Expression") or "; ".join(line.rpartition(":: ")[2] for line in named) or first


def unlicensed(installed):
    """Packages whose licence is not allowed, or that name none."""
    for one in installed:
        said = licence(one) or SAID_ELSEWHERE.get(canonicalize_name(one.name), "")
        if not said:
            yield f"{one.name}: names no licence; look, and add it to SAID_ELSEWHERE"
        elif FORBIDDEN.search(said) or not ALLOWED.search(said):
            yield f"{one.name}: licence {said!r} is not among those allowed"


def look_up(lock):
    """Known holes: ``(problems, what is said of the look-up)``."""
    program = shutil.which("pip-audit")
    if program is None:
        return [], "known holes were NOT looked up: pip-audit is not installed"
    asked = [program, "-r", str(lock), "--require-hashes", "--disable-pip", "--progress-spinner", "off", "-f", "json"]
    try:
        done = subprocess.run(asked, capture_output=True, check=False, timeout=LOOK_UP_S, text=True)
        rows = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError, TypeError, OSError):
        return [], "known holes were NOT looked up: pip-audit reached no database"
    found = [
        f"{row['name']} {row['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no version yet'}"
        for row in rows
        for hole in row.get("vulns", ())
    ]
    skipped = sum("skip_reason" in row for row in rows)
    return found, f"known holes of {len(rows) - skipped} packages were looked up" + (
        f", {skipped} left out" * bool(skipped)
    )


def main():
    """Print what is wrong, one line each; 1 when something is."""
    lock = ROOT / "requirements.lock"
    locked, problems = locked_here(lock.read_text())
    installed = [one for one in importlib.metadata.distributions() if canonicalize_name(one.name) not in OURS]
    for more in (incomplete(installed, locked), strays(installed, locked), unlicensed(installed)):
        problems.extend(more)
    holes, said = look_up(lock)
    for line in sorted({*problems, *holes}):
        print(f"dependencies: {line}")
    print(f"dependencies: {len(installed)} installed, {len(locked)} locked for this system; {said}", file=sys.stderr)
    return bool(problems or holes)


if __name__ == "__main__":
    sys.exit(main())
