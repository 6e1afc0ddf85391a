"""The database that one log passes through: batches of lines in, groups of who used what out. In memory and a
temporary directory; bounded however long the log is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import duckdb

from weir.logs.format import COLUMNS, Bad, FormatError, Row
from weir.logs.sql import quote, zoned
from weir.logs.text import LINE_MAX, TOO_LONG
from weir.logs.urls import agent_product, host_of, is_host, named, path_of, person
from weir.logs.use import Use

__all__ = ["EXAMPLES", "Engine"]

EXAMPLES = 5  # line numbers of bad lines that are named, for each reason
_MEMORY = "256MB"
_SEGMENTS = 6  # of a path, beyond which no service's own begins
_KEYS = ("user", "device", "department", "source")
_FIRST = "TIMESTAMP '1990-01-01'"
_LAST = "TIMESTAMP '2100-01-01'"
_ROW = (
    "ts", "url", "host", "path", "user", "device", "department", "source", "action", "agent", "bytes_up", "bytes_down",
)  # fmt: skip


class Engine:
    """One file's worth. ``add_lines`` or ``add_rows``, then ``keep``, a batch at a time; at the end ``uses``."""

    def __init__(
        self,
        place: Path,
        since: datetime | None = None,
        zone: str = "UTC",
        domains: Mapping[str, str] | None = None,
    ) -> None:
        self.bad: Counter[str] = Counter()
        self.examples: dict[str, tuple[int, ...]] = {}
        self._lines = 0
        self._requests = 0
        self._place = place
        self._since = since
        self._domains = domains or {}
        self._base = duckdb.connect(
            config={
                "memory_limit": _MEMORY,
                "temp_directory": str(place / "spill"),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
        )
        self._run("SET TimeZone = 'UTC'")
        self._run(zoned(zone))
        self._run("CREATE TEMP TABLE known (host VARCHAR, whole BOOLEAN, shared BOOLEAN)")
        self._run("CREATE TEMP TABLE paths (host VARCHAR, path VARCHAR, telling VARCHAR)")
        keys = ", ".join(f'"{key}" VARCHAR' for key in ("host", "path", *_KEYS, "action", "agent"))
        self._run(
            f"CREATE TEMP TABLE kept (day DATE, {keys}, requests HUGEINT, first TIMESTAMP, last TIMESTAMP,"
            " up HUGEINT, down HUGEINT)"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    def add_lines(self, data: bytes, first: int, select: str) -> None:
        """Take in whole lines, UTF-8, the first of which is number ``first``, by a format's SELECT."""
        file = self._place / "lines"
        file.write_bytes(data)
        self._run(
            f"CREATE OR REPLACE TEMP TABLE raw AS SELECT * FROM read_csv({quote(str(file))},"
            " columns = {'text': 'VARCHAR'},"
            " delim = chr(1), quote = '', escape = '', comment = '', header = false, auto_detect = false,"
            f" new_line = '\\n', null_padding = true, max_line_size = {2 * LINE_MAX})"
        )
        filled = "text IS NOT NULL AND trim(text, ' \t') <> ''"
        self._run(
            f"CREATE OR REPLACE TEMP VIEW lines AS SELECT rowid + {first} AS line, rtrim(text, ' ') AS text FROM raw"
            f" WHERE {filled} AND text <> {quote(TOO_LONG)}"
        )
        self._lines += self._number(f"SELECT count(*) FROM raw WHERE {filled}")
        self._count_bad(
            f"SELECT 'longer than {LINE_MAX >> 10} KiB', count(*), min(rowid + {first}, {EXAMPLES}) FROM raw"
            f" WHERE text = {quote(TOO_LONG)} HAVING count(*) > 0"
        )
        self._take(select)

    def add_rows(self, rows: Sequence[Row], bad: Sequence[Bad]) -> None:
        """Take in entries of a recording."""
        self._lines += len(rows) + len(bad)
        for entry in bad:
            self._bad_one(entry)
        columns = [[_storable(getattr(row, name)) for row in rows] for name in _ROW]
        casts = ", ".join(
            "make_timestamp(unnest(?::BIGINT[])) AS ts" if name == "ts" else f'unnest(?::{COLUMNS[name]}[]) AS "{name}"'
            for name in _ROW
        )
        self._run(f"CREATE OR REPLACE TEMP TABLE entries AS SELECT {casts}", columns)
        self._take("SELECT 0 AS line, * FROM entries")

    def keep(self, whose: Callable[[str, str], str], shared: Callable[[str], bool]) -> None:
        """Group the batch's lines whose host, or host and path, is anybody's, and forget the others."""
        hosts = [host for (host,) in self._rows("SELECT DISTINCT host FROM batch ANTI JOIN known USING (host)")]
        self._run(
            "INSERT INTO known SELECT unnest(?::VARCHAR[]), unnest(?::BOOLEAN[]), unnest(?::BOOLEAN[])",
            [hosts, [bool(whose(host, "")) for host in hosts], [shared(host) for host in hosts]],
        )
        path = f"regexp_extract(left(coalesce(\"path\", {path_of('url')}), 1024), '^[^?#\\x00-\\x1f\\x7f-\\x{{9f}}]*')"
        path = f"regexp_extract({path}, '^(?:/+[^/]*){{1,{_SEGMENTS}}}')"
        self._run(
            f"CREATE OR REPLACE TEMP TABLE mine AS SELECT batch.* REPLACE (CASE WHEN shared THEN {path} ELSE '' END"
            ' AS "path"), whole FROM batch JOIN known USING (host) WHERE whole OR shared'
        )
        found = self._rows(
            "SELECT DISTINCT mine.host, mine.path FROM mine ANTI JOIN paths USING (host, path) WHERE mine.path <> ''"
        )
        told = [_telling(whose, host, path) for host, path in found]
        self._run(
            "INSERT INTO paths SELECT unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[])",
            [[host for host, _ in found], [path for _, path in found], told],
        )
        keys = ", ".join(f'"{key}"' for key in (*_KEYS, "action", "agent"))
        self._run(
            f"INSERT INTO kept SELECT ts::DATE, mine.host, coalesce(telling, ''), {keys}, sum(requests), min(ts),"
            " max(ts), sum(bytes_up), sum(bytes_down) FROM mine LEFT JOIN paths"
            " ON mine.host = paths.host AND mine.path = paths.path"
            " WHERE whole OR telling <> '' GROUP BY ALL"
        )

    def uses(self) -> Iterator[Use]:
        """All that was kept, grouped, in order of day and host."""
        texts = ", ".join(f"coalesce(\"{key}\", '')" for key in _KEYS)
        cursor = self._run(
            f"SELECT day, host, path, {texts}, action, coalesce({agent_product('agent')}, '') AS program,"
            " sum(requests), coalesce(epoch_us(min(first)), 0), coalesce(epoch_us(max(last)), 0), sum(up), sum(down)"
            " FROM kept GROUP BY ALL ORDER BY ALL"
        )
        while rows := cursor.fetchmany(10_000):
            for row in rows:
                yield Use(*row[1:9], *(None if value is None else int(value) for value in row[9:]))

    def counts(self) -> tuple[int, int, int, int, int]:
        """Lines, requests, hosts; then hosts and requests that weren't kept."""
        hosts = self._number("SELECT count(*) FROM known")
        kept_hosts = self._number("SELECT count(DISTINCT host) FROM kept")
        kept = self._number("SELECT coalesce(sum(requests), 0) FROM kept")
        return self._lines, self._requests, hosts, hosts - kept_hosts, self._requests - kept

    def _take(self, select: str) -> None:
        given = set(self._base.sql(select).columns) & set(COLUMNS)
        of = {name: f'"{name}"' if name in given else f"NULL::{kind}" for name, kind in COLUMNS.items()}
        time = f"CASE WHEN {of['ts']} BETWEEN {_FIRST} AND {_LAST} THEN {of['ts']} END"
        host = host_of(f"coalesce(nullif(trim({of['host']}), ''), trim({of['url']}))")
        told = {key: named(of[key]) for key in _KEYS}
        told["user"] = person(told["user"], self._domains)
        texts = ", ".join(f'{value} AS "{key}"' for key, value in told.items())
        wrong = f"""coalesce(bad, CASE WHEN coalesce(host, '') IN ('', '-') THEN 'no destination'
            WHEN NOT {is_host("host")} THEN 'a destination that is no host' END)"""
        self._run(
            f"""CREATE OR REPLACE TEMP TABLE taken AS SELECT * REPLACE ({wrong} AS bad) FROM (
            SELECT line, {host} AS host, {of["bad"]} AS bad, {time} AS ts,
            {of["url"]} AS url, nullif({of["path"]}, '') AS "path", {texts},
            CASE WHEN {of["action"]} = 'blocked' THEN 'blocked' ELSE 'allowed' END AS action,
            left({of["agent"]}, 512) AS agent, CASE WHEN {of["bytes_up"]} >= 0 THEN {of["bytes_up"]} END AS bytes_up,
            CASE WHEN {of["bytes_down"]} >= 0 THEN {of["bytes_down"]} END AS bytes_down,
            greatest(coalesce({of["requests"]}, 1), 1) AS requests
            FROM ({select}) AS format)"""
        )
        self._count_bad(
            f"SELECT bad, count(*), min(line, {EXAMPLES}) FROM taken WHERE bad IS NOT NULL GROUP BY bad ORDER BY bad"
        )
        later = ""
        if self._since is not None:
            later = f"AND (ts IS NULL OR ts >= TIMESTAMP '{self._since.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}')"
        self._run(f"CREATE OR REPLACE TEMP VIEW batch AS SELECT * FROM taken WHERE bad IS NULL {later}")
        self._requests += self._number("SELECT coalesce(sum(requests), 0) FROM batch")

    def _bad_one(self, entry: Bad) -> None:
        self.bad[entry.why] += 1
        if len(self.examples.get(entry.why, ())) < EXAMPLES:
            self.examples[entry.why] = (*self.examples.get(entry.why, ()), entry.line)

    def _count_bad(self, select: str) -> None:
        for why, count, lines in self._rows(select):
            self.bad[why] += count
            self.examples[why] = (*self.examples.get(why, ()), *lines)[:EXAMPLES]

    def _run(self, statement: str, values: Sequence[object] = ()) -> duckdb.DuckDBPyConnection:
        try:
            return self._base.execute(statement, list(values))
        except duckdb.OutOfMemoryException:
            raise FormatError("needs more memory than there is for it") from None
        except duckdb.Error as error:
            # Its message may quote the log.
            raise FormatError(f"cannot be read: DuckDB's {type(error).__name__}") from None
        except RuntimeError:  # what DuckDB makes of Ctrl-C
            raise KeyboardInterrupt from None

    def _rows(self, select: str) -> list[tuple[Any, ...]]:
        return self._run(select).fetchall()

    def _number(self, select: str) -> int:
        return int(self._rows(select)[0][0])


def _storable(value: str | int | None) -> str | int | None:
    """What DuckDB takes: a recording's JSON may hold halves of characters, and its times any number."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value if value is None or abs(value) < 1 << 62 else None


def _telling(whose: Callable[[str, str], str], host: str, path: str) -> str:
    """The least of ``path``'s beginning that means the same service as all of it; "" when it means none."""
    service = whose(host, path)
    if not service:
        return ""
    parts = path.split("/")
    for count in range(2, len(parts)):
        for beginning in ("/".join(parts[:count]), "/".join(parts[:count]) + "/"):
            if whose(host, beginning) == service:
                return beginning
    return path
