"""What the options say, and what they can't."""

from __future__ import annotations

import pytest
import typer

from weir.cli.discover.asking import columns_of, domains_of, zone_of


def test_what_is_asked() -> None:
    assert columns_of(["host=Domain, user=3"], ["host", "user"]) == {"host": "Domain", "user": "3"}
    assert domains_of(["ACME=Acme.com"]) == {"acme": "acme.com"}
    assert zone_of("Europe/Berlin") == "Europe/Berlin"


@pytest.mark.parametrize("given", ["ACME", "=acme.com", "ACME=", "AC\\ME=acme.com", "ACME=ann@acme.com"])
def test_no_domain(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        domains_of([given])
    assert "write WINDOWS=MAIL" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Berlin", "", "+02:00", "../../etc/passwd", "Europe/Berlin'"])
def test_no_zone(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        zone_of(name)
    assert "no such zone" in capsys.readouterr().err
