"""mitmproxy's `TLSLayer` with fewer ways into OpenSSL and back.

mitmproxy takes 64 KB of new memory for each read and reads until an exception says that there is nothing more: four of
them for each packet. Here one buffer serves all, and the end is a number. What is neither data nor an end goes through
pyOpenSSL's own checks and fails as it did.
"""

from __future__ import annotations

from typing import Any

from mitmproxy import connection
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import tls
from OpenSSL import SSL

__all__ = ["install", "pull"]

_TLSLayer = tls.TLSLayer
_lib: Any = SSL._lib  # type: ignore[attr-defined]
_ffi: Any = SSL._ffi  # type: ignore[attr-defined]
_SIZE = 65535
_space = _ffi.new("char[]", _SIZE)  # for the event loop's thread alone; what was read is copied at once
_view = _ffi.buffer(_space)


def _interact(self: tls.TLSLayer) -> layer.CommandGenerator[None]:
    """As mitmproxy's: send what OpenSSL has for the peer."""
    bio = self.tls._from_ssl
    while (size := _lib.BIO_read(bio, _space, _SIZE)) > 0:
        yield commands.SendData(self.conn, _view[:size])
        if size < _SIZE:
            return  # a BIO in memory gives all it has
    if not (_lib.BIO_should_retry(bio) and _lib.BIO_should_read(bio)):
        self.tls._handle_bio_errors(bio, size)


def pull(wrapped: tls.TLSLayer, data: bytes) -> tuple[bytes, bool, commands.Log | None]:
    """Bytes of a peer in; the plain text they give, whether the peer ended its side, and what to say of an error."""
    if data and _lib.BIO_write(wrapped.tls._into_ssl, data, len(data)) != len(data):
        raise MemoryError("a BIO in memory takes all it is given")
    ssl = wrapped.tls._ssl
    size = _lib.SSL_read(ssl, _space, _SIZE)
    plain: bytes = b""
    if size > 0:
        plain, size = _view[:size], _lib.SSL_read(ssl, _space, _SIZE)
        if size > 0:
            parts = [plain]
            while size > 0:
                parts.append(_view[:size])
                size = _lib.SSL_read(ssl, _space, _SIZE)
            plain = b"".join(parts)
    if _lib.SSL_get_error(ssl, size) == _lib.SSL_ERROR_WANT_READ:
        return plain, False, None
    try:
        wrapped.tls._raise_ssl_error(ssl, size)
    except SSL.ZeroReturnError:
        return plain, True, None
    except SSL.Error as error:
        # The peer has sent an alert, it may be about a certificate it took at first, or what is no TLS: nothing can be
        # read or written any more. mitmproxy waits for the end of the connection, and with it whoever waits for this.
        return plain, True, commands.Log(f"TLS Error: {error}", tls.WARNING)
    return plain, False, None


def _receive_data(self: tls.TLSLayer, data: bytes) -> layer.CommandGenerator[None]:
    """As mitmproxy's."""
    plain, close, error = pull(self, data)
    if error is not None:
        yield error
    yield from self.tls_interact()  # after reading, which may have made something to be sent
    if plain:
        yield from self.event_to_child(events.DataReceived(self.conn, plain))
    if close:
        self.conn.state &= ~connection.ConnectionState.CAN_READ
        if self.debug:
            yield commands.Log(f"{self.debug}[tls] close_notify {self.conn}", tls.DEBUG)
        yield from self.event_to_child(events.ConnectionClosed(self.conn))


def _send_data(self: tls.TLSLayer, data: bytes) -> layer.CommandGenerator[None]:
    """As mitmproxy's."""
    try:
        if type(data) is bytes and 0 < len(data) < 1 << 30:
            size = _lib.SSL_write(self.tls._ssl, data, len(data))
            if size <= 0:
                self.tls._raise_ssl_error(self.tls._ssl, size)
            if size < len(data):
                self.tls.sendall(data[max(size, 0) :])
        else:
            self.tls.sendall(data)
    except SSL.WantReadError:
        raise
    except SSL.Error:
        pass  # the peer may still be sending, which is dropped here; or nothing can be written any more, see `pull`
    yield from self.tls_interact()


def install() -> None:
    """Put them in the place of mitmproxy's methods. Idempotent."""
    _TLSLayer.tls_interact = _interact  # type: ignore[method-assign]
    _TLSLayer.receive_data = _receive_data  # type: ignore[method-assign]
    _TLSLayer.send_data = _send_data  # type: ignore[method-assign]
