"""Pieces of SQL that formats are put together from. Each takes SQL expressions and gives one; none can raise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["count", "delimited", "epoch", "json_fields", "pairs", "quote", "share", "spaced", "stamp"]


def quote(text: str) -> str:
    """``text`` as a string literal."""
    return "'" + text.replace("'", "''") + "'"


def count(value: str) -> str:
    """Text → a number of bytes, NULL for anything that is none (negative, too long, words, ``-``)."""
    return f"(CASE WHEN regexp_full_match({value}, '[0-9]{{1,18}}') THEN TRY_CAST({value} AS BIGINT) END)"


def epoch(value: str) -> str:
    """Text of seconds, ms, µs or ns since the epoch, fraction or not, by length → TIMESTAMP; NULL for other text."""
    # Doubles keep µs exactly until the year 2255; decimals would take five times as long.
    return f"""(CASE length(split_part({value}, '.', 1))
        WHEN 9 THEN make_timestamp(TRY_CAST(TRY_CAST({value} AS DOUBLE) * 1000000 AS BIGINT))
        WHEN 10 THEN make_timestamp(TRY_CAST(TRY_CAST({value} AS DOUBLE) * 1000000 AS BIGINT))
        WHEN 12 THEN make_timestamp(TRY_CAST(TRY_CAST({value} AS DOUBLE) * 1000 AS BIGINT))
        WHEN 13 THEN make_timestamp(TRY_CAST(TRY_CAST({value} AS DOUBLE) * 1000 AS BIGINT))
        WHEN 16 THEN make_timestamp(TRY_CAST(split_part({value}, '.', 1) AS BIGINT))
        WHEN 19 THEN make_timestamp(TRY_CAST(split_part({value}, '.', 1) AS BIGINT) // 1000)
    END)"""


def stamp(value: str, *forms: str) -> str:
    """Text → TIMESTAMP in UTC: ISO 8601 (an offset counts, none is UTC), else strptime's ``forms``; NULL if neither."""
    ways = [f"TRY_CAST(TRY_CAST({value} AS TIMESTAMPTZ) AS TIMESTAMP)"]
    if forms:
        listed = ", ".join(map(quote, forms))
        ways = [f"CAST(try_strptime({value}, [{listed}]) AS TIMESTAMP)", *ways]
    return f"coalesce({', '.join(ways)})"


def spaced(text: str) -> str:
    """A line of fields between runs of spaces or tabs → list (``f[1]`` is the first; beyond the last is NULL)."""
    return f"list_filter(string_split(replace({text}, chr(9), ' '), ' '), lambda field: field <> '')"


def delimited(text: str, separator: str = ",") -> str:
    """A line of CSV → list of its fields, quotes taken off; a quote that never closes makes the line one field less."""
    at = quote(separator)
    cell = f'\\s*"(?:[^"]|"")*"\\s*|[^{_in_class(separator)}]*'
    # The pattern may match nothing at the very end: a separator put before the line makes each field match begin alike.
    found = f"regexp_extract_all({at} || {text}, {quote(_escaped(separator) + '(' + cell + ')')}, 1)"
    bare = (
        f"list_transform({found}, lambda field:"
        " CASE WHEN starts_with(trim(field), '\"') AND ends_with(trim(field), '\"')"
        f" AND length(trim(field)) > 1 THEN replace(trim(field)[2:-2], '\"\"', '\"') ELSE field END)"
    )
    return f"(CASE WHEN contains({text}, '\"') THEN {bare} ELSE string_split({text}, {at}) END)"


def pairs(text: str, names: Sequence[str]) -> Mapping[str, str]:
    """A line of ``key=value key="quoted value"`` → an expression a name; NULL where the line has no such key."""
    return {
        name: "nullif(coalesce("
        f"nullif(regexp_extract({text}, {quote(f'(?:^|[ ,|]){name}="((?:[^"\\\\]|\\\\.)*)"')}, 1), ''), "
        f"regexp_extract({text}, {quote(f'(?:^|[ ,|]){name}=([^" ,]+)')}, 1)), '')"
        for name in names
    }


def json_fields(text: str, paths: Sequence[str]) -> str:
    """A line of JSON → list of texts, one per path (``$.a.b``), in order; all NULL when it isn't JSON. Parses once."""
    listed = ", ".join(map(quote, paths))
    return f"json_extract_string(TRY_CAST({text} AS JSON), [{listed}])"


def share(select: str, fields: str, *, where: str = "true") -> str:
    """``select`` over ``line``, ``text`` and the list ``f`` that the expression ``fields`` makes of each line."""
    return f"SELECT {select} FROM (SELECT line, text, {fields} AS f FROM lines WHERE {where})"


def _in_class(character: str) -> str:
    return {"\t": "\\t"}.get(character, "\\" + character)


def _escaped(character: str) -> str:
    return {"\t": "\\t", ",": ","}.get(character, "\\" + character)
