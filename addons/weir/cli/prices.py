"""``weir prices``: what a model costs and who says so, and vetted price lists put in place."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weir.cli.options import DATA, DataOption, FormatOption, PolicyOption
from weir.cli.output import clean, fail, note, table, write_json

if TYPE_CHECKING:
    from weir.usage.prices import Prices
    from weir.usage.quotes import Quote

__all__ = ["app", "prices_for"]

app = typer.Typer(help="What models cost: your own prices, vetted lists, the bundled one.", no_args_is_help=True)

_NAME_MAX = 120  # characters; no request may name a longer one
_KINDS = ("input", "output", "cache_read", "cache_write")
_UNREPORTED = frozenset({"storage_searches_kcount"})


@app.callback()
def _group() -> None:
    """What models cost: your own prices, vetted lists, the bundled one."""


@app.command()
def show(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's name as requests give it.")],
    provider: Annotated[str, typer.Option(help="weir's id of one provider; default: all that have a price.")] = "",
    at: Annotated[str, typer.Option(metavar="DATE", help="The prices of that day; default: today's.")] = "",
    policy: PolicyOption = None,
    data: DataOption = DATA,
    format: FormatOption = "table",
) -> None:
    """Dollars a million tokens, tiers, and whose word it is: your own file (policy), a vetted list, the bundled one.

    Exit code 1 when nobody has a price: such an exchange is recorded as unpriced.
    """
    from weir.cli.times import before
    from weir.usage.quotes import quotes

    try:
        moment = before(at) if at else datetime.now(UTC)
    except ValueError as error:
        raise fail("prices show", f"--at: {error}", 2) from None
    if not model.strip():
        raise fail("prices show", "name a model, such as gpt-5", 2)
    prices = prices_for("prices show", policy, data)
    found = quotes(prices, model, provider, moment)
    priced = any(quote.source != "unpriced" for quote in found)
    if provider and not priced and not prices.overrides.entries and not _is_known(provider):
        raise fail("prices show", f"weir knows no provider {_shown(provider)}; weir providers lists them", 2)
    if format == "json":
        write_json({"model": model, "at": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "prices": [_as_json(q) for q in found]})
    elif found:
        _print(model, moment, found)
    if not priced:
        who = f"{_shown(model)} of {provider}" if provider else _shown(model)
        raise fail("prices show", f"{who} is unpriced; give it a price in the policy's usage: {{prices: FILE}}")


def _shown(name: str) -> str:
    """A name as a terminal may show it, on its line."""
    text = clean(name)
    return text if len(text) <= _NAME_MAX else f"{text[: _NAME_MAX - 1]}…"


def _is_known(provider: str) -> bool:
    from weir.providers.services.registry import Registry

    return Registry.load().by_id(provider) is not None


@app.command()
def update(
    file: Annotated[
        Path,
        typer.Option("--file", metavar="SNAPSHOT", help="A list you have vetted: prices/data.json of genai-prices."),
    ],
    data: DataOption = DATA,
    format: FormatOption = "table",
) -> None:
    """Check a price list and put it in force for this data directory. Nothing is ever fetched.

    A running weir takes it with its next reload (SIGHUP, or a saved policy). To go back, delete the file it names.
    """
    from weir.datadir import DataDir, DataDirError
    from weir.usage.snapshots import PriceListError, bundled, compare, keep, newest, parse

    try:
        raw = file.read_bytes()
    except OSError as error:
        raise fail("prices update", f"{file} cannot be read ({error.strerror})", 2) from None
    try:
        parse(raw, "")  # a file that is refused makes no data directory
    except PriceListError as error:
        raise fail("prices update", f"{file} {error}") from None
    try:
        folder = DataDir(data).prices
        old = newest(folder) or bundled()
    except (DataDirError, PriceListError) as error:
        raise fail("prices update", str(error)) from None
    try:
        path, new = keep(folder, raw, datetime.now(UTC))
    except PriceListError as error:
        raise fail("prices update", f"{file} {error}") from None
    except (DataDirError, OSError) as error:
        raise fail("prices update", f"{folder}: cannot be written ({error})") from None
    change = compare(old, new)
    if change.removed:
        note(f"{change.removed} models that {old.name} prices are not in it: without your own price they are unpriced")
    if format == "json":
        numbers = {"added": change.added, "removed": change.removed, "changed": change.changed}
        return write_json({"file": str(path), "name": new.name, "models": new.models, "before": old.name, **numbers})
    table(
        ("list", "providers", "models", "added", "removed", "changed"),
        [(new.name, len(new.providers), new.models, change.added, change.removed, change.changed)],
    )
    note(f"kept as {path}; a running weir takes it with its next reload")
    return None


def prices_for(command: str, policy: Path | None, data: Path) -> Prices:
    """The prices in force for a policy and a data directory. Ends the command when they can't be used."""
    from weir.cli.scan import load_policy
    from weir.usage.overrides import NOTHING, PriceFileError, load
    from weir.usage.prices import Prices
    from weir.usage.snapshots import PriceListError

    own = load_policy(command, policy).usage.prices
    try:
        return Prices.load(overrides=load(own) if own else NOTHING, folder=data / "prices")
    except PriceFileError as error:
        raise fail(command, str(error.mistakes[0]), 2) from None
    except PriceListError as error:
        raise fail(command, str(error)) from None


def _as_json(quote: Quote) -> dict[str, Any]:
    tiers = [
        {"above_input_tokens": above, **{kind: str(price) for kind, price in prices.items()}}
        for above, prices in quote.tiers.items()
    ]
    rates = {kind: None if (value := getattr(quote, kind)) is None else str(value) for kind in _KINDS}
    return {
        "provider": quote.provider, **rates, "tiers": tiers, "other": list(quote.other),
        "price_id": quote.price_id, "source": quote.source,
    }  # fmt: skip


def _print(model: str, moment: datetime, found: list[Quote]) -> None:
    rows: list[tuple[object, ...]] = []
    for quote in found:
        rows.append((quote.provider, *(_usd(getattr(quote, kind)) for kind in _KINDS), _place(quote.source)))
        rows += (
            (f"  over {above:,} in", *(_usd(prices.get(kind)) for kind in _KINDS), "")
            for above, prices in quote.tiers.items()
        )
    heads = ("provider", "in", "out", "cache read", "cache write", "source")
    table(heads, rows, f"{_shown(model)}, dollars a million tokens, {moment:%Y-%m-%d}", stack=False)
    beside = sorted({name for quote in found for name in quote.other})
    if apart := [_kind(name) for name in beside if name not in _UNREPORTED]:
        note(f"with a price of their own, where a reply reports how many: {', '.join(apart)}")
    if never := [_kind(name) for name in beside if name in _UNREPORTED]:
        note(f"priced in the list, yet no reply reports how many, so they are not counted: {', '.join(never)}")


def _kind(name: str) -> str:
    """A price list's word for a kind as people say it: ``cache_write_1h_mtok`` is ``cache write 1h``."""
    return re.sub("_(mtok|kcount)$", "", name).replace("_", " ")


def _place(source: str) -> str:
    """Where a price is from, a file of one's own as seen from here when that is shorter."""
    kind, _, place = source.rpartition(" ")
    return f"{kind} {min(os.path.relpath(place), place, key=len)}" if kind == "override" else source


def _usd(value: Decimal | None) -> Decimal | None:
    return None if value is None else Decimal(f"{value:f}")
