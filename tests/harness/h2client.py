"""HTTP/2 as no client library would speak it: any header, any order, trailers; and what came of it."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

__all__ = ["H2Line", "H2Reply", "dial_h2"]

type Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class H2Reply:
    """What a stream ended in: ``status`` 0 when the other side reset it, ended the connection or went away."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        """The first header of that name, "" when there is none."""
        return next((value for key, value in self.headers if key == name), "")


class H2Line:
    """A connection over ``link`` (TLS with ``h2`` agreed). A context manager; one request at a time."""

    def __init__(self, link: ssl.SSLSocket) -> None:
        assert link.selected_alpn_protocol() == "h2", link.selected_alpn_protocol()
        self._link = link
        self._state = h2.connection.H2Connection(
            h2.config.H2Configuration(
                header_encoding="latin-1",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
                validate_inbound_headers=False,
            )
        )
        self._state.initiate_connection()
        self._flush()

    def __enter__(self) -> H2Line:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._link.close()

    def ask(self, headers: Fields, body: bytes = b"", trailers: Fields = ()) -> H2Reply:
        """One request with these headers, pseudo-headers included, as they are."""
        number = self._state.get_next_available_stream_id()
        with contextlib.suppress(OSError):
            self._state.send_headers(number, list(headers), end_stream=not body and not trailers)
            if body:
                self._state.send_data(number, body, end_stream=not trailers)
            if trailers:
                self._state.send_headers(number, list(trailers), end_stream=True)
            self._flush()
        return self._reply(number)

    def broken_off(self, headers: Fields, *, at_once: bool) -> H2Reply:
        """One request whose body ends before it began; ``at_once``: with its head, else when the head was heard."""
        number = self._state.get_next_available_stream_id()
        self._state.send_headers(number, list(headers))
        if not at_once:
            self._state.ping(b"heard so")
            self._flush()
            while not any(isinstance(event, h2.events.PingAckReceived) for event in self._heard()):
                self._flush()
        self._state.send_data(number, b"", end_stream=True)
        self._flush()
        return self._reply(number)

    def _heard(self) -> list[h2.events.Event]:
        return self._state.receive_data(self._link.recv(65536) or _over())

    def farewell(self, seconds: float) -> tuple[int, int]:
        """Wait for the other side's GOAWAY: the last stream it answers, and its error code."""
        self._link.settimeout(seconds)
        while True:
            for event in self._state.receive_data(self._link.recv(65536) or _over()):
                if isinstance(event, h2.events.ConnectionTerminated):
                    return int(event.last_stream_id or 0), int(event.error_code or 0)

    def _flush(self) -> None:
        self._link.sendall(self._state.data_to_send())

    def _reply(self, number: int) -> H2Reply:
        fields: tuple[tuple[str, str], ...] = ()
        body = b""
        while True:
            try:
                events = self._state.receive_data(self._link.recv(65536) or _over())
                self._flush()
            except (OSError, EOFError, h2.exceptions.ProtocolError):
                return H2Reply(0, fields, body)
            for event in events:
                if isinstance(event, h2.events.ConnectionTerminated):
                    return H2Reply(0, fields, body)
                if getattr(event, "stream_id", None) != number:
                    continue
                if isinstance(event, h2.events.ResponseReceived):
                    fields = tuple((str(name), str(value)) for name, value in event.headers or ())
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data or b""
                elif isinstance(event, h2.events.StreamReset):
                    return H2Reply(0, fields, body)
                elif isinstance(event, h2.events.StreamEnded):
                    return H2Reply(int(dict(fields)[":status"]), fields, body)


def _over() -> bytes:
    raise EOFError


def dial_h2(plain: socket.socket, sni: str, context: ssl.SSLContext) -> H2Line:
    """TLS over ``plain`` and HTTP/2 in it."""
    context.set_alpn_protocols(["h2"])
    return H2Line(context.wrap_socket(plain, server_hostname=sni))
