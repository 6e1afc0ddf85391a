"""The policy: is it valid, do its examples come out, can its users be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from weir.cli.checkup import Result, fail, ok
from weir.cli.output import many

if TYPE_CHECKING:
    from weir.settings import Settings

__all__ = ["policy", "users"]

_SHOWN = 5  # mistakes told; `weir check` tells all


def policy(path: Path, which: str = "") -> tuple[list[Result], Settings | None]:
    """The policy's mistakes, or that there are none; and its settings when it could be read.

    ``which`` says in a few words why it is this file that is looked at.
    """
    if not path.is_file():
        return [fail("policy", f"{path} is not a file", "name a policy with --policy")], None
    try:
        from weir.cli.check import examine

        report = examine(path)
    except ImportError:
        return [fail("policy", "not checked: the detectors cannot be loaded", "see above")], None
    wrong = [
        fail("policy", f"{m.file}:{m.line}: {m.field + ': ' if m.field else ''}{m.problem}", m.remedy)
        for m in report.mistakes
    ]
    wrong += [fail("policy", str(surprise), f"weir check {path}") for surprise in report.surprises]
    if len(wrong) > _SHOWN:
        wrong = [*wrong[:_SHOWN], fail("policy", f"and {len(wrong) - _SHOWN} more", f"weir check {path}")]
    if not wrong and report.settings is not None:
        told = f"{many(report.rules, 'rule')}, {many(report.examples, 'example')} as expected"
        wrong = [ok("policy", f"{path}: {told}, mode {report.settings.mode}{'; ' if which else ''}{which}")]
    return wrong, report.settings


def users(settings: Settings) -> list[Result]:
    """Whether the users file can be used; nothing when the policy names none."""
    from weir.identity.users import Users, UsersError

    path = settings.identity.users
    if path is None:
        return []
    try:
        count = len(Users.load(path))
    except UsersError as error:
        remedy = "weir identity add sets a password again and makes a missing file"
        return [fail("users", problem, remedy) for problem in error.mistakes[:_SHOWN]]
    return [ok("users", f"{path}: {count} users")]
