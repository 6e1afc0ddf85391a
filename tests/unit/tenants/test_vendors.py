"""The files that come with weir, and what a wrong one is told."""

from __future__ import annotations

import itertools
import re
from datetime import date

import pytest

from weir.tenants.vendors import load, read

GOOD = """
id: acme
name: Acme
hosts: [acme.example]
values: {teams: {form: word, max: 2}}
short: teams
headers: [{name: X-Acme-Teams, value: teams}]
sources: [{title: A page, url: "https://acme.example/help", read: 2026-11-21}]
"""


def test_every_vendor_names_its_sources() -> None:
    vendors = load()
    assert {"chatgpt", "claude", "google", "microsoft", "microsoft-consumer", "openai"} <= set(vendors)
    for vendor in vendors.values():
        assert vendor.sources and all(source.url.startswith("https://") for source in vendor.sources)
        assert all(source.title and date.fromisoformat(source.read) for source in vendor.sources)
        assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9-]+", header.name) for header in vendor.headers)


def test_no_host_has_two_vendors() -> None:
    for one, other in itertools.combinations(load().values(), 2):
        assert not any(other.hosts.covers(host) for host in one.hosts.patterns), (one.id, other.id)


def test_pages_that_take_passwords_are_marked() -> None:
    vendors = load()
    for vendor, host in (("microsoft", "login.microsoftonline.com"), ("microsoft-consumer", "login.live.com")):
        assert host in vendors[vendor].sign_in
    assert "accounts.google.com" in vendors["google"].sign_in and "mail.google.com" not in vendors["google"].sign_in


def test_a_file_is_read() -> None:
    vendor = read(GOOD, "acme.yaml")
    assert vendor.needs == (("teams",),) and vendor.values["teams"].most == 2
    assert vendor.headers[0].separator == "," and not vendor.refusals and vendor.sources[0].read == "2026-11-21"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("short: teams", "short: teams\nnote: x", "does not know note"),
        ("value: teams", "value: team", "names team, which is not among its values"),
        ("form: word", "form: words", "has the form words"),
        ("[acme.example]", "[]", "needs hosts"),
        ("values: {", "values: {hosts: {form: word, max: 1}, ", "a value called hosts"),
        ("short: teams", "short: teams\nsign_in: [login.example]", "sign_in host"),
        ("short: teams", "short: teams\nrefusals: [{paths: [/a]}]", "every reply would be one"),
        ("name: Acme", "nam: Acme", "does not know nam"),
        ("id: acme\n", "", "KeyError"),
        ("id: acme", "id: [", "cannot be read"),
    ],
)
def test_a_wrong_file_is_named(old: str, new: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^acme\.yaml: ") as caught:
        read(GOOD.replace(old, new), "acme.yaml")
    assert said in str(caught.value)
