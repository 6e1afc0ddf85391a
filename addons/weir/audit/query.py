"""What people may ask the store: their SQL is taken apart first, and only what reads is run.

The connection (``store.connect``) keeps every query inside the audit directory and the views are read-only. What
DuckDB still allows there is to write files, and those are the evidence: a ``COPY … TO`` over a Parquet file, also from
inside an ``EXPLAIN ANALYZE`` or a prepared statement. So whatever does not read is refused before it runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from weir.audit import store

__all__ = ["Refused", "answers", "statements"]

Answer = tuple[list[str], list[tuple[Any, ...]]]

# MULTI is what a PIVOT becomes; SET reaches only variables, the settings are locked.
_READS = {"SELECT", "EXPLAIN", "MULTI", "PRAGMA", "SET"}
# Words by which the others of these can write or run something from a file. A column of such a name goes in quotes.
_WRITES = {"copy", "export", "import", "prepare", "execute", "create", "attach", "checkpoint"}


class Refused(ValueError):
    """The text asks for nothing, or for more than reading. One line for people."""


def statements(text: str) -> list[duckdb.Statement]:
    """The statements of ``text``, comments left out. Raises Refused, and duckdb.Error when it is no SQL."""
    found = duckdb.extract_statements(text)
    if not found:
        raise Refused("there is no statement; write SQL such as: FROM events LIMIT 5")
    for statement in found:
        kind = statement.type.name
        if kind not in _READS or (kind != "SELECT" and _words(statement.query) & _WRITES):
            raise Refused(
                f"{_first(statement.query)} is refused: here one can only read the audit; to work with its rows "
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
    return {text.split()[0].lower() for text, kind in _tokens(query) if text and kind != duckdb.token_type.string_const}


def _first(query: str) -> str:
    for text, kind in _tokens(query):
        if kind == duckdb.token_type.keyword:
            return text.split()[0].upper()
    return "this statement"
