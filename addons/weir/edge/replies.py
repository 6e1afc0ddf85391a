"""The reply's side of an exchange: how it is read, looked at and changed on its way to the client."""

from __future__ import annotations

from mitmproxy import http

from weir.edge.pipe import ReplyPipe
from weir.edge.trace import Trace

__all__ = ["read_reply"]


def read_reply(trace: Trace, flow: http.HTTPFlow) -> None:
    """Set up the reading of a reply, and its editing where pseudonyms or an extra event must come out of it.

    An edited reply goes to the client unencoded and without a length. Raises PipeBroken when it can't be decoded.
    """
    response = flow.response
    if trace.dialect is None or trace.exchange is None or response is None:
        return
    text = trace.masker.restorer() if trace.masker and trace.edited else None
    editing = text is not None or trace.strip_usage
    content_type = response.headers.get("content-type", "")
    reader = trace.dialect.reader(trace.exchange, content_type, text, trace.strip_usage)
    encoding = response.headers.get("content-encoding", "")
    trace.pipe = ReplyPipe(reader, encoding, editing=editing, limit=trace.snapshot.settings.limits.reply_bytes_max)
    if editing:
        # mitmproxy keeps the original by the upstream connection, which it would close for want of a length.
        response = flow.response = response.copy()
        response.headers.pop("content-length", None)
        response.headers.pop("content-encoding", None)
