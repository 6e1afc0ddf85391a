"""Proxy addresses: what is read from them, and that none of their credentials shows."""

from __future__ import annotations

import socket

import pytest

from weir.cli.address import ProxyAddress


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("localhost:3128", "http://localhost:3128"),
        ("socks5h://proxy.corp.example:1080", "socks5h://proxy.corp.example:1080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://ann:p%40ss@proxy:8080", "http://ann:p%40ss@proxy:8080"),
    ],
)
def test_addresses(text: str, url: str) -> None:
    assert ProxyAddress.parse(text).url == url


@pytest.mark.parametrize(
    "text",
    ["", "proxy", "http://proxy", "ftp://proxy:1", "http://:8080", "http://h:99999", "http://h:1/path", "http://h:1?q",
     "http://u:hunter2@h", "http://u:hun ter2@h:1", "http://u:'hunter2'@h:1", "http://[::1:80"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="proxy address") as caught:
        ProxyAddress.parse(text)
    assert "hun" not in str(caught.value)


def test_credentials_are_encoded_and_stay_out_of_repr_and_place() -> None:
    address = ProxyAddress.parse("proxy:8080").with_user("ann@corp", "p:w/ü")
    assert address.url == "http://ann%40corp:p%3Aw%2F%C3%BC@proxy:8080"
    assert address.place == "proxy:8080"
    assert "p%3Aw" not in repr(address)
    with pytest.raises(ValueError, match="already"):
        address.with_user("ann", "again")


def test_whether_something_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert ProxyAddress("http", "127.0.0.1", port).problem() == ""
    assert ProxyAddress("http", "127.0.0.1", port).problem() == "Connection refused"
