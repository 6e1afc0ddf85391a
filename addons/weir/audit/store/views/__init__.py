"""The SQL of the store: what an analyst sees in ``audit.duckdb`` beside its tables. One file a kind of asker."""

from weir.audit.store.views import discovery, evidence, money, operation, people, security
from weir.audit.store.views.chain import CHAIN
from weir.audit.store.views.exchanges import EXCHANGES, exchanges_sql
from weir.audit.store.views.shape import Macro, Param, View

__all__ = ["MACROS", "VIEWS", "Macro", "Param", "View", "exchanges_sql"]

VIEWS: tuple[View, ...] = (
    *(EXCHANGES, *security.VIEWS, *discovery.VIEWS, *people.VIEWS, *money.VIEWS),
    *(*operation.VIEWS, *evidence.VIEWS),
)
MACROS: tuple[Macro, ...] = (*discovery.MACROS, *people.MACROS, *operation.MACROS, *evidence.MACROS, CHAIN)
