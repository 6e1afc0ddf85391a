"""SQL that makes hosts, paths and programs out of what logs write: addresses of any form, User-Agents."""

from __future__ import annotations

from collections.abc import Mapping

from weir.logs.sql import quote

__all__ = ["agent_product", "host_of", "is_host", "named", "path_of", "person"]

# scheme://user@ before the host, which is in brackets, a bare IPv6 address, or anything up to a port or a path.
_BEFORE = r"^(?:[A-Za-z][A-Za-z0-9+.\-]*://)?(?:[^/?#@\s]*@)?"
_HOST = _BEFORE + r"(?:\[([^\]/]*)\]|([0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)|([^/?#:@\s]+))"
_PATH = _BEFORE + r"[^/?#\s]*(/[^?#\s]*)"


def host_of(url: str) -> str:
    """The host in a URL, ``host:port``, ``host/path`` or host: lower case, no final dot; ``""`` for none."""
    parts = f"regexp_extract({url}, '{_HOST}', ['v6', 'bare', 'name'])"
    any_form = f"list_transform([{parts}], lambda p: coalesce(nullif(p.v6, ''), nullif(p.bare, ''), p.name))[1]"
    # Most logs write host:port or host: four times as fast without the pattern.
    plain = f"regexp_full_match({url}, '[A-Za-z0-9_.\\-]+(?::[0-9]+)?')"
    return f"rtrim(lower(CASE WHEN {plain} THEN split_part({url}, ':', 1) ELSE {any_form} END), '.')"


def is_host(host: str) -> str:
    """Whether it can be a host's name or address; names in other scripts count."""
    # A bound of hundreds in the pattern makes RE2 a thousand times slower.
    return rf"(length({host}) <= 253 AND regexp_full_match({host}, '[\p{{L}}\p{{M}}\p{{N}}_.:\-]+'))"


def path_of(url: str) -> str:
    """The path in a URL, query cut off; ``""`` for none."""
    return f"regexp_extract({url}, '{_PATH}', 1)"


def named(value: str) -> str:
    """A person, device or department: NULL for what logs write for nobody; never longer than 256 characters."""
    # JSON writes control characters as escapes: the text of a line is without them, what stands in it may not be.
    value = f"trim({shown(value)})"
    return f"(CASE WHEN lower({value}) NOT IN ('', '-', 'none', 'n/a', 'null', '(empty)') THEN left({value}, 256) END)"


def person(value: str, domains: Mapping[str, str]) -> str:
    """A user's name in small letters, as directories compare them; ``acme\\ann`` is ``ann@acme.com`` where ``domains``
    (in small letters) says that ``acme`` is ``acme.com``."""
    value = f"lower({value})"
    if not domains:
        return value
    name = f"split_part({value}, '\\', 2)"
    ways = " ".join(f"WHEN {quote(domain)} THEN {name} || {quote('@' + mail)}" for domain, mail in domains.items())
    return f"(CASE split_part({value}, '\\', 1) {ways} ELSE {value} END)"


def shown(value: str) -> str:
    """Text without what steers a terminal: control characters become spaces."""
    return rf"regexp_replace({value}, '[\x00-\x1f\x7f-\x{{9f}}]', ' ', 'g')"


def agent_product(agent: str) -> str:
    """The program in a User-Agent: ``openai-python`` of ``OpenAI/Python …``'s first word; of a browser's the word that
    tells it from the others (``Edg``, ``Cursor``, ``Firefox``, ``Chrome``)."""
    telling = (
        rf"list_filter(regexp_extract_all({agent}, '([A-Za-z][A-Za-z0-9_.\-]*)/[0-9]', 1), lambda word: word NOT IN "
        "('Mozilla', 'AppleWebKit', 'Gecko', 'Chrome', 'Safari', 'Version', 'Mobile', 'Electron', 'Node.js'))[1]"
    )
    browser = rf"coalesce({telling}, nullif(regexp_extract({agent}, '(Chrome|Safari)/', 1), ''), 'Mozilla')"
    first = rf"regexp_extract({agent}, '^([A-Za-z0-9_.\-]+(?:/[A-Za-z][A-Za-z0-9_.\-]*)?)', 1)"
    return f"left(CASE WHEN starts_with({agent}, 'Mozilla/') THEN {browser} ELSE {first} END, 64)"
