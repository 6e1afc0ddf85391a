"""Reads the secret rules from their YAML files, and proves each rule on its own examples before it may be used.

A rule that does not find its ``match`` examples, or finds a ``miss`` example, is an error: every mistake is reported
with file, line, field and what to write instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from weir.dlp.examples import expand
from weir.dlp.patterns import Deadline, OutOfTime, Pattern, compile_pattern
from weir.dlp.secret_rule import SEVERITIES, SecretRule
from weir.dlp.validators import VALIDATORS

__all__ = ["BUILT_IN", "RuleError", "RuleSet", "load_rules"]

BUILT_IN = Path(__file__).parent / "rules"

_REQUIRED = ("id", "description", "severity", "source", "regex", "match", "miss")
_OPTIONAL = ("keywords", "secret_group", "entropy_min", "validator", "score", "filler")
_EXAMPLE_SECONDS = 1.0
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class RuleError(ValueError):
    """A mistake in a rule file. The message reads ``FILE:LINE: field: what is wrong; what to write instead``."""

    def __init__(self, file: Path, line: int, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{file}:{line}: {field}: {problem}; {remedy}")
        self.file = file
        self.line = line
        self.field = field
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All secret rules, by id in order, and a digest of the files they came from."""

    rules: tuple[SecretRule, ...]
    digest: str


def load_rules(directories: Sequence[Path] = ()) -> RuleSet:
    """The built-in rules and those in every ``*.yaml`` below ``directories``. Raises RuleError, or OSError."""
    digest = hashlib.sha256()
    rules: dict[str, SecretRule] = {}
    for directory in (BUILT_IN, *directories):
        for file in sorted(directory.rglob("*.yaml")):
            content = file.read_bytes()
            digest.update(len(content).to_bytes(8) + content)
            for line, rule in _read(file, content):
                if rule.id in rules:
                    raise RuleError(file, line, "id", f"{rule.id} exists already", "give the rule an id of its own")
                rules[rule.id] = rule
    return RuleSet(tuple(rules[name] for name in sorted(rules)), digest.hexdigest())


