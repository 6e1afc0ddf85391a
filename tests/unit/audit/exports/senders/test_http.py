from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from harness.receivers import Papers, Request, Web, free_port, papers
from weir.audit.exports.senders.http import AGAIN_S_MAX, Http
from weir.audit.exports.senders.target import Refused, Unavailable
from weir.model import Secret

VALUE = "synthetic-" + "token-value"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers(tmp_path_factory.mktemp("papers"))


def tls(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))


def test_a_request_with_its_token_over_one_connection(shown: Papers, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")  # as on a machine whose clients go through weir
    with Web(shown) as web:
        http = Http(f"https://localhost:{web.port}/base/", tls(shown.ca), token=lambda: token(VALUE))
        for _ in range(3):
            http.post("/v1/x", b"{}", "application/json", x_more="1").check()
        http.close()
    seen = web.requests[0]
    assert len({request.client for request in web.requests}) == 1
    assert len(web.requests) == 3 and (seen.path, seen.body) == ("/base/v1/x", b"{}")
    assert seen.headers["authorization"] == f"Bearer {VALUE}" and seen.headers["x-more"] == "1"


def token(value: str, host: str = "localhost") -> Secret:
    return Secret(value, name="token", hosts=(host,))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, None), (202, None), (400, Refused), (413, Refused), (422, Refused), (401, Unavailable), (403, Unavailable),
     (404, Unavailable), (302, Unavailable), (429, Unavailable), (500, Unavailable), (503, Unavailable)],
)  # fmt: skip
def test_answers_that_are_about_rows_and_all_others(status: int, kind: type[Exception] | None) -> None:
    def answer(request: Request) -> tuple[int, bytes, dict[str, str]]:
        said = f"wrong {request.headers['authorization']}\r\nline two".encode()
        return status, said, {"Retry-After": "7", "Location": "http://127.0.0.1:1/"}

    with Web(answer=answer) as web:
        http = Http(f"http://127.0.0.1:{web.port}", tls_default(), token=lambda: token(VALUE, "127.0.0.1"))
        found = http.post("/", b"", "text/plain")
        assert len(web.requests) == 1 and found.again_s == 7
        if kind is None:
            return found.check()
        with pytest.raises(kind) as said:
            found.check()
    assert str(said.value) == f"it answered {status} (wrong Bearer [token] line two)"
    return None


def tls_default() -> ssl.SSLContext:
    return ssl.create_default_context()


def test_a_token_that_was_renewed_is_fetched_anew() -> None:
    values = iter(["old", "new"])
    with Web(
        answer=lambda request: None if request.headers["authorization"] == "Bearer new" else (401, b"", {})
    ) as web:
        http = Http(f"http://127.0.0.1:{web.port}", tls_default(), token=lambda: token(next(values), "127.0.0.1"))
        assert [http.post("/", b"", "text/plain").status for _ in range(3)] == [401, 200, 200]


def test_a_token_goes_to_its_host_only() -> None:
    with Web() as web:
        http = Http(f"http://127.0.0.1:{web.port}", tls_default(), token=lambda: token(VALUE, "siem.example"))
        with pytest.raises(Unavailable, match="not for this host"):
            http.post("/", b"", "text/plain")
    assert not web.requests


def test_who_cannot_be_verified_or_reached(shown: Papers, tmp_path: Path) -> None:
    with Web(shown) as web:
        http = Http(f"https://localhost:{web.port}", tls(papers(tmp_path).ca), token=lambda: token(VALUE))
        with pytest.raises(Unavailable, match="certificate is not accepted"):
            http.post("/", b"secret row", "text/plain")
        assert not web.requests
    with pytest.raises(Unavailable, match="cannot be reached"):
        Http(f"https://localhost:{web.port}", tls(shown.ca)).post("/", b"", "text/plain")
    with Web(answer=lambda request: (0, b"", {})) as web, pytest.raises(Unavailable, match="cannot be reached"):
        Http(f"http://127.0.0.1:{web.port}", tls_default()).post("/", b"", "text/plain")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("0", 0.0), ("99999", AGAIN_S_MAX), ("-5", 0.0), ("soon", None), ("nan", None),
     ("Fri, 01 Jan 2100 00:00:00 GMT", AGAIN_S_MAX), ("Fri, 01 Jan 2010 00:00:00 GMT", 0.0)],
)  # fmt: skip
def test_when_to_come_again(header: str, seconds: float | None) -> None:
    with Web(answer=lambda request: (503, b"x" * 200_000, {"Retry-After": header})) as web:
        found = Http(f"http://127.0.0.1:{web.port}", tls_default()).post("/", b"", "text/plain")
    assert found.again_s == seconds and len(found.said) == 300
