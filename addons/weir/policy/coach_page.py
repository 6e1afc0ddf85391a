"""The pages on which a person states a reason: plain HTML that needs no script and nothing from anywhere else."""

from __future__ import annotations

import functools
import html
from importlib import resources
from string import Template
from urllib.parse import parse_qs

from weir.policy.coach import REASON_MAX, REASON_MIN, Ticket, plain_reason
from weir.policy.refusal import instead

__all__ = ["ASKED", "FORM_BYTES_MAX", "ask", "gone", "headers", "how_to_go_on", "read_form", "same_origin", "thanks"]

ASKED = "State a reason to go on"
FORM_BYTES_MAX = 16 * 1024
FORM_TYPE = "application/x-www-form-urlencoded"


def ask(ticket: Ticket, action: str, minutes: int, *, wrong: bool = False) -> str:
    """The form: why the request is held back, and a field for the reason. ``action`` is the path it is sent to."""
    told = '<p class="wrong" id="wrong" role="alert">Please write {0} to {1} characters.</p>' if wrong else ""
    seen = f"hint{' wrong' if wrong else ''}"
    content = f"""<p>{_safe(ticket.held.say)}</p>
{instead(ticket.held.instead)}
<form method="post" action="{_safe(action)}">
{told.format(REASON_MIN, REASON_MAX)}
<label for="reason">Why is this request needed?</label>
<textarea id="reason" name="reason" required minlength="{REASON_MIN}" maxlength="{REASON_MAX}" rows="4"
 autocomplete="off" aria-describedby="{seen}"{' aria-invalid="true"' if wrong else ""}></textarea>
<p class="hint" id="hint">What you write is recorded together with your request and read by those who look after the
company's AI policy. Don't put passwords or personal data here. After that you can go on for {minutes} minutes.</p>
<button type="submit">Record this reason and go on</button>
</form>
{_facts(ticket)}"""
    return _page(ASKED, content)


def thanks(ticket: Ticket, minutes: int) -> str:
    """What follows a reason that was taken."""
    if ticket.held.back:
        onward = f'<p><a class="go" href="{_safe(ticket.held.back)}">Go on</a></p>'
    else:
        onward = "<p>Send the request again, or let the program that sent it try again.</p>"
    content = f"<p>Your reason was recorded. For {minutes} minutes this rule lets such requests pass.</p>\n{onward}"
    return _page("Thank you", f"{content}\n{_facts(ticket)}")


def gone() -> str:
    """The page for a token that is unknown, used, expired, or somebody else's: which of them is not told."""
    told = "It can be used once, for ten minutes, from the machine whose request was held back."
    return _page("This page is no longer valid", f"<p>{told} Send the request again to get a new one.</p>")


def how_to_go_on(say: str, url: str) -> str:
    """What a client other than a browser is told: ``say``, and where a person may state a reason."""
    return f"{say} A person may state a reason at {url} (within 10 minutes, on this machine); then send it again."


def headers() -> dict[str, str]:
    """Header fields of every page, its content type included."""
    return {
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'self'",
        # Not `no-referrer`: with it browsers send the form with `Origin: null`.
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
    }


def read_form(content_type: str, body: bytes) -> str:
    """The reason in a submitted form, cleaned; "" when there is none or it can't be taken."""
    if content_type.partition(";")[0].strip().lower() != FORM_TYPE or len(body) > FORM_BYTES_MAX:
        return ""
    try:
        fields = parse_qs(body.decode("utf-8"), max_num_fields=8, errors="strict")
    except ValueError:
        return ""
    reasons = fields.get("reason", [])
    return plain_reason(reasons[0]) if len(reasons) == 1 else ""


def same_origin(origin: str, fetch_site: str, own: str) -> bool:
    """Whether a form came from our own page, by the headers ``Origin`` and ``Sec-Fetch-Site``; one must be there."""
    if not origin and not fetch_site:
        return False
    return origin.lower() in ("", own.lower()) and fetch_site in ("", "same-origin")


def _facts(ticket: Ticket) -> str:
    rows = [("Rule", ", ".join(ticket.held.rules)), ("Found", ", ".join(ticket.detectors))]
    rows += [("Service", ticket.held.service), ("Case", ticket.id)]
    shown = "".join(f"<dt>{name}</dt><dd>{_safe(value)}</dd>\n" for name, value in rows if value)
    return f"<dl>\n{shown}</dl>"


def _safe(text: str) -> str:
    return html.escape(text.encode("utf-8", "replace").decode("utf-8"))


@functools.cache
def _template() -> Template:
    return Template(resources.files("weir.policy").joinpath("coach.html").read_text(encoding="utf-8"))


def _page(title: str, content: str) -> str:
    return _template().substitute(title=_safe(title), content=content)
