"""``weir keys export`` and ``import``: keys from one store to another, without any secret."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weir.cli.keysreview import PolicyOption
from weir.cli.keystore import as_json, opened
from weir.cli.options import DATA, DataOption
from weir.cli.output import fail, many, note, write

if TYPE_CHECKING:
    from weir.keys.virtual.rows import Issued

__all__ = ["export_keys", "import_keys"]

_LINE_MAX = 64 * 1024
_KEYS_MAX = 100_000
_HASH = re.compile(r"[0-9A-Fa-f]{64}")


def export_keys(policy: PolicyOption = None, data: DataOption = DATA) -> None:
    """Every key as a line of JSON: what it is good for, and the keyed hash it is known by. Never a key.

    The hashes mean something only to a data directory with the same secrets/virtual-keys.key.
    """
    from weir.keys.virtual.record import stamp

    with opened("keys export", data, policy) as store:
        made_with = store.fingerprint
        for one, _ in store.every():
            told = as_json(one.record)
            told.pop("state")
            old = {"old_hash": one.old_digest, "old_until": stamp(one.old_until)} if one.old_until else {}
            write(json.dumps({**told, "hash": one.digest, **old, "hmac": made_with}, ensure_ascii=False) + "\n")


def import_keys(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What weir keys export wrote; - for stdin.")],
    new: Annotated[
        bool, typer.Option("--new", help="Issue a new key for each that is good, under this directory's own key.")
    ] = False,
    policy: PolicyOption = None,
    data: DataOption = DATA,
) -> None:
    """Take over exported keys, so that their holders notice nothing. All of them, or none when one is damaged.

    That needs the key their hashes were made with: copy secrets/virtual-keys.key of the other data directory first.
    Without it, --new issues a new key for each, and prints JSON lines of id, app, team, user and the key: hand them
    out and delete them. A key that is there already stays as it is, but one revoked in either is revoked.
    """
    lines = _lines(file)
    if not new and not data.is_dir():
        into = "copy secrets/virtual-keys.key of the one the keys come from into its secrets/, mode 0600"
        raise fail("keys import", f"{data} is no data directory; {into}, or issue new keys with --new")
    with opened("keys import", data, policy, make=True) as store:
        found = [_read(number, line, store.fingerprint, new=new) for number, line in enumerate(lines, 1)]
        if new:
            now, taken = datetime.now(UTC), 0
            for one in found:
                if one.record.state(now) == "active":
                    record, key = store.issue(store.grant_of(one.record))
                    who = {name: getattr(record, name) for name in ("id", "app", "team", "user")}
                    write(json.dumps({**who, "was": one.record.id, "key": key}, ensure_ascii=False) + "\n")
                    taken += 1
            note(f"{many(taken, 'new key')}; they will not be shown again")
            return
        added, changed = store.take(found)
    note(f"{many(added, 'key')} taken over, {changed} revoked, {len(found) - added - changed} as they were")


def _lines(file: Path) -> list[str]:
    try:
        with sys.stdin if str(file) == "-" else file.open(encoding="utf-8") as source:
            found: list[str] = []
            while line := source.readline(_LINE_MAX + 1):
                if len(line) > _LINE_MAX or len(found) >= _KEYS_MAX:
                    raise fail("keys import", f"{file}: line {len(found) + 1} is too long, or it has too many")
                if line.strip():
                    found.append(line)
            return found
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise fail("keys import", f"{file}: cannot be read ({why})", 2) from None


def _read(number: int, line: str, made_with: str, *, new: bool) -> Issued:
    """One exported key. Raises ValueError that names the line and quotes nothing of it."""
    from weir.keys.virtual.record import from_json
    from weir.keys.virtual.rows import Issued

    try:
        entry: dict[str, Any] = json.loads(line)
        record, digest, old = from_json(entry), entry["hash"], entry.get("old_hash")
        for one in (digest, old):
            if one is not None and not _HASH.fullmatch(one):
                raise ValueError
        until = datetime.fromisoformat(entry["old_until"]).astimezone(UTC) if old is not None else None
        other = entry["hmac"]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        raise ValueError(f"line {number} is no exported key, or is damaged; nothing was taken over") from None
    if other != made_with and not new:
        raise ValueError(
            f"line {number}: its hash was made with another key: copy secrets/virtual-keys.key of the data directory "
            "it comes from into this one, or issue new keys with --new; nothing was taken over"
        )
    return Issued(record, digest.lower(), old.lower() if old else None, until)
