"""Reads detectors from their YAML files, and proves each on its own examples before it may be used.

A rule is a regex or a list of words. One that does not find its ``match`` examples, or finds a ``miss`` example, is
an error: every mistake is reported with file, line, field and what to write instead.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weir.dlp.core.patterns import Deadline, Later, OutOfTime, Pattern, compile_pattern
from weir.dlp.rulebook.examples import expand
from weir.dlp.rulebook.known import FOLDERS, RULES, is_known
from weir.dlp.rulebook.near import NearPattern
from weir.dlp.rulebook.rulefile import Entry, RuleError, entries
from weir.dlp.rulebook.secret_rule import KEYWORD_REACH_CHARS, SEVERITIES, SecretRule
from weir.dlp.rulebook.validators import VALIDATORS
from weir.dlp.rulebook.words import WordPattern, word_problem

__all__ = ["BUILT_IN", "RuleError", "RuleSet", "load_rules"]

BUILT_IN = RULES

_REQUIRED = ("id", "description", "severity")
_KINDS = ("regex", "words", "words_file")  # exactly one of them
_OPTIONAL = ("source", "match", "miss", "score", "case")
_OF_A_REGEX = ("keywords", "reach", "secret_group", "entropy_min", "validator", "filler")
_ID = re.compile(r"(?!exact/)[a-z][a-z0-9-]{0,30}/[a-z0-9][a-z0-9-]{0,62}|pii/[A-Z][A-Z0-9_]{0,62}")
_SEPARATOR = re.compile(r"(?<=[a-z0-9])[ _-](?=[a-z0-9])")
_SHORT_NAME_CHARS = 3
_EXAMPLE_SECONDS = 1.0
_WORDS_MAX = 200_000
_WORDS_FILE_BYTES_MAX = 16 << 20


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules, by id in order, and a digest of the files they came from."""

    rules: tuple[SecretRule, ...]
    digest: str


def load_rules(directories: Sequence[Path] = (), *, prove: bool = False) -> RuleSet:
    """The built-in rules and those in every ``*.yaml`` below ``directories``. Raises RuleError, or OSError.

    Files that are known (see known.py) are not checked again, unless they are to ``prove`` themselves all the same.
    """
    digest = hashlib.sha256()
    rules: dict[str, SecretRule] = {}
    for directory in (*FOLDERS, *directories):
        for file in _files(directory):
            content = file.read_bytes()
            digest.update(len(content).to_bytes(8) + content)
            known = not prove and is_known(file, content)
            for entry in entries(file, content):
                rule = _rule(entry, digest, known)
                if rule.id in rules:
                    problem = f"{rule.id} exists already"
                    raise RuleError(file, entry.line, "id", problem, "give the rule an id of its own")
                rules[rule.id] = rule
    return RuleSet(tuple(rules[name] for name in sorted(rules)), digest.hexdigest())


def _files(directory: Path) -> list[Path]:
    if not directory.is_dir():
        raise RuleError(directory, 1, "rules", "is not a folder", "name a folder that holds *.yaml rule files")
    return sorted(file for file in directory.rglob("*") if file.suffix in (".yaml", ".yml"))


def _rule(entry: Entry, digest: hashlib._Hash, known: bool) -> SecretRule:
    entry.check_names(_REQUIRED, _KINDS + _OPTIONAL + _OF_A_REGEX)
    rule_id = entry.text("id")
    if _ID.fullmatch(rule_id) is None:
        remedy = "write a category and a name of a-z, 0-9 and -, as in secret/acme-key or word/projects"
        raise entry.error("id", "is not category/name", remedy)
    severity = entry.text("severity")
    if severity not in SEVERITIES:
        raise entry.error("severity", "is not known", f"write one of {', '.join(SEVERITIES)}")
    score = entry.number("score", 0.95)
    if not 0 < score <= 1:
        raise entry.error("score", "is not a score", "write a number above 0 and up to 1")
    kinds = [name for name in _KINDS if name in entry]
    if len(kinds) != 1:
        problem = f"stands beside {kinds[0]}" if kinds else "is missing"
        raise entry.error((kinds or ["regex"])[-1], problem, f"write one of {', '.join(_KINDS)}")
    rule = SecretRule(
        id=rule_id,
        description=entry.text("description"),
        severity=severity,
        source=entry.text("source", None if rule_id.startswith("secret/") else "stated by the operator"),
        score=score,
        match=tuple(expand(example, rule_id) for example in entry.texts("match")),
        miss=tuple(expand(example, rule_id) for example in entry.texts("miss")),
        **(_regex_fields(entry, known) if kinds == ["regex"] else _word_fields(entry, kinds[0], digest)),
    )
    if not known:
        _prove(entry, rule)
    return rule


