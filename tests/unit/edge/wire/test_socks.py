"""SOCKS5: the chain chooses the method, only what is offered is chosen, and passwords stay out of messages."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy import commands, context, events
from mitmproxy.proxy.layers import modes
from mitmproxy.test import taddons, tflow

from weir.edge.trace import link_of
from weir.edge.wire import socks
from weir.edge.wire.socks import NONE, PASSWORD, Socks5GreetingHook, WeirSocks5Proxy


class Talk:
    """The layer with a client on one side and hooks on the other."""

    def __init__(self, choose: int | None, valid: bool = True) -> None:
        with taddons.context(Proxyserver()) as tctx:
            tctx.master._legacy_log_events.uninstall()
            tctx.options.update(connection_strategy="lazy")
            self.where = context.Context(tflow.tclient_conn(), tctx.options)
        self.layer, self.choose, self.valid = WeirSocks5Proxy(self.where), choose, valid
        self.sent, self.said, self.closed = b"", [], False
        self.logins: list[tuple[str, str]] = []
        self.offered = b""
        self.take(self.layer.handle_event(events.Start()))

    def take(self, made: Iterable[commands.Command]) -> None:
        for command in made:
            if isinstance(command, commands.SendData):
                self.sent += command.data
            elif isinstance(command, commands.CloseConnection):
                self.closed = True
            elif isinstance(command, commands.Log):
                self.said.append(command.message)
            elif isinstance(command, Socks5GreetingHook):
                self.offered, command.data.method = command.data.offered, self.choose
                self.take(self.layer.handle_event(events.HookCompleted(command)))
            elif isinstance(command, modes.Socks5AuthHook):
                self.logins.append((command.data.username, command.data.password))
                command.data.valid = self.valid
                self.take(self.layer.handle_event(events.HookCompleted(command)))

    def give(self, data: bytes) -> None:
        self.take(self.layer.handle_event(events.DataReceived(self.where.client, data)))


LOGIN = b"\x01\x04jane\x05horse"
TARGET = b"\x05\x01\x00\x03\x0eapi.openai.com\x01\xbb"


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_a_login_in_pieces_of_any_size(step: int) -> None:
    talk = Talk(PASSWORD)
    for part in (b"\x05\x02\x00\x02", LOGIN, TARGET):
        for at in range(0, len(part), step):
            talk.give(part[at : at + step])
    assert talk.offered == b"\x00\x02" and talk.logins == [("jane", "horse")]
    assert talk.sent[:4] == b"\x05\x02\x01\x00" and not talk.closed
    assert talk.where.server.address == ("api.openai.com", 443)


def test_without_a_login() -> None:
    talk = Talk(NONE)
    talk.give(b"\x05\x01\x00" + TARGET)
    assert talk.sent.startswith(b"\x05\x00") and talk.logins == []
    assert talk.where.server.address == ("api.openai.com", 443)


@pytest.mark.parametrize("choose", [None, PASSWORD, 1, 255])
def test_only_what_is_offered_is_chosen(choose: int | None) -> None:
    talk = Talk(choose)
    talk.give(b"\x05\x02\x00\x01" + TARGET)
    assert talk.sent == b"\x05\xff" and talk.closed and talk.where.server.address is None


def test_a_wrong_login_goes_no_further() -> None:
    talk = Talk(PASSWORD, valid=False)
    talk.give(b"\x05\x01\x02" + LOGIN + TARGET)
    assert talk.sent == b"\x05\x02\x01\x01" and talk.closed and talk.where.server.address is None


@pytest.mark.parametrize(
    "given",
    [b"\x05\x01\x02\x02\x04jane\x05horse", b"GET horse", b"\x04horse", b"\x05\x01\x02" + LOGIN + b"\x05\x02horse"],
    ids=["version", "http", "socks4", "bind"],
)
def test_nothing_of_what_was_sent_is_in_a_message(given: bytes) -> None:
    talk = Talk(PASSWORD)
    talk.give(given)
    assert talk.closed and "horse" not in str(talk.said)
    assert link_of(talk.where.client).broken == "no SOCKS5 that weir speaks"


def test_a_handshake_that_breaks_off_is_noted_without_its_password() -> None:
    talk = Talk(PASSWORD)
    talk.give(b"\x05\x01\x02\x01\x04jane\x09horse")
    talk.take(talk.layer.handle_event(events.ConnectionClosed(talk.where.client)))
    assert talk.closed and "horse" not in str(talk.said)
    assert link_of(talk.where.client).broken == "closed within the SOCKS5 handshake"


def test_installed_it_stands_in_mitmproxys_place(put_back: None) -> None:
    socks.install()
    socks.install()
    assert modes.Socks5Proxy is WeirSocks5Proxy
