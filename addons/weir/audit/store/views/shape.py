"""A view and a macro of the store: the name, what it is for, how to ask it, the SQL."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Macro", "Param", "View"]


@dataclass(frozen=True, slots=True)
class View:
    """A view: ``comment`` is one line for analysts, ``example`` a query that they may begin with."""

    name: str
    comment: str
    sql: str
    example: str = ""

    def statements(self) -> list[str]:
        """The SQL that makes it in a store, its comment included."""
        return [f"CREATE VIEW {self.name} AS {self.sql}", f"COMMENT ON VIEW {self.name} IS {_literal(self.comment)}"]

    @property
    def asked(self) -> str:
        """What to put behind FROM, and its arguments."""
        return self.name

    @property
    def query(self) -> str:
        """A query that one may begin with."""
        return self.example or f"FROM {self.asked} LIMIT 20"


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a macro: ``default`` is its SQL; without one it must be given. ``sample`` stands in examples."""

    name: str
    default: str = ""
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Macro(View):
    """A view with parameters: ``FROM name(value)`` or ``FROM name(parameter := value)``.

    DuckDB looks for a macro's tables where the query is asked: whoever has attached the store says ``USE`` first.
    """

    params: tuple[Param, ...] = ()

    def statements(self) -> list[str]:
        """The SQL that makes it in a store, its comment included."""
        named = ", ".join(f"{one.name} := {one.default}" if one.default else one.name for one in self.params)
        return [
            f"CREATE MACRO {self.name}({named}) AS TABLE {self.sql}",
            f"COMMENT ON MACRO TABLE {self.name} IS {_literal(self.comment)}",
        ]

    @property
    def asked(self) -> str:
        """The call, with a sample for every parameter that must be given."""
        return f"{self.name}({', '.join(one.sample for one in self.params if not one.default)})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
