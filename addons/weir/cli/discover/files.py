"""Which logs are meant: a directory stands for the files in it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

__all__ = ["logs_of"]


def logs_of(names: Iterable[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """The logs to read, in order and each once; and what is none of ``names``, with why, for people.

    Of a directory those files that lie in it itself, by name; hidden ones, pipes and devices are left out.
    """
    found: dict[str, None] = {}
    none: list[tuple[str, str]] = []
    for name in names:
        try:
            inside = sorted(Path(name).iterdir()) if name != "-" and Path(name).is_dir() else None
        except OSError as error:
            none.append((name, f"cannot be read ({(error.strerror or type(error).__name__).lower()})"))
            continue
        if inside is None:
            found[name] = None
            continue
        logs = [str(path) for path in inside if not path.name.startswith(".") and path.is_file()]
        if not logs:
            none.append((name, "is a directory without files"))
        found.update(dict.fromkeys(logs))
    return list(found), none
