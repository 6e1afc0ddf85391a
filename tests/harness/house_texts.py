"""House rules about what stands in files: no addresses of this or that machine, no key material, no dead links."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

__all__ = ["leftovers", "links", "readmes", "strays"]

_SKIPPED = frozenset(
    [
        ".git",
        ".venv",
        "__pycache__",
        "build",
        "dist",
        "data",
        ".pytest_cache",
        ".mypy_cache",
        ".ruff_cache",
        ".hypothesis",
    ]
)
_MATERIAL = frozenset((".pem", ".key", ".p12", ".pfx", ".cer", ".crt"))
_BIG = 3_000_000
_VARIETY = 12
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_SECTIONS = ("## What it does", "## Policy", "## Example", "## Where things are")
# Pieces, so that this file is not its own finding.
_INDEX = "py" + "pi"
_STRAYS = (
    (rf"{_INDEX}\.org/simple|files\.pythonhosted\.org|https?://registry\.npmjs\.org", "the address of a package index"),
    (r"(?m)^\s*(--index-url|--extra-index-url|--find-links|-i\s+http|-f\s+\S)", "an option naming a package index"),
    (r"(?<![\w./-])/(work|root)/(?!\.)[\w.-]+", "a path of one machine"),
    (r"(?<![\w./-])/home/(?!user\b|you\b|me\b)[a-z][\w-]*/", "a path of one machine"),
    (r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+(?:[A-Za-z0-9+/=]{60,}\s+){3}", "a private key"),
    (r"sk-(?:proj|svcacct|admin)-[\w-]{20,}" + "T3Blbk" + r"FJ[\w-]{20,}", "what looks like an OpenAI key"),
    (r"sk-ant-(?:api03|admin01|oat01)-[\w-]{80,}", "what looks like an Anthropic key"),
    (r"(?<!\w)AIza[\w-]{35}(?![\w-])", "what looks like a Google key"),
    (r"(?<!\w)(?:AKIA|ASIA)(?![A-Z2-7]{9}EXAMPLE)[A-Z2-7]{16}(?!\w)", "what looks like an AWS key"),
    (r"(?<!\w)(?:ghp|gho|ghs|ghu)_[A-Za-z0-9]{36}(?!\w)", "what looks like a GitHub token"),
    (r"(?<!\w)xox[abprs]-\d{10,}-[\w-]{20,}", "what looks like a Slack token"),
)
_LEFT = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "Not" + "ImplementedError")) + r")\b")


def texts(root: Path) -> Iterator[tuple[Path, str]]:
    """Every text file that is, or would be, committed."""
    for path in _files(root):
        if path.stat().st_size <= _BIG:
            data = path.read_bytes()
            if b"\0" not in data[:8000]:
                yield path, data.decode("utf-8", "replace")


def _files(root: Path) -> list[Path]:
    asked = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if (root / ".git").exists():
        listed = subprocess.run(asked, capture_output=True, check=True).stdout.decode().split("\0")
        return [path for name in sorted(filter(None, listed)) if (path := root / name).is_file()]
    found = []
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(set(inner) - _SKIPPED)
        found += [Path(folder, name) for name in sorted(names)]
    return found


def strays(root: Path) -> list[str]:
    """No index addresses, machine paths, key material or live-looking secrets; nothing matched is quoted."""
    wrong = []
    for path in _files(root):
        if path.suffix in _MATERIAL:
            wrong.append(f"{path.relative_to(root)}:1: CA or key material")
        if path.name in ("uv.lock", "poetry.lock"):
            wrong.append(f"{path.relative_to(root)}:1: a lock file that records index addresses")
    for path, text in texts(root):
        for pattern, what in _STRAYS:
            for match in re.finditer(pattern, text):
                if "looks like" in what and len(set(match[0])) < _VARIETY:
                    continue  # an example of what is no secret: xxxx…
                line = text.count("\n", 0, match.start()) + 1
                wrong.append(f"{path.relative_to(root)}:{line}: {what}")
    return wrong


def leftovers(root: Path) -> list[str]:
    """No note to do something later in code."""
    wrong = []
    for path, text in texts(root):
        if path.suffix == ".py":
            for number, line in enumerate(text.splitlines(), 1):
                if _LEFT.search(line):
                    wrong.append(f"{path.relative_to(root)}:{number}: left over: {line.strip()[:60]}")
    return wrong


def links(root: Path) -> list[str]:
    """Every relative link in a Markdown file leads somewhere."""
    wrong = []
    for path, text in texts(root):
        if path.suffix != ".md":
            continue
        prose = re.sub(r"(?ms)^```.*?^```", lambda match: "\n" * match[0].count("\n"), text)
        for match in _LINK.finditer(prose):
            target = match[1].partition("#")[0]
            if target and ":" not in target and not (path.parent / target).exists():
                line = prose.count("\n", 0, match.start()) + 1
                wrong.append(f"{path.relative_to(root)}:{line}: leads nowhere: {target}")
    return wrong


def readmes(root: Path, concerns: frozenset[str]) -> list[str]:
    """Every concern's folder has a README with the sections a reader looks for."""
    wrong = []
    for folder in sorted(path for path in (root / "addons" / "weir").iterdir() if path.name in concerns):
        readme = folder / "README.md"
        if not readme.exists():
            wrong.append(f"{folder.relative_to(root)}:1: no README.md")
            continue
        headings = [line for line in readme.read_text().splitlines() if line.startswith("#")]
        missing = [section for section in _SECTIONS if section not in headings]
        if missing:
            wrong.append(f"{readme.relative_to(root)}:1: no section {', '.join(missing)}")
    return wrong
