"""The restrictions that a whole policy asks for, with mistakes told at the policy's own lines."""

from __future__ import annotations

from fnmatch import fnmatchcase

from weir.settings import Mistake, PolicyError, Settings
from weir.tenants.restrict import Restrictions, restrictions
from weir.tenants.vendors import load

__all__ = ["tenant_doubts", "tenant_mistakes", "tenants_of"]


def tenants_of(settings: Settings) -> Restrictions:
    """What the section ``tenants`` asks for. Raises PolicyError with every mistake in it."""
    found, mistakes = _read(settings)
    if mistakes:
        raise PolicyError(mistakes)
    return found


def tenant_mistakes(settings: Settings) -> tuple[Mistake, ...]:
    """Every mistake in the section ``tenants``."""
    return _read(settings)[1]


def tenant_doubts(settings: Settings) -> tuple[Mistake, ...]:
    """Restrictions that decrypt far more than sign-in."""
    vendors = load()
    return tuple(
        settings.mistake(
            ("tenants", name),
            f"decrypts everything on {', '.join(vendors[name].hosts.patterns)}: {vendors[name].wide}",
            "name under hosts: the ones to confine, or leave some out with intercept.exclude",
        )
        for name, entry in settings.tenants.items()
        if name in vendors and vendors[name].wide and "hosts" not in entry
    )


def _read(settings: Settings) -> tuple[Restrictions, tuple[Mistake, ...]]:
    exclude = settings.intercept.exclude

    def excluded(pattern: str) -> bool:
        # Of "everything below a name" one host there stands for all; a few of them may be left out.
        host = f"x.{pattern[2:]}" if pattern.startswith("*.") else pattern
        return any(fnmatchcase(host, one) for one in exclude)

    found, problems = restrictions(settings.tenants, load(), excluded)
    return found, tuple(settings.mistake(("tenants", *p.place), p.problem, p.remedy) for p in problems)
