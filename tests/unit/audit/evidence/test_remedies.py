from __future__ import annotations

import pytest

from weir.audit.evidence.found import Found, Wrong
from weir.audit.evidence.remedies import problem_of


@pytest.mark.parametrize("wrong", Wrong)
def test_each_finding_has_a_remedy(wrong: Wrong) -> None:
    problem = problem_of(Found(wrong, "p-b", "text", "file", 3, 4, 5, 6))
    assert problem.remedy and problem.wrong == str(wrong)
    assert str(problem) == f"file:3: {wrong}: seq 4 to 5: checkpoint 6: text"
