"""``weir tenants``: for which vendors sign-in can be confined to the company's tenant, and for which it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weir.cli.options import FormatOption
from weir.cli.output import fail, many, note, table, write_json

if TYPE_CHECKING:
    from collections.abc import Collection

    from weir.tenants.vendors import Vendor

__all__ = ["tenants"]


def tenants(
    policy: Annotated[Path | None, typer.Option(help="Say which of them this policy restricts.")] = None,
    format: FormatOption = "table",
) -> None:
    """The vendors that take a header with the company's tenants: hosts, headers, what policy gives, sources."""
    from weir.tenants.vendors import load

    restricted = _restricted(policy) if policy is not None else frozenset()
    vendors = sorted(load().values(), key=lambda vendor: vendor.id)
    if format == "json":
        return write_json([_whole(vendor, restricted) for vendor in vendors])
    asked = policy is not None
    rows = [
        (
            vendor.id,
            *(["yes" if vendor.id in restricted else "-"] if asked else ()),
            "\n".join(vendor.hosts.patterns),
            "\n".join(header.name for header in vendor.headers),
        )
        for vendor in vendors
    ]
    table(("vendor", *(("restricted",) if asked else ()), "hosts", "headers"), rows)
    note(f"{many(len(rows), 'vendor')}; --format json tells what policy gives for each, and the sources")
    return None


def _restricted(policy: Path) -> Collection[str]:
    from weir.settings import PolicyError, load

    try:
        return frozenset(load(policy).tenants)
    except PolicyError:
        raise fail("tenants", f"{policy} has mistakes; weir check {policy} lists them") from None
    except OSError:
        raise fail("tenants", f"{policy} cannot be read; name a policy") from None


def _whole(vendor: Vendor, restricted: Collection[str]) -> dict[str, Any]:
    return {
        "id": vendor.id,
        "name": vendor.name,
        "restricted": vendor.id in restricted,
        "hosts": list(vendor.hosts.patterns),
        "sign_in": list(vendor.sign_in.patterns),
        "headers": [header.name for header in vendor.headers],
        "policy": {key: {"form": value.form, "most": value.most} for key, value in vendor.values.items()},
        "needs": [list(keys) for keys in vendor.needs],
        "refused_paths": list(vendor.refused_paths),
        "sources": [{"title": one.title, "url": one.url, "read": one.read} for one in vendor.sources],
    }
