"""What a client reads when it is refused: a problem document (RFC 9457), or a page when a person is looking.

An SDK of a known provider gets that provider's own error shape instead; its dialect writes it.
"""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from string import Template

__all__ = ["Problem", "as_html", "as_json", "headers", "instead", "wants_html"]

JSON_TYPE = "application/problem+json"
HTML_TYPE = "text/html; charset=utf-8"

_TITLES: Mapping[int, str] = {
    400: "This request was stopped",
    403: "This is not allowed here",
    407: "Sign-in required",
    413: "This request is too large",
    429: "This is used up for now",
    503: "This request could not be checked",
}
_HEADER_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal. ``say`` is for the client and holds no content of the request."""

    status: int
    rule_id: str
    say: str
    request_id: str = ""
    alternatives: Sequence[tuple[str, str]] = ()  # (name, address) of services to use instead

    @property
    def title(self) -> str:
        """A heading for the status."""
        return _TITLES.get(self.status, "This request was refused")


def as_json(problem: Problem) -> bytes:
    """The problem as a JSON body for ``application/problem+json``."""
    body: dict[str, object] = {
        "type": f"urn:weir:rule:{_token(problem.rule_id)}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.say,
        "rule": problem.rule_id,
        "request_id": problem.request_id,
    }
    if problem.alternatives:
        body["alternatives"] = [
            {"name": name, "url": url} if url else {"name": name} for name, url in problem.alternatives
        ]
    # Escaped to ASCII: a lone surrogate from a client's own words must not make the refusal itself fail.
    return json.dumps(body).encode("ascii")


@functools.cache
def _page() -> Template:
    return Template(resources.files("weir.policy").joinpath("page.html").read_text(encoding="utf-8"))


def as_html(problem: Problem) -> str:
    """The problem as a page that needs nothing from anywhere else. Everything variable is escaped."""
    values = {
        "title": problem.title,
        "say": problem.say,
        "rule": problem.rule_id,
        "request": problem.request_id or "-",
        "status": str(problem.status),
    }
    return _page().substitute(
        {name: _safe(value) for name, value in values.items()}, instead=instead(problem.alternatives)
    )


def instead(alternatives: Sequence[tuple[str, str]]) -> str:
    """What to use instead, as a paragraph of a page; "" for nothing."""
    if not alternatives:
        return ""
    linked = '<a href="{}" rel="noreferrer">{}</a>'
    shown = [linked.format(_safe(url), _safe(name)) if url else _safe(name) for name, url in alternatives]
    listed = ", ".join(shown[:-1]) + (" or " if len(shown) > 1 else "") + shown[-1]
    return f'<p class="instead">Approved for this: {listed}.</p>'


def _safe(text: str) -> str:
    return html.escape(text.encode("utf-8", "replace").decode("utf-8"))


def headers(problem: Problem) -> dict[str, str]:
    """Header fields for any form of the refusal; the content type is the caller's.

    ``x-should-retry: false`` is what the OpenAI and Anthropic SDKs obey before they look at the status.
    """
    found = {
        "x-weir-rule": _token(problem.rule_id),
        "x-should-retry": "false",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
    }
    if problem.request_id:
        found["x-weir-request"] = _token(problem.request_id)
    return found


def _token(text: str) -> str:
    """``text`` as it may stand in a header or a URN: no separators, no line breaks, bounded."""
    return _HEADER_UNSAFE.sub("_", text)[:80]


def wants_html(headers: Mapping[str, str]) -> bool:
    """True when a browser is navigating: it shows a page where a script or an SDK would choke on one.

    ``headers`` is looked up by lower-case name; a mapping that ignores case does too.
    """
    if not _accepts_html(headers.get("accept", "")):
        return False
    mode, destination = headers.get("sec-fetch-mode", ""), headers.get("sec-fetch-dest", "")
    if mode or destination:
        return mode == "navigate" or destination in ("document", "iframe", "frame")
    # Browsers that send no fetch metadata: they name HTML themselves, and are no script's request.
    agent = headers.get("user-agent", "")
    return agent.startswith("Mozilla/") and headers.get("x-requested-with", "") == ""


def _accepts_html(accept: str) -> bool:
    for entry in accept[:1000].split(","):
        kind, *parameters = (part.strip().lower() for part in entry.split(";"))
        if kind in ("text/html", "application/xhtml+xml"):
            return not any(re.fullmatch(r"q=0(?:\.0*)?", parameter) for parameter in parameters)
    return False