def _read(file: Path, content: bytes) -> Iterator[tuple[int, SecretRule]]:
    try:
        root = yaml.compose(content.decode("utf-8"), Loader=_LOADER)
    except UnicodeDecodeError:
        raise RuleError(file, 1, "file", "is not UTF-8", "save it as UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "is not YAML"
        raise RuleError(file, mark.line + 1 if mark else 1, "file", str(problem), "correct the YAML") from None
    entries = _Entry(file, root).entries()
    for entry in entries:
        rule = _rule(entry)
        _prove(entry, rule)
        yield entry.line, rule


def _rule(entry: _Entry) -> SecretRule:
    entry.check_names()
    rule_id = entry.text("id")
    category, _, name = rule_id.partition("/")
    if category != "secret" or not name or name != name.lower() or not name.replace("-", "").isalnum():
        raise entry.error("id", "is not secret/<name>", "write secret/ and a name of a-z, 0-9 and -")
    severity = entry.text("severity")
    if severity not in SEVERITIES:
        raise entry.error("severity", "is not known", f"write one of {', '.join(SEVERITIES)}")
    validator = entry.text("validator", "")
    if validator and validator not in VALIDATORS:
        raise entry.error("validator", "is not known", f"write one of {', '.join(VALIDATORS)}")
    pattern = _pattern(entry)
    group = entry.number("secret_group", 0)
    if group != int(group) or not 0 <= group <= pattern.groups:
        raise entry.error("secret_group", "is no group of the regex", f"write 0 to {pattern.groups}")
    score = entry.number("score", 0.95)
    if not 0 < score <= 1:
        raise entry.error("score", "is not a score", "write a number above 0 and up to 1")
    return SecretRule(
        id=rule_id,
        description=entry.text("description"),
        severity=severity,
        source=entry.text("source"),
        pattern=pattern,
        group=int(group),
        keywords=tuple(keyword.lower() for keyword in entry.texts("keywords")),
        entropy_min=entry.number("entropy_min", 0.0),
        validator=validator,
        score=score,
        filler=entry.flag("filler"),
        match=tuple(expand(example, rule_id) for example in entry.texts("match")),
        miss=tuple(expand(example, rule_id) for example in entry.texts("miss")),
    )


def _pattern(entry: _Entry) -> Pattern:
    try:
        pattern = compile_pattern(entry.text("regex"))
    except ValueError as error:
        raise entry.error("regex", str(error), "correct the pattern") from None
    if next(pattern.finditer("", timeout=_EXAMPLE_SECONDS), None) is not None:
        raise entry.error("regex", "matches the empty text", "make at least one part of it required")
    return pattern


def _prove(entry: _Entry, rule: SecretRule) -> None:
    """Run the rule on its own examples. Errors count them: one may look like a key, so none is quoted."""
    for field, examples, expected in (("match", rule.match, True), ("miss", rule.miss, False)):
        if not examples:
            raise entry.error(field, "has no example", "write at least one")
        for index, example in enumerate(examples):
            try:
                found = any(rule.spans(example, Deadline(_EXAMPLE_SECONDS)))
            except (TimeoutError, OutOfTime):
                raise entry.error("regex", "takes too long on an example", "make its repeats unambiguous") from None
            if found is not expected:
                problem = "is not found" if expected else "is found"
                remedy = "correct the regex or the example"
                raise entry.error(field, f"example {index + 1} of {rule.id} {problem}", remedy, index)


class _Entry:
    """One YAML node with the file it stands in: reads fields by type and says where a mistake is."""

    def __init__(self, file: Path, node: yaml.Node | None) -> None:
        self.file = file
        self.node = node
        self.line = node.start_mark.line + 1 if node is not None else 1
        self._fields: dict[str, yaml.Node] = {}
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value in self._fields:
                    raise RuleError(file, key.start_mark.line + 1, str(key.value), "is given twice", "keep one of them")
                self._fields[key.value] = value

    def entries(self) -> list[_Entry]:
        """The items of the file's ``rules`` list."""
        rules = self._fields.get("rules")
        if set(self._fields) != {"rules"} or not isinstance(rules, yaml.SequenceNode):
            raise RuleError(self.file, self.line, "rules", "is missing or not alone", "write `rules:` and a list")
        return [_Entry(self.file, item) for item in rules.value]

    def error(self, field: str, problem: str, remedy: str, index: int | None = None) -> RuleError:
        """A RuleError at the line of ``field``, or of its item ``index``; of the rule when the field is missing."""
        node: yaml.Node | None = self._fields.get(field, self.node)
        if index is not None and isinstance(node, yaml.SequenceNode):
            node = node.value[index]
        return RuleError(self.file, node.start_mark.line + 1 if node is not None else 1, field, problem, remedy)

    def check_names(self) -> None:
        """Raise for a field that is missing or not known."""
        if not isinstance(self.node, yaml.MappingNode):
            raise RuleError(
                self.file, self.line, "rules", "holds something that is no rule", "write fields: id, regex …"
            )
        for name in self._fields:
            if name not in _REQUIRED + _OPTIONAL:
                raise self.error(name, "is not known", f"write one of {', '.join(_REQUIRED + _OPTIONAL)}")
        for name in _REQUIRED:
            if name not in self._fields:
                raise self.error(name, "is missing", "add it to this rule")

    def text(self, name: str, default: str | None = None) -> str:
        """A text field, stripped; ``default`` makes it optional."""
        node = self._fields.get(name)
        if node is None and default is not None:
            return default
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            raise self.error(name, "is not a text", "write one, in quotes if in doubt")
        return str(node.value).strip()

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; empty when the field is absent."""
        node = self._fields.get(name)
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode) or not all(isinstance(i, yaml.ScalarNode) for i in node.value):
            raise self.error(name, "is not a list of texts", "write one `- text` a line")
        return tuple(str(item.value) for item in node.value)

    def number(self, name: str, default: float) -> float:
        """A number field."""
        node = self._fields.get(name)
        if node is None:
            return default
        try:
            return float(node.value)
        except (TypeError, ValueError):
            raise self.error(name, "is not a number", "write one") from None

    def flag(self, name: str) -> bool:
        """A yes-or-no field; absent means no."""
        node = self._fields.get(name)
        if node is None:
            return False
        if not isinstance(node, yaml.ScalarNode) or node.value not in ("true", "false"):
            raise self.error(name, "is not true or false", "write true or false")
        return bool(node.value == "true")
