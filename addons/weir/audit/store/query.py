"""What people may ask the store: their SQL is taken apart first, and only what reads is run.

The connection (``store.connect``) keeps every query inside the audit directory and the views are read-only. What
DuckDB still allows there is to write files, and those are the evidence: a ``COPY … TO`` over a Parquet file, also from
inside a ``WITH``, an ``EXPLAIN ANALYZE`` or a prepared statement. So whatever does not read is refused before it runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from weir.audit.store import database as store

__all__ = ["NothingAsked", "Refused", "answers", "statements"]

Answer = tuple[list[str], list[tuple[Any, ...]]]

# MULTI is what a PIVOT becomes; SET reaches only variables, the settings are locked.
_READS = {"SELECT", "EXPLAIN", "MULTI", "PRAGMA", "SET"}
# Words by which these can still write, or run what stands in a file. A column of such a name goes in quotes.
_WRITES = {"copy", "export", "import", "prepare", "execute", "create", "attach", "checkpoint"}
_WRITES_IN_SELECT = {"copy"}  # DuckDB 2 takes it in a WITH


class Refused(ValueError):
    """The text asks for more than reading. The message is one line for people."""


class NothingAsked(Refused):
    """The text holds no statement."""


def statements(text: str) -> list[duckdb.Statement]:
    """The statements of ``text``, comments left out. Raises Refused, and duckdb.Error when it is no SQL."""
    found = duckdb.extract_statements(text)
    if not found:
        raise NothingAsked("there is no statement; write SQL such as: FROM events LIMIT 5")
    for statement in found:
        kind = statement.type.name
        writes = _WRITES_IN_SELECT if kind == "SELECT" else _WRITES
        written = sorted(_words(statement.query) & writes)
        if written or kind not in _READS:
            refused = written[0].upper() if written else _first(statement.query)
            raise Refused(
                f"{refused} is refused: here one can only read the audit; to work with its rows "
                "elsewhere, use --format json or csv, or duckdb with: ATTACH '…/audit.duckdb' (READ_ONLY)"
            )
    return found


def answers(data_dir: Path, asked: list[duckdb.Statement]) -> Iterator[Answer]:
    """Column names and rows of each statement that gives any, one after the other. Raises OSError, duckdb.Error."""
    with store.connect(data_dir) as connection:
        for statement in asked:
            columns, rows = store.ask(connection, statement)
            if duckdb.ExpectedResultType.QUERY_RESULT in statement.expected_result_type and columns:
                yield columns, rows


def _tokens(query: str) -> Iterator[tuple[str, duckdb.token_type]]:
    found = duckdb.tokenize(query)
    data = query.encode()  # offsets count bytes
    for (start, kind), (end, _) in zip(found, [*found[1:], (len(data), None)], strict=True):
        yield data[start:end].decode("utf-8", "replace").strip(), kind


def _words(query: str) -> set[str]:
    """The words of a query that are no comment, no string and no name in quotes, in lower case."""
    quiet = (duckdb.token_type.string_const, duckdb.token_type.comment)
    plain = (text.lower() for text, kind in _tokens(query) if kind not in quiet and not text.startswith('"'))
    return {word for text in plain for word in re.findall(r"\w+", text)}


def _first(query: str) -> str:
    for text, kind in _tokens(query):
        if kind == duckdb.token_type.keyword:
            return re.split(r"\W", text)[0].upper()
    return "this statement"
