from __future__ import annotations

from weir.audit.store.views.shape import Macro, Param, View


def test_a_view_is_made_with_its_comment() -> None:
    view = View("mine", "What's mine.", "SELECT 1")
    assert view.statements() == ["CREATE VIEW mine AS SELECT 1", "COMMENT ON VIEW mine IS 'What''s mine.'"]
    assert view.query == "FROM mine LIMIT 20"
    assert View("mine", "", "", "FROM mine WHERE x").query == "FROM mine WHERE x"


def test_a_macro_has_parameters_with_and_without_defaults() -> None:
    macro = Macro("of", "It's.", "SELECT a", params=(Param("a", sample="'x'"), Param("b", "7")))
    assert macro.statements() == [
        "CREATE MACRO of(a, b := 7) AS TABLE SELECT a",
        "COMMENT ON MACRO TABLE of IS 'It''s.'",
    ]
    assert macro.query == "FROM of('x') LIMIT 20"
