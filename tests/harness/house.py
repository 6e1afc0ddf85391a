"""The house rules that a program can hold: who imports whom, how long things are, what every part must have.

Each rule takes the root of a checkout and returns what breaks it, one line each: ``path:line: what is wrong``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["HOOKS", "floors", "guards", "lengths", "mirrors", "owners"]

CONCERNS = frozenset(
    [
        "tls",
        "identity",
        "tenants",
        "providers",
        "shadow",
        "dlp",
        "policy",
        "keys",
        "usage",
        "limits",
        "audit",
        "logs",
        "tools",
        "injection",
        "routing",
    ]
)
TOP = frozenset(["chain", "cli", "reports", "demo", "stock"])  # floor 3: they may import everything below
OWNERS = {
    "mitmproxy": ("edge/", "*/addon.py", "lazily in cli/"),
    "presidio_analyzer": ("dlp/personal/presidio.py",),
    "duckdb": ("audit/", "logs/", "reports/"),
    "sqlalchemy": ("sqlstore.py", "sqlengines.py", "limits/", "keys/virtual/"),
    "limits": ("limits/",),
    "redis": ("limits/",),
    "prometheus_client": ("edge/health/",),
}
SQL = ("sqlstore", "sqlengines")  # what stores in SQL have in common
HOOKS = frozenset(
    [
        "client_connected",
        "requestheaders",
        "request",
        "responseheaders",
        "response_chunk",
        "attempt_failed",
        "response",
        "http_connect",
        "http_connect_upstream",
        "tls_clienthello",
        "tls_start_client",
        "tls_start_server",
        "next_layer",
        "server_connect",
        "websocket_start",
        "websocket_message",
        "tcp_start",
        "tcp_message",
        "udp_start",
        "udp_message",
        "dns_request",
        "dns_response",
        "socks5_auth",
        "socks5_greeting",
        "quic_start_client",
    ]
)
FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 70
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_CODE = re.compile(r"(?m)^[ \t]*(?:(?:async[ \t]+)?def|class)\b")
ADDON_LINES_MAX = 80  # thin: hooks that call pure modules


@dataclass(frozen=True)
class Import:
    """One import of one module: where it stands, and whether only a call brings it about."""

    line: int
    module: str  # absolute, e.g. weir.dlp.rulebook.rules
    lazy: bool


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """(name below ``weir``, path) of every module, e.g. ``("dlp.rules", …)``; packages by their own name."""
    top = root / "addons" / "weir"
    for path in sorted(top.rglob("*.py")):
        parts = path.relative_to(top).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path, package: str) -> list[Import]:
    """Every import in a file, those under TYPE_CHECKING too; ``package`` is what relative ones start from."""
    found: list[Import] = []
    for node, lazy in _statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.extend(Import(node.lineno, alias.name, lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")
                base = ".".join([*above[: len(above) - node.level + 1], *filter(None, [base])])
            found.append(Import(node.lineno, base, lazy))
            found.extend(Import(node.lineno, f"{base}.{alias.name}", lazy) for alias in node.names)
    return found


def _statements(tree: ast.AST) -> Iterator[tuple[ast.AST, bool]]:
    """What stands in ``tree`` but for expressions, which are most of it, and whether only a call comes to it."""
    left = [(tree, False)]
    while left:
        node, lazy = left.pop()
        yield node, lazy
        lazy = lazy or isinstance(node, _FUNCTIONS)
        for field in _BLOCKS:
            left.extend((child, lazy) for child in getattr(node, field, ()))


def _package(name: str, path: Path) -> str:
    whole = f"weir.{name}" if name else "weir"
    return whole if path.name == "__init__.py" else whole.rpartition(".")[0]


def _said(root: Path, path: Path, line: int, what: str) -> str:
    return f"{path.relative_to(root)}:{line}: {what}"


def _room(name: str) -> str:
    """The folder a module belongs to; "" for those that stand beside the folders."""
    return name.partition(".")[0] if "." in name or name in CONCERNS | TOP | {"edge"} else ""


def floors(root: Path) -> list[str]:
    """Imports only point down: model, then pure modules, then edge and addons, then chain, cli, reports and demo."""
    names = dict(modules(root))
    wrong = []
    for name, path in names.items():
        for one in imports(path, _package(name, path)):
            target = one.module.removeprefix("weir.")
            if one.module.startswith("weir.") and target in names and target != name:
                problem = _floor_problem(name, target)
                if problem:
                    wrong.append(_said(root, path, one.line, problem))
    return wrong


def _floor_problem(name: str, target: str) -> str:
    room, other = _room(name), _room(target)
    addon = name.endswith(".addon")
    if (name == "model" and target != "frozen") or (name == "ports" and target != "model"):
        return f"{name} stands on floor 0 and imports {target}"
    if room in TOP or name in TOP or room == other != "":
        return f"a pure module imports its addon {target}" if _own_addon(name, target) else ""
    if other == "" and target not in TOP:
        return ""
    if room == "" and name != "":
        return f"{name} stands on floor 1 and imports {target}"
    if other == "edge":
        return "" if addon else f"{name} is pure and imports {target}"
    if room == "edge":
        return f"edge imports {target}" if other in TOP or target.endswith(".addon") else ""
    return f"{room} imports {target}: concerns never import each other, nor what stands above them"


def _own_addon(name: str, target: str) -> bool:
    return target.endswith(".addon") and _room(name) in CONCERNS and _room(name) == _room(target)


def owners(root: Path) -> list[str]:
    """mitmproxy, presidio_analyzer and duckdb are imported where they belong, and model imports no third party."""
    wrong = []
    for name, path in modules(root):
        for one in imports(path, _package(name, path)):
            library = one.module.partition(".")[0]
            room = _room(name)
            allowed = {
                "mitmproxy": room == "edge" or name.endswith(".addon") or (room == "cli" and one.lazy),
                "presidio_analyzer": name == "dlp.personal.presidio",
                "duckdb": room in ("audit", "logs", "reports"),
                "sqlalchemy": room == "limits" or name in SQL or name.startswith("keys.virtual."),
                "limits": room == "limits",
                "redis": room == "limits",
            }.get(library, True)
            if not allowed:
                where = ", ".join(OWNERS[library])
                wrong.append(_said(root, path, one.line, f"{library} is imported only in {where}"))
            if name in ("model", "ports") and not _is_standard(library) and library != "weir":
                wrong.append(_said(root, path, one.line, f"{name} imports {library}"))
    return sorted(set(wrong))


def _is_standard(library: str) -> bool:
    import sys

    return library in sys.stdlib_module_names or library == "weir"


def lengths(root: Path) -> list[str]:
    """No file over 300 lines, no addon.py over 80, no function over 70 (docstring included, decorators not)."""
    wrong = []
    for folder in ("addons", "tests", "scripts"):
        for path in sorted((root / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            count = len(text.splitlines())
            most = ADDON_LINES_MAX if path.name == "addon.py" and folder == "addons" else FILE_LINES_MAX
            if count > most:
                wrong.append(_said(root, path, most, f"{count} lines, more than {most}"))
            for node, _ in _statements(ast.parse(text)) if count > FUNCTION_LINES_MAX else ():
                if isinstance(node, _FUNCTIONS):
                    size = (node.end_lineno or node.lineno) - node.lineno + 1
                    if size > FUNCTION_LINES_MAX:
                        wrong.append(_said(root, path, node.lineno, f"{node.name} has {size} lines"))
    return wrong


def mirrors(root: Path) -> list[str]:
    """Every module that holds code has a test of its own name, every test module in unit/ a module it tests."""
    wrong = []
    for name, path in modules(root):
        if path.name in ("__init__.py", "__main__.py") or _CODE.search(path.read_text(encoding="utf-8")) is None:
            continue
        if not any((root / place).exists() for place in _test_places(name)):
            wrong.append(_said(root, path, 1, f"no test: {' or '.join(_test_places(name))}"))
    unit = root / "tests" / "unit"
    known = {name for name, _ in modules(root)}
    for path in sorted(unit.rglob("test_*.py")):
        parts = path.relative_to(unit).with_suffix("").parts
        tested = ".".join([*parts[:-1], parts[-1].removeprefix("test_")])
        if tested not in known and ".".join(parts[:-1]) not in known:
            wrong.append(_said(root, path, 1, f"tests no module: there is no weir.{tested}"))
    return wrong


def _test_places(name: str) -> list[str]:
    *folders, last = name.split(".")
    if last == "addon":
        return [f"tests/{place}/test_{'_'.join(folders)}_addon.py" for place in ("edge", "e2e")]
    inner = "/".join(["unit", *folders, f"test_{last}.py"])
    places = [f"tests/{inner}"]
    if folders[:1] == ["edge"]:  # what needs mitmproxy's own test tools
        places.append(f"tests/edge/test_{last}.py")
    return places


def guards(root: Path) -> list[str]:
    """In addon.py files and in edge, every method that mitmproxy calls to decide something is ``@guarded``."""
    wrong = []
    for name, path in modules(root):
        if not (name.endswith(".addon") or _room(name) == "edge"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for holder in (node for node, _ in _statements(tree) if isinstance(node, ast.ClassDef)):
            for node in holder.body:
                if (
                    isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                    and node.name in HOOKS
                    and len(node.args.args) == 2
                    and not any(_is_guard(mark) for mark in node.decorator_list)
                ):
                    wrong.append(_said(root, path, node.lineno, f"{holder.name}.{node.name} is not @guarded"))
    return wrong


def _is_guard(mark: ast.expr) -> bool:
    called = mark.func if isinstance(mark, ast.Call) else mark
    return (isinstance(called, ast.Name) and called.id == "guarded") or (
        isinstance(called, ast.Attribute) and called.attr == "guarded"
    )