def _regex_fields(entry: Entry, known: bool) -> dict[str, Any]:
    for name in ("match", "miss"):
        if not entry.texts(name):
            raise entry.error(name, "has no example", "write at least one")
    if "case" in entry:
        raise entry.error("case", "belongs to lists of words", "begin the regex with (?i) to ignore case")
    validator = entry.text("validator", "")
    if validator and validator not in VALIDATORS:
        raise entry.error("validator", "is not known", f"write one of {', '.join(VALIDATORS)}")
    pattern = Later(entry.text("regex")) if known else _pattern(entry)
    group = entry.number("secret_group", 0)
    if not known and (group != int(group) or not 0 <= group <= pattern.groups):
        raise entry.error("secret_group", "is no group of the regex", f"write 0 to {pattern.groups}")
    reach = entry.number("reach", KEYWORD_REACH_CHARS)
    if reach != int(reach) or not 1 <= reach <= KEYWORD_REACH_CHARS:
        raise entry.error("reach", "is no number of characters", f"write 1 to {KEYWORD_REACH_CHARS}")
    if not all(keyword.strip() for keyword in entry.texts("keywords")):
        raise entry.error("keywords", "holds an empty word", "remove it")
    keywords = tuple(dict.fromkeys(form for word in entry.texts("keywords") for form in _forms(word.lower())))
    return {
        "pattern": NearPattern(pattern, keywords, int(reach)) if keywords else pattern,
        "group": int(group),
        "keywords": keywords,
        "reach": int(reach),
        "entropy_min": entry.number("entropy_min", 0.0),
        "validator": validator,
        "filler": entry.flag("filler"),
    }


def _forms(keyword: str) -> Iterator[str]:
    """``acme_api`` as people write it: with an underscore, a hyphen, a space, or nothing, as in acmeApi."""
    yield keyword
    first = _SEPARATOR.split(keyword)[0]
    # Of a short name, "dd api", the open forms stand in "add api" too.
    for separator in ("_", "-", " ", "") if len(first) > _SHORT_NAME_CHARS else ("_", "-", ""):
        yield _SEPARATOR.sub(separator, keyword)


def _pattern(entry: Entry) -> Pattern:
    try:
        pattern = compile_pattern(entry.text("regex"))
    except ValueError as error:
        raise entry.error("regex", str(error), "correct the pattern") from None
    if next(pattern.finditer("", timeout=_EXAMPLE_SECONDS), None) is not None:
        raise entry.error("regex", "matches the empty text", "make at least one part of it required")
    return pattern


def _word_fields(entry: Entry, kind: str, digest: hashlib._Hash) -> dict[str, Any]:
    for name in _OF_A_REGEX:
        if name in entry:
            raise entry.error(name, "belongs to a regex", f"remove it, or write a regex instead of {kind}")
    if kind == "words":
        words = list(entry.texts("words"))
        for index, word in enumerate(words):
            if problem := word_problem(word):
                raise entry.error("words", f"entry {index + 1} {problem}", "write it out, or leave it out", index)
    else:
        words = list(_words_of(entry, digest))
    if not 0 < len(words) <= _WORDS_MAX:
        raise entry.error(kind, f"holds {len(words)} words", f"write 1 to {_WORDS_MAX}")
    return {"pattern": WordPattern(words, entry.flag("case"))}


def _words_of(entry: Entry, digest: hashlib._Hash) -> Iterator[str]:
    """The lines of a words file; empty lines and those that begin with ``#`` say nothing."""
    file = entry.file.parent / entry.text("words_file")
    try:
        with file.open("rb") as opened:
            content = opened.read(_WORDS_FILE_BYTES_MAX + 1)
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise entry.error("words_file", problem, "name a file beside this one, one entry a line") from None
    if len(content) > _WORDS_FILE_BYTES_MAX:
        raise RuleError(file, 1, "words_file", "is larger than 16 MiB", "split or shorten it")
    digest.update(len(content).to_bytes(8) + content)
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        at = content.count(b"\n", 0, error.start) + 1
        raise RuleError(file, at, "words_file", "is not UTF-8", "save it as UTF-8") from None
    for number, line in enumerate(lines, 1):
        word = line.strip()
        if word and not word.startswith("#"):
            if problem := word_problem(word):
                raise RuleError(file, number, "words_file", f"this entry {problem}", "write it out, or leave it out")
            yield word


def _prove(entry: Entry, rule: SecretRule) -> None:
    """Run the rule on its own examples. Errors count them: one may look like a key, so none is quoted."""
    proofs: Iterable[tuple[str, tuple[str, ...], bool]] = (("match", rule.match, True), ("miss", rule.miss, False))
    for field, examples, expected in proofs:
        for index, example in enumerate(examples):
            try:
                found = any(rule.spans(example, Deadline(_EXAMPLE_SECONDS)))
            except (TimeoutError, OutOfTime):
                raise entry.error("regex", "takes too long on an example", "make its repeats unambiguous") from None
            if found is not expected:
                problem = "is not found" if expected else "is found"
                remedy = "correct the rule or the example"
                raise entry.error(field, f"example {index + 1} of {rule.id} {problem}", remedy, index)
