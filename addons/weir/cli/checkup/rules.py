"""The policy: is it valid, do its examples come out, can its users and the keys it names be had."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from weir.cli.checkup import Result, fail, ok, warn

if TYPE_CHECKING:
    from weir.settings import Settings

__all__ = ["keys", "policy", "users"]

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
        told = f"{report.rules} rules, {report.examples} examples as expected, mode {report.settings.mode}"
        wrong = [ok("policy", f"{path}: {told}{'; ' if which else ''}{which}")]
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


def keys(settings: Settings) -> list[Result]:
    """Whether each secret that the policy names can be had, here and now. No secret is ever shown.

    One that cannot be had is a warning, since nobody needs every service, unless none can.
    """
    from weir.keys.backends import SecretUnavailable
    from weir.keys.secrets import resolve
    from weir.keys.virtual import looks_virtual
    from weir.providers.services.registry import Registry

    registry = Registry.load()
    found, missing = [], []
    for service, key in settings.keys.items():
        provider = registry.by_id(service)
        try:
            secret = resolve(key.secret, key.hosts or (provider.bound_hosts if provider else ()), service)
        except SecretUnavailable as error:
            missing.append(str(error))
            continue
        if looks_virtual(secret.reveal()):
            why = f"keys.{service}: what the reference yields is a virtual key, which no provider knows"
            found.append(fail("keys", why, f"put {service}'s real key there; virtual keys are for clients"))
        else:
            found.append(ok("keys", f"{service}: there, for {', '.join(secret.hosts[:3])}"))
    say = warn if found else fail
    # An env: secret belongs to the environment of the service, which need not be that of this shell.
    remedy = "run weir doctor where weir starts; remove keys you don't use"
    return found + [say("keys", problem, remedy) for problem in missing]
