"""Where budgets and rates are counted: can these stores be used, here and now. No address is ever shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from weir.cli.checkup import Result, fail, ok

if TYPE_CHECKING:
    from weir.settings import Settings

__all__ = ["budgets", "rates"]

_NAME_IT = "run weir doctor where weir starts; the reference must yield the store's URL"


def budgets(settings: Settings, data: Path) -> list[Result]:
    """Whether the store of budgets can be used; nothing when the policy has no budgets. Makes no file."""
    from weir.edge.limits.limitstores import address, ledger_file
    from weir.limits.ledger import Ledger, LedgerError
    from weir.limits.plan import written

    if not written(settings):
        return []
    file = ledger_file(data)
    try:
        server = address(settings, "budgets")
    except ValueError as error:
        return [fail("budgets", str(error), _NAME_IT)]
    if not server and not file.exists():
        return [ok("budgets", f"nothing spent yet; the first request makes {file}")]
    meanwhile = f"until then requests get on_failure: {settings.on_failure}"
    remedy = f"start the server of stores.budgets, or mend its URL; {meanwhile}" if server else meanwhile
    try:
        Ledger.open(server or file, timeout_s=settings.stores.timeout_ms / 1000).close()
    except LedgerError as error:
        return [fail("budgets", str(error), remedy)]
    return [ok("budgets", "counted in PostgreSQL, which answers" if server else f"counted in {file}")]


def rates(settings: Settings) -> list[Result]:
    """Whether the store of rates answers; nothing when the policy has no rates, or counts them in memory."""
    from weir.edge.limits.limitstores import address

    if not settings.rates:
        return []
    try:
        server = address(settings, "rates")
    except ValueError as error:
        return [fail("rates", str(error), _NAME_IT)]
    if not server:
        return [ok("rates", "counted in memory, by each weir process for itself")]
    from weir.limits.ledger import LedgerError
    from weir.limits.rates import Rates

    try:
        problem = "" if Rates((), server, timeout_s=settings.stores.timeout_ms / 1000).answers() else "no answer"
    except LedgerError as error:
        problem = str(error)
    if not problem:
        return [ok("rates", "counted in Redis, which answers")]
    remedy = "start the server of stores.rates, or mend its URL; until then requests get on_failure"
    return [fail("rates", f"the store for rates cannot be used: {problem}", f"{remedy}: {settings.on_failure}")]
