"""Where the files that belong to weir, yet not inside the package, are: beside a checkout or in the installation."""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

__all__ = ["MissingFile", "policies", "policy_path", "shared_tokenizers", "version"]

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parents[1]
_SHARE = Path("share") / "weir" / "policies"  # as in pyproject.toml, [tool.setuptools.data-files]
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class MissingFile(FileNotFoundError):
    """A file that comes with weir is not there. The message is one line: what, where it was looked for, what to do."""


def policy_path(name: str) -> Path:
    """The shipped policy called ``name`` (``observe``, ``enforce``).

    Raises ValueError for something that is no policy name, MissingFile when there is no such file.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("a shipped policy's name is lower-case letters, digits and hyphens; give other files by path")
    folders = list(_policy_folders())
    for folder in folders:
        path = folder / f"{name}.yaml"
        if path.is_file():
            return path
    looked = ", ".join(str(folder) for folder in folders)
    raise MissingFile(f"the policy {name}.yaml is in none of {looked}; install weir again or name a file with --policy")


def policies() -> list[str]:
    """The names of the shipped policies, sorted; empty when the installation has lost them."""
    for folder in _policy_folders():
        names = sorted(path.stem for path in folder.glob("*.yaml"))
        if names:
            return names
    return []


def shared_tokenizers() -> Path:
    """Where the vocabularies of this installation lie, for every data directory that has none of its own."""
    return Path(sys.prefix) / "share" / "weir" / "tokenizers"


def version() -> str:
    """The version of this weir: of the checkout when it runs from one, else of the installed package."""
    project = _CHECKOUT / "pyproject.toml"
    if project.is_file():
        import tomllib

        return str(tomllib.loads(project.read_text("utf-8"))["project"]["version"])
    from importlib.metadata import version as installed

    return installed("weir")


def _policy_folders() -> Iterator[Path]:
    # The project file tells a checkout from a site-packages that happens to lie beside somebody's `policies`.
    if (_CHECKOUT / "pyproject.toml").is_file():
        yield _CHECKOUT / "policies"
    yield Path(sysconfig.get_path("data")) / _SHARE
    yield Path(sysconfig.get_path("data", sysconfig.get_preferred_scheme("user"))) / _SHARE
