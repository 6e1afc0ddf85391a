"""The pages for a reason: well-formed, labelled, and with nothing in them that anybody could have put there."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest

from weir.policy import coach_page as pages
from weir.policy.coach import Held, Ticket

FORM = "application/x-www-form-urlencoded"
VOID = {"meta", "input", "br", "link"}


class Reader(HTMLParser):
    """Elements with their attributes; complains about what is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def one(self, tag: str) -> dict[str, str | None]:
        (found,) = [attributes for name, attributes in self.found if name == tag]
        return found


def ticket(**more: str) -> Ticket:
    found = {"no-mail": frozenset({"pii/EMAIL_ADDRESS", "pii/IBAN_CODE"})}
    return Ticket("c0ffee", Held("bob", "10.0.0.1", "openai", found, "no-mail", **more), 1.0)


@pytest.mark.parametrize("wrong", [False, True])
def test_the_form_can_be_used_without_a_mouse_a_script_or_eyes(wrong: bool) -> None:
    text = pages.ask(ticket(say="Tell us why."), "/.well-known/weir/coach/tok", 45, wrong=wrong)
    page = Reader(text)
    form, field, label = page.one("form"), page.one("textarea"), page.one("label")
    assert (form["method"], form["action"]) == ("post", "/.well-known/weir/coach/tok")
    assert label["for"] == field["id"] == field["name"] == "reason"
    assert (field["minlength"], field["maxlength"]) == ("10", "500") and "required" in field
    ids = {attributes.get("id") for _, attributes in page.found}
    assert set(str(field["aria-describedby"]).split()) <= ids
    assert page.one("button")["type"] == "submit" and page.one("html")["lang"] == "en"
    assert ("aria-invalid" in field) is wrong is ("10 to 500 characters" in text)
    assert "Tell us why." in text and "45 minutes" in text
    assert "pii/EMAIL_ADDRESS, pii/IBAN_CODE" in text and "no-mail" in text and "c0ffee" in text


@pytest.mark.parametrize("text", [pages.gone(), pages.thanks(ticket(), 60), pages.ask(ticket(), "/x", 60)])
def test_nothing_comes_from_elsewhere(text: str) -> None:
    page = Reader(text)
    assert not {"script", "img", "link", "iframe"} & {tag for tag, _ in page.found}
    assert "url(" not in text and "http" not in text and " on" not in " ".join(k for _, a in page.found for k in a)


def test_whatever_stands_in_it_is_escaped() -> None:
    evil = "</textarea><script>alert('1')</script>\ud800\"&"
    text = pages.ask(ticket(say=evil), evil, 60) + pages.thanks(ticket(say=evil, back=f"https://x/{evil}"), 60)
    assert "<script" not in text and 'action="&lt;/textarea&gt;' in text
    text.encode()


@pytest.mark.parametrize(("back", "shown"), [("https://chat.example/a?b=c&d=e", True), ("", False)])
def test_the_way_on(back: str, shown: bool) -> None:
    page = Reader(pages.thanks(ticket(back=back), 60))
    links = [attributes["href"] for tag, attributes in page.found if tag == "a"]
    assert links == ([back] if shown else [])


def test_headers_keep_others_out() -> None:
    headers = pages.headers()
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "form-action 'self'" in policy and "script" not in policy
    assert headers["cache-control"] == "no-store" and headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        (FORM, urlencode({"reason": "because of the audit"}).encode(), "because of the audit"),
        (FORM + "; charset=UTF-8", b"reason=wegen+der+Pr%C3%BCfung", "wegen der Prüfung"),
        (FORM, b"reason=short", ""),
        (FORM, b"", ""),
        (FORM, b"other=because+of+the+audit", ""),
        (FORM, b"reason=because+of+one&reason=because+of+two", ""),
        (FORM, b"reason=%ff%fe%fd%fc%ff%fe%fd%fc%ff%ff", ""),
        (FORM, b"\xff\xfe", ""),
        (FORM, b"reason=" + b"x" * pages.FORM_BYTES_MAX, ""),
        (FORM, b"&".join(b"a=1" for _ in range(9)) + b"&reason=because+of+the+audit", ""),
        ("text/plain", b"reason=because+of+the+audit", ""),
        ("multipart/form-data", b"reason=because+of+the+audit", ""),
        ("", b"reason=because+of+the+audit", ""),
    ],
)
def test_reading_the_form(kind: str, body: bytes, reason: str) -> None:
    assert pages.read_form(kind, body) == reason


OWN = "https://api.openai.com"


@pytest.mark.parametrize(
    ("origin", "site", "same"),
    [
        (OWN, "same-origin", True),
        (OWN, "", True),
        ("", "same-origin", True),
        ("HTTPS://API.OPENAI.COM", "", True),
        ("", "", False),
        ("null", "", False),
        ("null", "same-origin", False),
        ("https://evil.example", "", False),
        ("https://evil.example", "cross-site", False),
        (OWN, "same-site", False),
        (OWN, "none", False),
        (OWN + ":8443", "", False),
        ("http://api.openai.com", "", False),
    ],
)
def test_where_the_form_was_sent_from(origin: str, site: str, same: bool) -> None:
    assert pages.same_origin(origin, site, OWN) is same


def test_what_a_program_is_told() -> None:
    told = pages.how_to_go_on("No addresses (rule no-mail).", "https://x/y")
    assert told.startswith("No addresses (rule no-mail). ") and " https://x/y " in told


def test_what_needs_no_reason_is_named() -> None:
    held = Held("bob", "10.0.0.1", "x", {"r": frozenset()}, "r", instead=(("Chat", "https://chat.example/"),))
    page = pages.ask(Ticket("c0ffee", held, 1.0), "/x", 60)
    assert 'Approved for this: <a href="https://chat.example/" rel="noreferrer">Chat</a>.' in page
    assert "Approved" not in pages.ask(ticket(), "/x", 60)
