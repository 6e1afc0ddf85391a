"""Which end of a text that is still coming must wait: it may be the beginning of something that is to be taken out.

A pure function of the text, whatever pieces it came in. Words of ordinary prose wait for nothing or for their own end;
what looks like a key, a number or an address waits until it is over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["HOLD_CHARS_MAX", "LONG_CHARS_MAX", "Shapes", "tail_start"]

HOLD_CHARS_MAX: Final = 256  # of one channel; what has a recognised opening may be longer
LONG_CHARS_MAX: Final = 16 * 1024  # of a private key's block or a token that began as one does
_WORDS_CHARS_MAX: Final = 160
_GROUPS_CHARS_MAX: Final = 64

# Scripts that set no spaces between words: nothing that is looked for by pattern is written in them.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\ua000-\ua4cf\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUN = re.compile(rf"[^\s{_UNSPACED}]*\Z")
_LONG_OPENING = re.compile(r"eyJ|AQoD|AQoJ|FwoG|IQoJ")  # JSON or AWS session tokens, in base64
_PEM_BEGIN: Final = "-----BEGIN "
_PEM_OPEN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}(?:PRIVATE KEY|PGP|KEY BLOCK)[A-Z0-9 ]{0,20}-----")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{1,60}-----")
_PLAIN = re.compile(
    r"[\"'(\[*_`#>\u00ab\u201e\u201c-]{0,3}(?:[^\W\d_A-Z]{1,24}|[A-Z][^\W\d_A-Z]{1,23}|[AI])"
    r"[.,;!?)\]\"'*`\u00bb\u201c\u201d\u2019\u2026]{0,3}"
)
_ASSIGNED = re.compile(r"[:=>]\s{0,3}\Z")
# What tokens begin with before their first digit or sign: such a word waits for its next character.
_OPENINGS: Final = (
    *("sk", "rk", "pk", "ghp", "gho", "ghu", "ghs", "ghr", "github", "glpat", "gldt", "glrt", "glcbt", "glptt", "glft"),
    *("glsoat", "glagent", "xoxb", "xoxp", "xoxa", "xoxe", "xoxs", "xapp", "hf", "gsk", "xai", "pplx", "npm", "pypi"),
    *("dapi", "dop", "doo", "dor", "shpat", "shpss", "shpca", "shppa", "atlasv", "ops", "hvs", "hvb", "hvr", "sqp"),
    *("squ", "sqa", "nvapi", "fw", "r8", "pcsk", "lsv", "pat", "csk", "tvly", "jina", "fc", "lin", "ntn", "secret"),
    *(
        "figd",
        "sntrys",
        "sntryu",
        "glsa",
        "glc",
        "key",
        "xkeysib",
        "re",
        "pul",
        "sbp",
        "vault",
        "age",
        "rubygems",
        "oy",
    ),
    *("dckr", "cio", "eyj", "ya", "whsec", "sq", "eaaa", "postgres", "postgresql", "mysql", "mongodb", "redis", "amqp"),
    *("amqps", "mssql", "http", "https", "basic", "bearer", "akia", "asia", "aiza", "absk", "nrak", "pmak", "esecret"),
    *("voyage", "pa", "vercel", "vc", "cfut", "fo", "flyv"),
)
_GROUP = re.compile(r"[+(\[#]{0,3}(?:[A-Z]{4}|[A-Z]{0,4}\d[\dA-Z./()\-]*)[)\],.]{0,2}")


@dataclass(frozen=True, slots=True)
class Shapes:
    """What is looked for in a reply, as far as it says what has to wait.

    ``words``: how many words of prose may belong to it: 0 (credentials only), 1 (addresses), more (names, markings).
    ``groups``: numbers written in groups.
    """

    words: int = 0
    groups: bool = False


def tail_start(text: str, shapes: Shapes) -> int:
    """Where the part of ``text`` begins that must wait for more; ``len(text)`` when nothing has to."""
    block = _open_block(text)
    if block >= 0:
        return block
    end = len(text)
    found = _RUN.search(text, max(0, end - HOLD_CHARS_MAX))
    run = found.start() if found else end
    if run < end and run == end - HOLD_CHARS_MAX:
        run = _long_run(text, run)
    elif shapes.words == 0 and run < end and _is_plain(text, run):
        run = end
    start = run
    if shapes.groups:
        start = min(start, _groups(text, run))
    if shapes.words > 1:
        start = min(start, _words(text, run, shapes.words - 1))
    return start


def _open_block(text: str) -> int:
    """Where a private key's block begins that has not ended; -1 when there is none."""
    least = max(0, len(text) - LONG_CHARS_MAX)
    begin = text.rfind(_PEM_BEGIN, least)
    if begin < 0:
        return -1
    opened = _PEM_OPEN.match(text, begin)
    if opened is None:
        # Its first line may still be coming.
        whole = len(text) - begin > 90 or "\n" in text[begin:]
        return -1 if whole else begin
    return -1 if _PEM_END.search(text, opened.end()) else begin


def _long_run(text: str, run: int) -> int:
    """The beginning of a run that is longer than is held, if it began as long tokens do."""
    begin = max(text.rfind(blank, max(0, len(text) - LONG_CHARS_MAX)) for blank in " \n\r\t") + 1
    found = _LONG_OPENING.search(text, max(begin, len(text) - LONG_CHARS_MAX))
    return min(found.start(), run) if found else run


def _is_plain(text: str, run: int) -> bool:
    """Whether the last run of characters is a word of prose that no token begins with."""
    word = text[run:]
    if not _PLAIN.fullmatch(word) or _ASSIGNED.search(text, max(0, run - 4), run):
        return False
    bare = word.lstrip("\"'([*_`#>-\u00ab\u201e\u201c").lower()
    return not any(opening.startswith(bare) or bare == opening for opening in _OPENINGS)


def _groups(text: str, run: int) -> int:
    """Where the groups of digits begin that the text ends with; ``run`` is where its last run of characters does."""
    least = max(0, len(text) - _GROUPS_CHARS_MAX)
    if run < len(text) and not _GROUP.fullmatch(text, run):
        return run
    start = run
    while start > least:
        gap = start - 1
        if text[gap] not in " \u00a0\u202f-":
            break
        before = gap
        while before > least and not text[before - 1].isspace():
            before -= 1
        if not _GROUP.fullmatch(text, before, gap):
            break
        start = before
    return start


def _words(text: str, run: int, count: int) -> int:
    """Where the last ``count`` words before ``run`` begin, on the same line."""
    start, least = run, max(0, len(text) - _WORDS_CHARS_MAX)
    for _ in range(count):
        at = start
        while at > least and text[at - 1] in " \t\u00a0":
            at -= 1
        while at > least and not text[at - 1].isspace():
            at -= 1
        if at == start:
            break
        start = at
    return start
