from __future__ import annotations

import json
from typing import Any

import pytest

from weir.model import Endpoint, Exchange
from weir.providers.formats.databricks import Databricks

DIALECT = Databricks()
ENDPOINT = Endpoint("databricks", "databricks", "invoke", model="churn")


def parse(doc: Any) -> Exchange:
    return DIALECT.parse(json.dumps(doc).encode(), ENDPOINT)


@pytest.mark.parametrize(
    "doc",
    [
        {"dataframe_records": [{"note": "a text"}]},
        {"dataframe_split": {"columns": ["note"], "data": [["a text"]]}},
        {"inputs": {"note": ["a text"]}},
        {"instances": ["a text"]},
        {"input": [{"role": "user", "content": "a text"}]},
        {"prompt": "a text"},
    ],
)
def test_rows_are_what_the_user_says(doc: Any) -> None:
    assert any((s.text, s.role) == ("a text", "user") for s in parse(doc).segments)


@pytest.mark.parametrize("doc", [{"predictions": ["a"]}, {"predictions": [{"text": "a", "score": 0.5}]}])
def test_predictions_are_texts(doc: Any) -> None:
    reader = DIALECT.reader(parse({"inputs": ["x"]}), "application/json")
    reader.feed(json.dumps(doc).encode())
    reader.close()
    assert reader.reply().text == "a"


def test_its_streams_report_usage_unasked() -> None:
    assert parse({"messages": [], "stream": True}).asks_usage
