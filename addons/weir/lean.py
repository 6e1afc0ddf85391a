"""Imports a library without what its packages import for everybody.

`import presidio_analyzer` loads every recognizer of every country and spaCy, which takes most of a second and sixty
megabytes; what weir takes from it (patterns, checksums, context words) needs a dozen small modules. `mitmproxy.addons`
loads Flask, LDAP and thirty add-ons of which weir runs four. So the ``__init__`` files of such packages are run
without the imports of their own modules, and a name of theirs is imported when somebody asks for it: it is then the
very same object, only later.
"""

from __future__ import annotations

import ast
import gc
import importlib
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

__all__ = ["import_late", "lean", "uncollected"]

_lock = threading.RLock()


class _Loader(SourceFileLoader):
    """Runs the ``__init__`` file of a package, its own imports put off."""

    def __init__(self, fullname: str, path: str, family: str) -> None:
        super().__init__(fullname, path)
        self._family = family

    def exec_module(self, module: ModuleType) -> None:
        tree = ast.parse(self.get_data(self.path), self.path)
        later = _put_off(tree, module.__name__, self._family)
        module.__dict__["__getattr__"] = lambda name: _fetch(module, later, name)
        exec(compile(tree, self.path, "exec"), module.__dict__)


def _put_off(tree: ast.Module, package: str, family: str) -> dict[str, tuple[str, str]]:
    """Take out of ``tree`` the imports that running it does not need; names, each with its module and its name there.

    Only imports from the same family at the top: what else a file does it goes on doing. A function that needs a name
    imports it when it is called.
    """
    own = [node for node in tree.body if isinstance(node, ast.ImportFrom) and _origin(node, package, family)]
    rest = [node for node in tree.body if node not in own]
    called = [node for node in rest if isinstance(node, ast.FunctionDef)]
    needed = _names([*(node for node in rest if node not in called), *_run_at_once(called)]) | {"*"}
    later: dict[str, tuple[str, str]] = {}
    for node in own:
        origin = _origin(node, package, family)
        idle = [alias for alias in node.names if (alias.asname or alias.name) not in needed]
        later |= {alias.asname or alias.name: (origin, alias.name) for alias in idle}
        node.names = [alias for alias in node.names if alias not in idle]
    tree.body = [node for node in tree.body if not isinstance(node, ast.ImportFrom) or node.names]
    for function in called:
        for name in sorted(_names(function.body) & later.keys()):
            fetch = ast.ImportFrom(package, [ast.alias(name)], 0)
            function.body.insert(0, ast.fix_missing_locations(ast.copy_location(fetch, function)))
    return later


def _run_at_once(functions: Sequence[ast.FunctionDef]) -> Iterator[ast.AST]:
    """What a definition already needs: decorators, defaults, annotations."""
    for function in functions:
        yield function.args
        yield from function.decorator_list
        if function.returns is not None:
            yield function.returns


def _names(nodes: Sequence[ast.AST]) -> set[str]:
    return {one.id for node in nodes for one in ast.walk(node) if isinstance(one, ast.Name)}


def _origin(node: ast.ImportFrom, package: str, family: str) -> str:
    """The module that names are taken from; empty when it is not of the family."""
    above = package.split(".")
    parts = above[: len(above) - node.level + 1] if node.level else []
    origin = ".".join([*parts, *filter(None, [node.module])])
    return origin if origin == family or origin.startswith(f"{family}.") else ""


def _fetch(module: ModuleType, later: dict[str, tuple[str, str]], name: str) -> Any:
    if name not in later:
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
    origin, attribute = later[name]
    if origin == module.__name__:  # `from . import name`
        value: Any = importlib.import_module(f"{origin}.{attribute}")
    else:
        value = getattr(importlib.import_module(origin), attribute)
    setattr(module, name, value)
    return value


class _Finder:
    """Finds the packages of one family, and nothing else: their plain modules are found as ever."""

    def __init__(self, family: str) -> None:
        self.family = family

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As every meta path finder's."""
        if fullname != self.family and not fullname.startswith(f"{self.family}."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.submodule_search_locations is None or type(spec.loader) is not SourceFileLoader:
            return spec
        spec.loader = _Loader(fullname, spec.loader.path, self.family)
        return spec


@contextmanager
def _absent(module: str, names: Sequence[str]) -> Iterator[None]:
    """For as long as one module is imported: a placeholder for ``module``, which that only names in annotations."""
    package = module.partition(".")[0]
    if package in sys.modules:
        yield
        return
    outer, inner = ModuleType(package), ModuleType(module)
    for name in names:
        setattr(inner, name, type(name, (), {}))
    sys.modules.update({package: outer, module: inner})
    try:
        yield
    finally:
        for name in (package, module):
            sys.modules.pop(name, None)


def lean(family: str, user: str = "", module: str = "", names: Sequence[str] = ()) -> None:
    """Have the packages of ``family`` imported in this way from now on; if it is imported already, nothing changes.

    Its module ``user`` takes ``names`` from the expensive ``module`` for annotations alone: it gets placeholders.
    """
    with _lock:
        if family in sys.modules:
            return
        sys.meta_path.insert(0, _Finder(family))
        if user:
            with _absent(module, names):
                importlib.import_module(user)


def import_late(user: str, module: str, name: str) -> ModuleType:
    """``user``, which takes the class ``name`` from ``module`` for something that weir never has it do.

    ``module`` is then imported when somebody makes one of these after all. `filelock`, which tldextract wants for a
    cache on disk, hooks into every audit event of the interpreter, for as long as the process lives: 2 % of a request.
    """
    with _lock:
        if user in sys.modules or module in sys.modules:
            return importlib.import_module(user)

        def make(*arguments: Any, **named: Any) -> Any:
            return getattr(importlib.import_module(module), name)(*arguments, **named)

        stand_in = ModuleType(module)
        setattr(stand_in, name, make)
        sys.modules[module] = stand_in
        try:
            return importlib.import_module(user)
        finally:
            del sys.modules[module]


@contextmanager
def uncollected() -> Iterator[None]:
    """Without garbage collection: what a start makes stays, and walking all of it again and again takes a tenth of it.

    For as long as a process has nothing else to do, in one thread.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
