"""The texts of an exchange out of the nouns that the chain already has. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from weir.audit.content.parts import CalledTool, Content, Text, struck
from weir.model import Exchange, Finding, Reply

__all__ = ["both", "of_reply", "of_request"]

_KEY_SUFFIX = "#key"  # of the pointer of a member's name


def of_request(exchange: Exchange, findings: Sequence[Finding], strike: Collection[str] = ("secret",)) -> Content:
    """What the client sent, with findings of the categories in ``strike`` replaced by their detector's name.

    ``findings`` are those of this request. A credential is not kept even where everything else is: encrypted or not, it
    would make the audit worth stealing.
    """
    spans: dict[int, list[tuple[int, int, str]]] = {}
    named: dict[str, str] = {}  # what was struck out of members' names, as pointers have it
    for found in findings:
        if found.direction == "request" and found.category in strike and found.segment < len(exchange.segments):
            spans.setdefault(found.segment, []).append((found.start, found.end, found.detector))
            key = exchange.segments[found.segment]
            if key.pointer.endswith(_KEY_SUFFIX) and (word := key.text[found.start : found.end]):
                named[word.replace("~", "~0").replace("/", "~1")] = f"[{found.detector}]"
    return Content(
        tuple(
            Text(one.role, struck(one.text, spans.get(number, ())), _renamed(one.pointer, named), one.frame)
            for number, one in enumerate(exchange.segments)
        )
    )


def _renamed(pointer: str, named: dict[str, str]) -> str:
    for word, name in named.items():
        pointer = pointer.replace(word, name.replace("/", "~1"))
    return pointer


def of_reply(reply: Reply) -> Content:
    """What the model said, and the arguments of the tools that it called as far as they were read."""
    arguments = (*reply.arguments, *[""] * len(reply.tool_calls))
    calls = (CalledTool(name, arguments[at], call_id) for at, (call_id, name) in enumerate(reply.tool_calls))
    return Content((), reply.text, tuple(calls))


def both(request: Content, reply: Content) -> Content:
    """One content of both, for the reply's event: where only the reply gave a reason to keep the request's texts."""
    return Content(request.segments, reply.reply, reply.calls, request.cut + reply.cut)
