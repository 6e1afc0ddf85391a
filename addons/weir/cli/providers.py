"""``weir providers``: what weir knows of which provider's interface, and what of it no documentation has confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from weir.cli.options import FormatOption
from weir.cli.output import fail, grid, many, note, table, write_json

if TYPE_CHECKING:
    from weir.model import AuthPlace
    from weir.providers.services.provider import Operation, Provider, Sign

__all__ = ["providers"]

_EVIDENCE = {
    "sdk": "the provider's SDK",
    "traffic": "recorded traffic",
    "documentation": "the provider's documentation",
    "prices": "price lists",
    "gateways": "open-source gateways",
    "code": "public code",
    "scanners": "secret scanners",
}


def providers(
    provider_id: Annotated[str, typer.Argument(metavar="[ID]", help="All about one provider.")] = "",
    format: FormatOption = "table",
) -> None:
    """The providers whose interfaces weir knows: hosts, operations, how they are read, and what is unverified.

    With ID everything about one. Exit code 1 when there is none of this id.
    """
    from weir.fields import nearest
    from weir.providers.services.registry import Registry

    registry = Registry.load()
    if not provider_id:
        found = sorted(registry.providers, key=lambda provider: provider.id)
        if format == "json":
            return write_json([_brief(provider) for provider in found])
        return _list(found)
    provider = registry.by_id(provider_id)
    if provider is None:
        known = sorted(p.id for p in registry.providers)
        guesses = [name for name in known if len(provider_id) > 2 and provider_id.casefold() in name]
        guesses = guesses or [name for name in [nearest(provider_id, known)] if name]
        raise fail("providers", f"there is no provider {provider_id}; {_did_you_mean(guesses)}")
    if format == "json":
        return write_json({**_brief(provider), **_rest(provider)})
    return _show(provider)


def _did_you_mean(guesses: list[str]) -> str:
    return f"did you mean {' or '.join(guesses)}?" if guesses else "weir providers lists them"


def _list(found: list[Provider]) -> None:
    rows = []
    for provider in found:
        hosts = [*provider.hosts, *provider.shared_hosts]
        more = f" and {len(hosts) - 1} more" if len(hosts) > 1 else ""
        shared = "" if provider.hosts else " (paths)"
        known = [operation for operation in provider.operations if operation.dialect]
        share = f"{len(known)}/{len(provider.operations)}"
        rows.append((provider.id, f"{hosts[0]}{shared}{more}", share, len(provider.unverified)))
    table(("id", "hosts", "operations read", "unverified"), rows, stack=False)
    note("operations read: those whose content weir reads, of all it knows; the others list, fetch, delete")
    note("unverified: how many details no documentation or traffic has confirmed")
    note(f"{many(len(found), 'provider')}; weir providers ID shows all about one")


def _show(provider: Provider) -> None:
    about = {
        "id": provider.id,
        "name": provider.name,
        "hosts": ", ".join(provider.hosts),
        "only paths of": ", ".join(provider.shared_hosts),
        "company's key goes to": _bound(provider),
        "credentials": ", ".join(map(_place, provider.auth)),
        "kinds of key": ", ".join(dict.fromkeys(kind for _, kind in provider.key_patterns)),
        "virtual keys open": ", ".join(sorted(provider.virtual_key_operations & _names(provider))),
        "usage in streams": "always" if provider.stream_usage == "always" else "when asked for",
        "recorded headers": ", ".join(dict.fromkeys((*provider.headers.request, *provider.headers.response))),
        "evidence": ", ".join(_EVIDENCE.get(source, source) for source in provider.evidence),
        "unverified": ", ".join(provider.unverified),
    }
    grid({name: value or "-" for name, value in about.items()})
    rows = [(o.operation, o.method, o.template.text, o.dialect or "-", _model(o)) for o in provider.operations]
    table(("operation", "method", "path", "read as", "model"), rows, stack=False)
    if provider.shared_hosts:
        note("hosts that serve other things too are decrypted only where the policy's intercept.include names them")


def _bound(provider: Provider) -> str:
    if not provider.virtual_key_operations:
        return ""
    return ", ".join(provider.bound_hosts) or f"the hosts of keys.{provider.id} in the policy"


def _names(provider: Provider) -> frozenset[str]:
    return frozenset(operation.operation for operation in provider.operations)


def _place(place: AuthPlace) -> str:
    if place.query:
        return f"?{place.query}="
    if place.subprotocol:
        return f"WebSocket subprotocol {place.subprotocol}"
    return f"{place.header}: {place.scheme}".rstrip(": ")


def _model(operation: Operation) -> str:
    sign = operation.model_sign
    if sign:
        return f"header {sign.header}" if sign.header else f"?{sign.query}="
    return operation.model_in if operation.dialect or operation.model_in != "body" else "-"


def _sign(sign: Sign | None) -> dict[str, str] | None:
    if sign is None:
        return None
    place = {"header": sign.header} if sign.header else {"query": sign.query}
    return {**place, "is": sign.value} if sign.value else place


def _brief(provider: Provider) -> dict[str, Any]:
    return {
        "id": provider.id,
        "name": provider.name,
        "hosts": list(provider.hosts),
        "shared_hosts": list(provider.shared_hosts),
        "dialects": sorted({operation.dialect for operation in provider.operations if operation.dialect}),
        "operation_count": len(provider.operations),
        "unverified": list(provider.unverified),
        "evidence": list(provider.evidence),
    }


def _rest(provider: Provider) -> dict[str, Any]:
    return {
        "key_hosts": list(provider.bound_hosts),
        "auth": [
            {name: value for name in ("header", "scheme", "query", "subprotocol") if (value := getattr(place, name))}
            for place in provider.auth
        ],
        "key_patterns": [{"kind": kind, "regex": pattern.pattern} for pattern, kind in provider.key_patterns],
        "stream_usage": provider.stream_usage,
        "virtual_key_operations": sorted(provider.virtual_key_operations & _names(provider)),
        "headers": {"request": list(provider.headers.request), "response": list(provider.headers.response)},
        "operations": [
            {
                "method": o.method,
                "path": o.template.text,
                "operation": o.operation,
                "dialect": o.dialect or None,
                "stream": _sign(o.stream_sign) or o.stream,
                "model": _sign(o.model_sign) or o.model_in,
                "unverified": o.template.text in provider.unverified or "operations" in provider.unverified,
            }
            for o in provider.operations
        ],
    }
