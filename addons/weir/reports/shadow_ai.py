"""AI services in use, live and out of logs, with what policy thinks of them; ``shadow/`` makes the whole report."""

from __future__ import annotations

from datetime import datetime

import duckdb

from weir.reports.shadow.forms import TITLE, services_table
from weir.reports.shadow.made import report
from weir.reports.table import Table
from weir.shadow.catalogue import Catalogue

__all__ = ["TITLE", "run"]


def run(connection: duckdb.DuckDBPyConnection, since: datetime | None) -> Table:
    """A row per service, most requests first: hosts, status, how far weir saw, users, requests, blocked, bytes sent,
    first and last time, score and its reasons, sensitive findings, where it was seen.

    ``users`` counts those who are known; ``unidentified`` is the number of requests of nobody known.
    """
    return services_table(report(connection, since, Catalogue.load()))
