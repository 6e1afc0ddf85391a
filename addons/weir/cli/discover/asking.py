"""What the options of ``weir discover`` say; wrong ones end the command with what to write instead."""

from __future__ import annotations

from collections.abc import Sequence

from weir.cli.output import fail

__all__ = ["columns_of", "domains_of", "zone_of"]


def domains_of(given: Sequence[str]) -> dict[str, str]:
    """``ACME=acme.com`` → mail domain by Windows domain, in small letters."""
    domains: dict[str, str] = {}
    for each in given:
        name, _, mail = (piece.strip().lower() for piece in each.partition("="))
        if not name or not mail or {"\\", "@"} & set(name + mail):
            raise fail("discover", f"--domain {each}: write WINDOWS=MAIL, such as ACME=acme.com", 2)
        domains[name] = mail
    return domains


def zone_of(name: str) -> str:
    """``name``, which is a time zone's by IANA."""
    from zoneinfo import available_timezones

    if name != "UTC" and name not in available_timezones():
        raise fail("discover", f"--timezone {name}: there is no such zone; write one like Europe/Berlin", 2)
    return name


def columns_of(given: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """``host=Domain,user=3`` → name or number by what it is, one of ``known``."""
    columns: dict[str, str] = {}
    for part in (part for each in given for part in each.split(",")):
        what, _, name = (piece.strip() for piece in part.partition("="))
        if what not in known or not name:
            raise fail("discover", f"--column {part}: write WHAT=NAME, where WHAT is {', '.join(known)}", 2)
        columns[what] = name
    return columns
