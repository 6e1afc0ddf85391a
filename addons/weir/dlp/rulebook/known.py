"""Which rule files are as they were released: their rules were proved then, and a start need not prove them again.

``rules/known.yaml`` holds a digest of every built-in file, and a test sees to it that each of these files still
proves itself. A file that was changed since is read like an operator's own: with every check. After a change to the
built-in rules, ``python -m weir.dlp.rulebook.known`` writes the digests anew.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml

__all__ = ["FOLDERS", "KNOWN", "RULES", "digests", "is_known", "main"]

RULES = Path(__file__).parents[1] / "rules"
FOLDERS = (RULES / "secrets", RULES / "markings")
KNOWN = RULES / "known.yaml"


def is_known(file: Path, content: bytes) -> bool:
    """Whether ``content``, the bytes of ``file``, is what was released under that name."""
    try:
        name = file.relative_to(RULES).as_posix()
    except ValueError:
        return False
    return _known().get(name) == hashlib.sha256(content).hexdigest()


@cache
def _known() -> dict[str, str]:
    try:
        told = yaml.safe_load(KNOWN.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):
        return {}  # everything is checked then
    return dict(told) if isinstance(told, dict) else {}


def digests() -> Iterator[tuple[str, str]]:
    """Name and digest of every built-in file, in order."""
    for folder in FOLDERS:
        for file in sorted(folder.rglob("*.yaml")):
            yield file.relative_to(RULES).as_posix(), hashlib.sha256(file.read_bytes()).hexdigest()


def main() -> int:
    """Prove all built-in rules and write their digests. Raises RuleError."""
    from weir.dlp.rulebook.rules import load_rules

    load_rules(prove=True)
    lines = [f"{name}: {digest}\n" for name, digest in digests()]
    KNOWN.write_text("# Written by python -m weir.dlp.rulebook.known\n" + "".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
