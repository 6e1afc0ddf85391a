"""Rule files as YAML nodes: fields by type, and the file and line of every mistake."""

from __future__ import annotations

from pathlib import Path

import yaml

__all__ = ["Entry", "RuleError", "entries"]

_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class RuleError(ValueError):
    """A mistake in a rule file. The message reads ``FILE:LINE: field: what is wrong; what to write instead``."""

    def __init__(self, file: Path, line: int, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{file}:{line}: {field}: {problem}; {remedy}")
        self.file = file
        self.line = line
        self.field = field
        self.remedy = remedy


def entries(file: Path, content: bytes) -> list[Entry]:
    """The items of the ``rules`` list in ``content``, the bytes of ``file``. Raises RuleError."""
    try:
        root = yaml.compose(content.decode("utf-8-sig"), Loader=_LOADER)
    except UnicodeDecodeError:
        raise RuleError(file, 1, "file", "is not UTF-8", "save it as UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "is not YAML"
        raise RuleError(file, mark.line + 1 if mark else 1, "file", str(problem), "correct the YAML") from None
    except RecursionError:
        raise RuleError(file, 1, "file", "is nested too deeply", "flatten it") from None
    return Entry(file, root).items()


class Entry:
    """One YAML node with the file it stands in: reads fields by type and says where a mistake is."""

    def __init__(self, file: Path, node: yaml.Node | None) -> None:
        self.file = file
        self.node = node
        self.line = node.start_mark.line + 1 if node is not None else 1
        self._fields: dict[str, yaml.Node] = {}
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                name = str(key.value)
                if name in self._fields:
                    raise RuleError(file, key.start_mark.line + 1, name, "is given twice", "keep one of them")
                self._fields[name] = value

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def items(self) -> list[Entry]:
        """The items of the file's ``rules`` list."""
        rules = self._fields.get("rules")
        if set(self._fields) != {"rules"} or not isinstance(rules, yaml.SequenceNode):
            raise RuleError(self.file, self.line, "rules", "is missing or not alone", "write `rules:` and a list")
        return [Entry(self.file, item) for item in rules.value]

    def error(self, field: str, problem: str, remedy: str, index: int | None = None) -> RuleError:
        """A RuleError at the line of ``field``, or of its item ``index``; of the rule when the field is missing."""
        node: yaml.Node | None = self._fields.get(field, self.node)
        if index is not None and isinstance(node, yaml.SequenceNode):
            node = node.value[index]
        return RuleError(self.file, node.start_mark.line + 1 if node is not None else 1, field, problem, remedy)

    def check_names(self, required: tuple[str, ...], optional: tuple[str, ...]) -> None:
        """Raise for a field that is missing or not known."""
        if not isinstance(self.node, yaml.MappingNode):
            remedy = "write fields: id, description, severity …"
            raise RuleError(self.file, self.line, "rules", "holds something that is no rule", remedy)
        for name in self._fields:
            if name not in required + optional:
                raise self.error(name, "is not known", f"write one of {', '.join(required + optional)}")
        for name in required:
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
