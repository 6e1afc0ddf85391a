"""The PAC file: which hosts a browser sends through weir.

It is ES3, as the engines of some systems are. There is no way round weir in it: where weir does not answer, what
belongs to it goes nowhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from weir.tls.decide import HostSet, normalise

__all__ = ["Hosts", "pac"]

_TEMPLATE = """\
// Made by weir. {about}
var proxy = {proxy};
var all = {all};
var through = {through};
var past = {past};

function has(map, name) {{
  return Object.prototype.hasOwnProperty.call(map, name);
}}

function fits(set, host) {{
  if (has(set.exact, host)) return true;
  var at = host.indexOf(".");
  while (at >= 0) {{
    var rest = host.substring(at + 1);
    if (has(set.below, rest)) return true;
    if (has(set.like, rest)) {{
      var found = set.like[rest];
      for (var i = 0; i < found.length; i++) if (new RegExp(found[i]).test(host)) return true;
    }}
    at = host.indexOf(".", at + 1);
  }}
  return false;
}}

function FindProxyForURL(url, host) {{
  host = host.toLowerCase().replace(/\\.$/, "");
  if (host.indexOf(".") < 0 && host.indexOf(":") < 0) return "DIRECT";
  if (/^127\\./.test(host) || host === "::1" || host === "[::1]") return "DIRECT";
  if (fits(past, host)) return "DIRECT";
  return all || fits(through, host) ? proxy : "DIRECT";
}}
"""
_PLACE = re.compile(r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Hosts:
    """Patterns as policies have them: what goes through weir, or ``all``, and what never does."""

    through: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    all: bool = False


def pac(place: str, hosts: Hosts, *, tls: bool = False) -> str:
    """The text. ``place`` is HOST:PORT of weir, ``tls`` whether clients speak TLS to it. Raises ValueError."""
    if not _PLACE.fullmatch(place):
        raise ValueError(f"{place!r} is no address of a proxy; write HOST:PORT")
    HostSet([*hosts.through, *hosts.past])  # what a policy could not say is not said here
    many = "every host" if hosts.all else f"{len(set(hosts.through)):,} host names and patterns"
    return _TEMPLATE.format(
        about=f"Through weir: {many}.",
        proxy=json.dumps(f"{'HTTPS' if tls else 'PROXY'} {place}"),
        all="true" if hosts.all else "false",
        through=_set(() if hosts.all else hosts.through),
        past=_set(hosts.past),
    )


def _set(patterns: Iterable[str]) -> str:
    exact: dict[str, int] = {}
    below: dict[str, int] = {}
    like: dict[str, list[str]] = {}
    for host in sorted({normalise(pattern) for pattern in patterns}):
        anchor = host.rpartition("*")[2].partition(".")[2]
        if "*" not in host:
            exact[host] = 1
        elif host == f"*.{anchor}":
            below[anchor] = 1
        else:
            body = "[^.]*".join(re.sub(r"[^A-Za-z0-9_-]", r"\\\g<0>", piece) for piece in host.split("*"))
            like.setdefault(anchor, []).append(f"^{body}$")
    return json.dumps({"exact": exact, "below": below, "like": like}, separators=(",", ":"))
