"""Code as it stands in its file: what weir replaces in memory is still what an upgrade would change."""

from __future__ import annotations

import ast
import importlib
import inspect

__all__ = ["written"]


def written(module: str, name: str) -> str:
    """The code of a function, a class or a method (``Class.method``), comments and layout aside."""
    node: ast.AST = ast.parse(inspect.getsource(importlib.import_module(module)))
    for part in name.split("."):
        members = getattr(node, "body", ())
        node = next(n for n in members if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and n.name == part)
    return ast.unparse(node)
