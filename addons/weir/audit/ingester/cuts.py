"""Ends on record the exchanges that a killed process has left open: a duty of the ingester's process.

The process that wrote a chain holds its last file as long as it lives. Once it is gone and all of the chain is in the
store, every request there without an end gets one, in a chain of its own: ``finish_reason`` is ``cut``. A crash in
between leads to another look and to no second record, as what was told is in the store by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from weir.audit.ingester.cursor import Cursor
from weir.audit.ingester.duty import Desk
from weir.audit.ingester.fit import fit
from weir.audit.record import AuditRecord, new_event_id, now_us
from weir.audit.spool.lines import BadLine
from weir.audit.spool.opened import held, number_of, open_segment, segments, size, whole_size
from weir.audit.spool.records import write_records
from weir.audit.store import database as store
from weir.datadir import DataDir, write_private

__all__ = ["CUT", "REASON", "Cuts"]

CUT = "cut"
REASON = "weir's process ended before the exchange did"
_AT_ONCE = 5_000  # records written together
_SHORT = 256 << 10  # bytes of a chain that is looked through itself: to open the store takes longer
_NO_ENDS = ("request", "turn", "message", "discovered")
# Of the request, what says whose exchange it was and where it went: a row of its own must make sense to a SIEM.
_KEPT = (
    *("exchange_id", "flow_id", "conversation_id", "user", "auth_method", "auth_strength", "team", "app", "device"),
    *("src_ip", "user_agent", "key_id", "host", "port", "method", "path_template", "provider", "service"),
    *("service_status", "operation", "request_model", "model_asked", "stream", "protocol", "mode", "verdict", "action"),
    *("rule_id", "policy_hash"),
)
_OPEN = f"""
    SELECT {", ".join(f'r."{name}"' for name in _KEPT)}, epoch_us(r.ts) AS began
    FROM events r WHERE r.kind = 'request' AND r.boot_id IN (SELECT unnest(?::VARCHAR[])) AND r.proxy_id = ?
    AND NOT EXISTS (
        FROM events e WHERE e.exchange_id = r.exchange_id AND e.kind NOT IN {_NO_ENDS}
    ) ORDER BY r.ts"""


class Cuts:
    """Looks at each chain once, when its writer is gone."""

    name = "cuts"
    every_s = 2.0

    def __init__(self) -> None:
        self._looked: set[str] | None = None  # chains; None: the file has not been read yet

    def run(self, desk: Desk, *, last: bool) -> list[str]:
        """Record what was cut. Raises OSError, duckdb.Error, DataDirError."""
        chains = segments(desk.data / "spool")
        file = desk.data / "audit" / "cuts.json"
        if self._looked is None:
            self._looked = _read(file)
        over = self._over(desk, chains)
        if not over:
            return []
        home = DataDir(desk.data)
        asked = [name for name in over if not _ended(name, chains[name])]
        found = _open_in(desk.data, home.proxy_id, asked) if asked and store.path_of(desk.data).exists() else []
        for at in range(0, len(found), _AT_ONCE):
            write_records(home.spool, home.proxy_id, [_record(row) for row in found[at : at + _AT_ONCE]])
        self._looked = (self._looked | set(over)) & set(chains)
        write_private(file, orjson.dumps(sorted(self._looked)))
        if not found:
            return []
        what = f"{len(found)} exchanges were open" if len(found) > 1 else "an exchange was open"
        return [f"{what} when weir's process ended; {'their' if len(found) > 1 else 'its'} end is on record"]

    def _over(self, desk: Desk, chains: Mapping[str, list[Path]]) -> list[str]:
        """Chains that nobody writes to any more, read to their end, and not looked at."""
        assert self._looked is not None
        waiting = {name: paths for name, paths in chains.items() if name not in self._looked}
        if not waiting:
            return []
        cursor = Cursor.load(desk.data / "audit" / "cursor.json")
        read = cursor.offsets if cursor else {}
        # A writer that goes on to the next file holds the one before until it holds that one.
        return [
            name
            for name, paths in waiting.items()
            if not any(held(path) for path in paths[-2:]) and 0 < whole_size(paths[-1]) <= read.get(paths[-1].name, 0)
        ]


def _read(file: Path) -> set[str]:
    try:
        return {str(name) for name in orjson.loads(file.read_bytes())}
    except (FileNotFoundError, orjson.JSONDecodeError, TypeError):
        return set()  # all are looked at anew, which finds nothing that was told


def _ended(chain: str, paths: Sequence[Path]) -> bool:
    """Whether a short chain, all of which is here, ends by itself what it began. False: the store has to be asked."""
    if number_of(paths[0]) != 1 or sum(map(size, paths)) > _SHORT:
        return False
    begun: set[str] = set()
    ended: set[str] = set()
    for path in paths:
        with open_segment(path) as file:
            for line in file:
                try:
                    doc = fit(line, chain).doc
                except BadLine:
                    return False  # which is not in the store
                kind, exchange = doc.get("kind"), doc.get("exchange_id")
                if not (kind and exchange and line.endswith(b"\n")):
                    return False
                if kind == "request":
                    begun.add(exchange)
                elif kind not in _NO_ENDS:
                    ended.add(exchange)
    return begun <= ended


def _open_in(data: Path, proxy_id: str, chains: Iterable[str]) -> list[dict[str, Any]]:
    boots = [name.removeprefix(f"{proxy_id}-") for name in chains]
    with store.connect(data, "200MB") as connection:
        names, rows = store.ask(connection, _OPEN, [boots, proxy_id])
    return [dict(zip(names, row, strict=True)) for row in rows]


def _record(row: Mapping[str, Any]) -> AuditRecord:
    known = {name: row[name] for name in _KEPT if row[name] is not None}
    known["exchange_id"] = str(known["exchange_id"])
    return AuditRecord(
        **known,
        event_id=new_event_id(),
        kind="response",
        ts=int(row["began"]),
        ts_end=now_us(),
        finish_reason=CUT,
        inspection="partial",
        inspection_reason=REASON,
        reason=REASON,
    )
