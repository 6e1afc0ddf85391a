"""Reading catalogue files: mistakes are told with file, line and remedy."""

from pathlib import Path

import pytest

from weir.shadow.entries import Entry, read_directory

GOOD = "  - {id: a, name: A, vendor: v, hosts: [a.example]}\n"


def write(directory: Path, services: str, *, category: str = "category: coding", name: str = "f.yaml") -> Path:
    (directory / name).write_text(f"{category}\nservices:\n{services}")
    return directory


def test_reads_services(tmp_path: Path) -> None:
    write(
        tmp_path,
        GOOD + "  - id: b\n    name: B\n    vendor: v\n    hosts: ['*.b.example']\n    paths: [/x]\n"
        "    country: 'NO'\n    signup: company\n",
    )
    assert read_directory(tmp_path) == [
        Entry("a", "A", "v", "coding", ("a.example",)),
        Entry("b", "B", "v", "coding", ("*.b.example",), ("/x",), "NO", "company"),
    ]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("  - just text\n", "a service is a mapping"),
        ("  - {id: b, name: B, hosts: [b.example]}\n", "add vendor"),
        ("  - {id: b, name: B, vendor: v, hosts: [b.example], host: x}\n", "unknown key host; allowed: "),
        ("  - {id: B, name: B, vendor: v, hosts: [b.example]}\n", "id must be lower-case"),
        ("  - {id: 7, name: B, vendor: v, hosts: [b.example]}\n", "id must be lower-case"),
        ("  - {id: b, name: B, vendor: 'v w', hosts: [b.example]}\n", "vendor must be lower-case"),
        ("  - {id: b, name: '', vendor: v, hosts: [b.example]}\n", "name must be a text"),
        ("  - {id: b, name: B, vendor: v, hosts: []}\n", "at least one host"),
        ("  - {id: b, name: B, vendor: v, hosts: b.example}\n", "hosts must be a list"),
        ("  - {id: b, name: B, vendor: v, hosts: [b.example, b.example]}\n", "names something twice"),
        ("  - {id: b, name: B, vendor: v, hosts: [B.example]}\n", "'B.example' is no host"),
        ("  - {id: b, name: B, vendor: v, hosts: ['https://b.example']}\n", "is no host"),
        ("  - {id: b, name: B, vendor: v, hosts: [b.example/x]}\n", "is no host"),
        ("  - {id: b, name: B, vendor: v, hosts: ['*']}\n", "is no host"),
        ("  - {id: b, name: B, vendor: v, hosts: ['*.com']}\n", "is no host"),
        ("  - {id: b, name: B, vendor: v, hosts: ['b.*']}\n", "is no host"),
        ("  - {id: b, name: B, vendor: v, hosts: ['*.*.b.example']}\n", "is no host"),
        ("  - {id: b, name: B, vendor: v, hosts: [b.example], paths: [x]}\n", "must start with /"),
        ("  - {id: b, name: B, vendor: v, hosts: [b.example], paths: [/]}\n", "must start with /"),
        ("  - {id: b, name: B, vendor: v, hosts: [b.example], country: NO}\n", "country must be two capital"),
        ("  - {id: b, name: B, vendor: v, hosts: [b.example], country: Norway}\n", "country must be two capital"),
        ("  - {id: b, name: B, vendor: v, hosts: [b.example], signup: maybe}\n", "signup must be one of anonymous, "),
        ("  - {id: b, name: B, vendor: v, hosts: [b.example], signup: [self]}\n", "signup must be one of anonymous, "),
        ("  - {id: a, name: B, vendor: v, hosts: [b.example]}\n", "id a is taken by"),
        ("  - {id: b, name: B, vendor: v, hosts: [a.example]}\n", "host a.example already belongs to a"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(tmp_path: Path, entry: str, told: str) -> None:
    write(tmp_path, GOOD + entry)
    with pytest.raises(ValueError) as caught:
        read_directory(tmp_path)
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}/f.yaml:4:")


@pytest.mark.parametrize(
    "text", ["", "- a\n", "category: a\n", "category: a\nservices: x\n", "category: a\nservices: []\nmore: 1\n"]
)
def test_a_file_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "f.yaml").write_text(text)
    with pytest.raises(ValueError, match="write `category:` and a list of `services:`"):
        read_directory(tmp_path)


def test_broken_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "  - {id: a\n  - {id: b\n")
    with pytest.raises(ValueError, match=r"f\.yaml:4: not YAML"):
        read_directory(tmp_path)


def test_a_bad_category_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="category must be"):
        read_directory(write(tmp_path, GOOD, category="category: Two Words"))


def test_the_same_host_under_different_paths_is_no_conflict(tmp_path: Path) -> None:
    write(tmp_path, GOOD + "  - {id: b, name: B, vendor: v, hosts: [a.example], paths: [/b]}\n")
    assert [e.id for e in read_directory(tmp_path)] == ["a", "b"]


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such directory"):
        read_directory(tmp_path / "nowhere")


def test_conflicts_are_found_across_files(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, GOOD.replace("id: a", "id: z"), name="g.yaml")
    with pytest.raises(ValueError, match=r"g\.yaml:3: host a\.example already belongs to a"):
        read_directory(tmp_path)
