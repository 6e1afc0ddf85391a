"""Keys are fetched over HTTP from a real server; whatever it does, the store hears of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest

from harness.issuer import ec_key, jwks, rsa_key
from harness.issuer_site import Reply, Site
from weir.identity.fetch import Fetcher, fetch_keys, get
from weir.identity.jwks import DOCUMENT_MAX, JwksError, KeyStore, VerifyKey


@pytest.fixture
def site() -> Iterator[Site]:
    one = Site()
    yield one
    one.close()


def page(body: object) -> Reply:
    return (200, body if isinstance(body, bytes) else orjson.dumps(body), {})


WELL_KNOWN = "/t/.well-known/openid-configuration"


def test_the_keys_are_where_the_discovery_document_says(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # weir may itself be what these variables name
    issuer = f"{site.url}/t"
    site.pages = {
        WELL_KNOWN: page({"issuer": issuer, "jwks_uri": f"{site.url}/keys"}),
        "/keys": page(jwks(rsa_key())),
        "/others": page(jwks(ec_key())),
    }
    assert [key.kid for key in fetch_keys(issuer)] == ["r1"]
    assert site.asked == [WELL_KNOWN, "/keys"]
    assert [key.kid for key in fetch_keys(issuer, f"{site.url}/others")] == ["e1"]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"issuer": "https://evil.example", "jwks_uri": "{url}/keys"}, "names another one"),
        ({"issuer": "{url}/t/", "jwks_uri": "{url}/keys"}, "names another one"),
        ({"jwks_uri": "{url}/keys"}, "names another one"),
        ({"issuer": "{url}/t"}, "no https address"),
        ({"issuer": "{url}/t", "jwks_uri": "http://keys.example/keys"}, "no https address"),
        ({"issuer": "{url}/t", "jwks_uri": "file:///etc/hostname"}, "no https address"),
        ([], "names another one"),
    ],
)
def test_a_discovery_document_that_is_not_the_issuers_is_refused(site: Site, document: object, why: str) -> None:
    body = orjson.dumps(document).replace(b"{url}", site.url.encode())
    site.pages = {WELL_KNOWN: page(body), "/keys": page(jwks(rsa_key()))}
    with pytest.raises(JwksError, match=why):
        fetch_keys(f"{site.url}/t")
    assert "/keys" not in site.asked


def test_an_https_issuer_cannot_lead_to_plain_http() -> None:
    def answer(url: str) -> bytes:
        return orjson.dumps({"issuer": "https://login.example.com", "jwks_uri": "http://localhost/keys"})

    with pytest.raises(JwksError, match="no https address"):
        fetch_keys("https://login.example.com", fetch=answer)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ((302, b"", {"location": "/elsewhere"}), "answered 302"),
        ((301, b"", {"location": "file:///etc/hostname"}), "answered 301"),
        ((500, b"canary", {}), "answered 500"),
        ((200, b" " * (DOCUMENT_MAX + 1), {}), "larger than"),
        ((200, b"canary", {}), "not JSON"),
    ],
)
def test_a_bad_answer_is_named_and_not_quoted(site: Site, reply: Reply, why: str) -> None:
    site.pages = {"/keys": reply, "/elsewhere": page(jwks(rsa_key()))}
    with pytest.raises(JwksError, match=why) as caught:
        fetch_keys("https://login.example.com", f"{site.url}/keys")
    assert "canary" not in str(caught.value) and site.asked == ["/keys"]


@pytest.mark.parametrize("url", ["http://login.example.com/", "file:///etc/hostname", "ftp://x/", "http://[", "x"])
def test_only_https_is_fetched(url: str) -> None:
    with pytest.raises(JwksError, match="only https"):
        get(url)


def test_nobody_there_is_said(site: Site) -> None:
    site.close()
    with pytest.raises(JwksError, match="cannot be reached"):
        get(f"{site.url}/keys", timeout_s=2)


def test_a_slow_drip_ends() -> None:
    server = _dripping()
    began = time.monotonic()
    try:
        with pytest.raises(JwksError, match=r"longer than|cannot be reached"):
            get(f"http://127.0.0.1:{server.server_port}/", timeout_s=0.3)
    finally:
        server.shutdown()
        server.server_close()
    assert time.monotonic() - began < 45


def _dripping() -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            try:
                for _ in range(100):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.05)
            except OSError:
                return

        def log_message(self, format: str, *args: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


def _until(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()


def test_the_thread_keeps_the_store_filled_and_fetches_when_asked(site: Site) -> None:
    site.pages = {"/keys": page(jwks(rsa_key()))}
    store = KeyStore(refresh_s=3600, cache_s=7200)
    fetcher = Fetcher(store, lambda: fetch_keys("https://login.example.com", f"{site.url}/keys"))
    fetcher.start()
    try:
        assert store.wait(10) and store.usable(time.monotonic())
        site.pages = {"/keys": page(jwks(rsa_key(), ec_key()))}
        assert store.find("e1", "ES256", time.monotonic() + 61) is None  # a strange id, a minute later
        assert _until(lambda: store.find("e1", "ES256", time.monotonic()) is not None)
    finally:
        fetcher.close()
    assert len(site.asked) == 2


@pytest.mark.parametrize("error", [JwksError("login.example.com: answered 503"), RuntimeError("canary")])
def test_a_failed_fetch_keeps_the_last_keys_and_is_told(error: Exception) -> None:
    store = KeyStore(60, 600)
    answers: list[Exception | bytes] = [jwks(rsa_key()), error]

    def keys() -> tuple[object, ...]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return fetch_keys("https://x.example", "https://x.example/k", lambda _: answer)

    fetcher = Fetcher(store, keys, lambda: 100.0)  # type: ignore[arg-type]
    fetcher.once()
    assert store.problem == ""
    fetcher.once()
    assert store.problem and "canary" not in store.problem and store.find("r1", "RS256", 100.0)


def test_a_trouble_is_told_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[Exception | None] = [None, JwksError("h: answered 500"), JwksError("h: answered 500"), None]

    def keys() -> tuple[VerifyKey, ...]:
        answer = answers.pop(0)
        if answer:
            raise answer
        return ()

    fetcher = Fetcher(KeyStore(3600, 86_400), keys, issuer="https://login.example.com/tenant?x=1")
    with caplog.at_level("INFO", "weir.identity"):
        for _ in range(4):
            fetcher.once()
    assert [(one.levelname, one.message) for one in caplog.records] == [
        ("INFO", "issuer login.example.com: its keys are there"),
        ("WARNING", "issuer login.example.com: h: answered 500"),
        ("INFO", "issuer login.example.com: its keys are there"),
    ]
