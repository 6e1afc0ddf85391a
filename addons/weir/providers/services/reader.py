"""Reads the nodes of one YAML file by kind; every mistake is kept with its line and what to write instead."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

__all__ = ["FieldReader", "ProviderFileError", "compose", "line_of"]

# libyaml's loader where PyYAML was built with it: ten times faster, same result.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ProviderFileError(ValueError):
    """Provider files that can't be used; each of ``mistakes`` is ``file:line: field: problem; what to write``."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(mistakes))


def compose(text: str, file: str) -> yaml.Node:
    """The root node of ``text``. Raises ProviderFileError when it is not YAML or empty."""
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ProviderFileError([f"{file}:{line}: file: is not YAML ({error.problem}); correct it"]) from None
    except yaml.YAMLError:
        raise ProviderFileError([f"{file}:1: file: is not YAML; correct it"]) from None
    if root is None:
        raise ProviderFileError([f"{file}:1: file: is empty; write id, name, hosts and operations"])
    return root


def line_of(node: yaml.Node | None) -> int:
    """The line on which ``node`` begins, from 1; 1 for none."""
    return int(node.start_mark.line) + 1 if node is not None else 1


class FieldReader:
    """Reads one file's nodes; what is wrong goes to ``mistakes`` and reads as something empty."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: list[str] = []

    def wrong(self, node: yaml.Node | None, field: str, problem: str, remedy: str) -> None:
        """Keep a mistake at ``node``."""
        self.mistakes.append(f"{self.file}:{line_of(node)}: {field}: {problem}; {remedy}")

    def members(self, node: yaml.Node, field: str, known: frozenset[str]) -> dict[str, yaml.Node]:
        """The members of a mapping; only those whose names are ``known``."""
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, field, "is not a mapping", "write `name: value` pairs")
            return {}
        out: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name not in known:
                self.wrong(key, f"{field}.{name}", "is not known", f"write one of {', '.join(sorted(known))}")
            elif name in out:
                self.wrong(key, f"{field}.{name}", "stands twice", "remove one")
            else:
                out[name] = value
        return out

    def items(self, node: yaml.Node | None, field: str) -> list[yaml.Node]:
        """The items of a list; none when there is no node."""
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(node, field, "is not a list", "write `- …` items")
            return []
        return list(node.value)

    def text(self, node: yaml.Node | None, field: str, default: str = "") -> str:
        """A text that is not empty; ``default`` when there is no node."""
        if node is None:
            return default
        if isinstance(node, yaml.ScalarNode) and isinstance(node.value, str) and node.value:
            return node.value
        self.wrong(node, field, "is not text", "write a word or a quoted text")
        return default

    def texts(self, node: yaml.Node | None, field: str) -> list[tuple[yaml.Node, str]]:
        """The texts of a list with their nodes; one that stands twice is a mistake."""
        out: list[tuple[yaml.Node, str]] = []
        seen: set[str] = set()
        for place, item in enumerate(self.items(node, field)):
            text = self.text(item, f"{field}[{place}]")
            if text in seen and text:
                self.wrong(item, f"{field}[{place}]", "stands twice", "remove one")
            seen.add(text)
            out.append((item, text))
        return out

    def flag(self, node: yaml.Node | None, field: str) -> bool:
        """A yes or no; no when there is no node."""
        if node is None:
            return False
        if isinstance(node, yaml.ScalarNode) and node.value in ("true", "false"):
            return bool(node.value == "true")
        self.wrong(node, field, "is not a yes or no", "write true or false")
        return False
