"""Pieces of SQL that formats are put together from. Each takes SQL expressions and gives one; none can raise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["count", "delimited", "epoch", "json_fields", "pairs", "quote", "share", "spaced", "stamp", "zoned"]


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


def stamp(value: str, *forms: str, local: bool = True) -> str:
    """Text → TIMESTAMP in UTC: ISO 8601, else strptime's ``forms``; NULL if neither. An offset counts; a time without
    is of the zone that the caller named, or in UTC (always with ``local=False``, for logs that say so)."""
    ways = [f"TRY_CAST(TRY_CAST({value} AS TIMESTAMPTZ) AS TIMESTAMP)"]
    if forms:
        listed = ", ".join(map(quote, forms))
        ways = [f"CAST(try_strptime({value}, [{listed}]) AS TIMESTAMP)", *ways]
    made = f"coalesce({', '.join(ways)})"
    return f"zoned({value}, {made})" if local else made


def zoned(zone: str) -> str:
    """The macro ``zoned(text, time)`` that ``stamp`` uses: a time in UTC of one whose text may name no offset."""
    if zone == "UTC":
        return "CREATE TEMP MACRO zoned(said, told) AS told"
    return (
        "CREATE TEMP MACRO zoned(said, told) AS CASE"
        " WHEN regexp_matches(said, '[0-9]:[0-9.,]+ ?(?:Z|UTC|GMT|[+-][0-9])')"
        f" THEN told ELSE timezone('UTC', timezone({quote(zone)}, told)) END"
    )


def spaced(text: str) -> str:
    """A line of fields between runs of spaces or tabs → list (``f[1]`` is the first; beyond the last is NULL)."""
    return f"list_filter(string_split(replace({text}, chr(9), ' '), ' '), lambda field: field <> '')"


def delimited(text: str, separator: str = ",") -> str:
    """A line of CSV → list of its fields, quotes taken off; a quote that never closes makes the line one field less.

    Where all quotes enclose whole fields, every second piece between quotes is text, and the separators in the others
    separate: five times as fast as a pattern for fields, which takes the other lines.
    """
    at, split = quote(separator), "chr(31)"
    given, other = f"replace({text}, {split}, ' ')", _in_class(separator)
    cell = f' *(?:"(?:[^"]|"")*" *|[^" {other}][^"{other}]*|)'
    neat = f"regexp_full_match({text}, {quote(f'{cell}(?:{_escaped(separator)}{cell})*')})"
    # The other lines are made neat by the pattern. (A CASE over what each way makes would double the time of both.)
    cells = f"replace(replace(array_to_string({_cells(given, separator)}, {split}), '\"', chr(29)), {at}, chr(28))"
    bare = "CASE WHEN starts_with(p, ' ') OR ends_with(p, ' ') THEN {} ELSE p END"
    # A quote within quotes is written twice: an empty piece, but for the first and the last.
    piece = (
        f"CASE WHEN i % 2 = 0 THEN p WHEN i = 1 THEN replace({bare.format("rtrim(p, ' ')")}, {at}, {split})"
        f" WHEN p = '' THEN '\"' ELSE replace({bare.format("trim(p, ' ')")}, {at}, {split}) END"
    )
    pieces = f"string_split(CASE WHEN {neat} THEN {given} ELSE {cells} END || chr(30), '\"')"
    made = f"rtrim(array_to_string(list_transform({pieces}, lambda p, i: {piece}), ''), chr(30))"
    return f"string_split(replace(replace({made}, chr(29), '\"'), chr(28), {at}), {split})"


def _cells(text: str, separator: str) -> str:
    """What ``delimited`` makes of lines whose quotes stand anywhere."""
    blank = " " if separator == "\t" else "\\s"
    cell = f'{blank}*"(?:[^"]|"")*"{blank}*|[^{_in_class(separator)}]*'
    # The pattern may match nothing at the very end: a separator put before the line makes each field match begin alike.
    found = f"regexp_extract_all({quote(separator)} || {text}, {quote(_escaped(separator) + '(' + cell + ')')}, 1)"
    return (
        f"list_transform({found}, lambda field:"
        " CASE WHEN starts_with(trim(field), '\"') AND ends_with(trim(field), '\"')"
        f" AND length(trim(field)) > 1 THEN replace(trim(field)[2:-2], '\"\"', '\"') ELSE field END)"
    )


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
