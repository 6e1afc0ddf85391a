"""The quick reader says what YAML says, or nothing."""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from weir.shadow import catalogue
from weir.shadow.compact import HOST, Entry, read_compact

HEAD = "# A remark: with a colon.\n\ncategory: coding\nservices:\n".replace("\n\n", "\n")
BUNDLED = sorted((Path(catalogue.__file__).parent / "data").glob("*.yaml"))


def by_yaml(text: str) -> list[tuple[Entry, int]]:
    doc = yaml.safe_load(text)
    nodes = next(value for key, value in yaml.compose(text).value if key.value == "services").value
    found = []
    for raw, node in zip(doc["services"], nodes, strict=True):
        lists = tuple(raw["hosts"]), tuple(raw.get("paths", ()))
        named = raw["id"], raw["name"], raw["vendor"], doc["category"]
        found.append((Entry(*named, *lists, raw.get("country"), raw.get("signup")), node.start_mark.line + 1))
    return found


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_the_bundled_files_mean_the_same_to_both(path: Path) -> None:
    text = path.read_text("utf-8")
    assert read_compact(text) == by_yaml(text)


def test_everything_that_a_service_may_say() -> None:
    line = (
        '  - {id: "11x", name: "Ünüsual: a [b], {c} # d", vendor: v-1, hosts: [a.example, "*.a.example", '
        '"*-x.a.example", "q.*.a.example"], paths: [/a/b, "/c/*/d"], country: "NO", signup: suite}\n'
    )
    text = HEAD + line
    assert read_compact(text) == by_yaml(text)
    assert read_compact(text) == [
        (
            Entry(
                "11x",
                "Ünüsual: a [b], {c} # d",
                "v-1",
                "coding",
                ("a.example", "*.a.example", "*-x.a.example", "q.*.a.example"),
                ("/a/b", "/c/*/d"),
                "NO",
                "suite",
            ),
            4,
        )
    ]


GOOD = "  - {id: a, name: A, vendor: v, hosts: [a.example]}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD,
        HEAD + GOOD[:-1],
        "services:\n" + GOOD,
        "category: on\nservices:\n" + GOOD,
        HEAD + "\n" + GOOD,
        HEAD + GOOD + "  # a remark\n",
        HEAD + GOOD + "more: 1\n",
        HEAD + GOOD.replace("id: a", "id: no"),
        HEAD + GOOD.replace("id: a", "id: 11"),
        HEAD + GOOD.replace("id: a", "id: 0x11"),
        HEAD + GOOD.replace("id: a", "id: A"),
        HEAD + GOOD.replace("name: A", "name: Yes"),
        HEAD + GOOD.replace("name: A", "name: 1.5"),
        HEAD + GOOD.replace("name: A", "name: A: B"),
        HEAD + GOOD.replace("name: A", "name: A #B"),
        HEAD + GOOD.replace("name: A", 'name: "A\\n"'),
        HEAD + GOOD.replace("name: A", 'name: " A"'),
        HEAD + GOOD.replace("name: A", 'name: "A\u2028B"'),
        HEAD + GOOD.replace("vendor: v", "vendor: off"),
        HEAD + GOOD.replace("a.example", "1.5"),
        HEAD + GOOD.replace("a.example", "1.e-5"),
        HEAD + GOOD.replace("a.example", "*.a.example"),
        HEAD + GOOD.replace("a.example", "a.example, a.example"),
        HEAD + GOOD.replace("a.example", '"a.example, b.example"'),
        HEAD + GOOD.replace("a.example", "A.example"),
        HEAD + GOOD.replace("]}", "], paths: [x]}"),
        HEAD + GOOD.replace("]}", "], paths: []}"),
        HEAD + GOOD.replace("]}", "], country: NO}"),
        HEAD + GOOD.replace("]}", "], country: de}"),
        HEAD + GOOD.replace("]}", "], signup: maybe}"),
        HEAD + GOOD.replace("]}", "], signup: self, country: DE}"),
        HEAD + GOOD.replace("]}", "], more: 1}"),
    ],
)
def test_what_it_does_not_know_is_left_to_yaml(text: str) -> None:
    assert read_compact(text) is None


TEXT = st.text(st.sampled_from("aeAE019._-:,#'\" []{}&*!|>%@`~?=\\/\t\n\u00a0\u2028é"), max_size=8)
HOSTS = st.lists(st.one_of(TEXT, st.sampled_from(["a.example", '"*.a.example"', "1.e5", "0.1", "a..b", "1.e-10"])))


@given(TEXT, TEXT, TEXT, HOSTS, st.sampled_from(["", ", country: DE", ", country: NO", ", signup: self", ", x: y"]))
def test_it_never_says_anything_else_than_yaml(id_: str, name: str, vendor: str, hosts: list[str], rest: str) -> None:
    listed = ", ".join(hosts)
    text = HEAD + f"  - {{id: {id_}, name: {name}, vendor: {vendor}, hosts: [{listed}]{rest}}}\n" + GOOD
    found = read_compact(text)
    if found is not None:
        assert found == by_yaml(text)
        assert all(re.fullmatch(HOST, host) for entry, _ in found for host in entry.hosts)
