"""The counter: exact with a verified vocabulary, an estimate without, and never a download."""

import base64
import hashlib
import socket
import threading
from collections.abc import Iterator

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from harness.effort import within
from weir.usage import tokens
from weir.usage.encodings import Encodings, Family, Vocabulary, load_encodings
from weir.usage.estimate import estimate
from weir.usage.tokens import Counter

LOADER = "weir-tokenizers"


def loaders() -> list[threading.Timer]:
    return [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer) and thread.name == LOADER]


def stop_loaders() -> None:
    for loader in loaders():
        loader.cancel()
        loader.join(30)
    assert not loaders()


@pytest.fixture(autouse=True)
def nobody_else_loads() -> Iterator[None]:
    """Counters of other tests load in the background ten seconds later: not while vocabularies here are toys. Whoever
    counts with such a counter loads then."""
    stop_loaders()
    yield
    stop_loaders()


@pytest.fixture(autouse=True)
def no_network(nobody_else_loads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("the counter tried to use the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def toy(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """A cache with two toy vocabularies (256 bytes and a few merges) under the real names and tiktoken's patterns."""
    lines = [base64.b64encode(bytes([b])) + b" %d" % b for b in range(256)]
    lines += [base64.b64encode(t) + b" %d" % (256 + i) for i, t in enumerate((b"he", b"ll", b"hell", b"hello"))]
    data = b"\n".join(lines) + b"\n"
    sha = hashlib.sha256(data).hexdigest()
    real = load_encodings()
    vocabularies = {n: Vocabulary(n, v.url, sha) for n, v in real.vocabularies.items()}
    table = Encodings(vocabularies, (*real.families, Family("double", ("double",), "o200k_base", 2.0)), real.default)
    for vocabulary in vocabularies.values():
        (tmp_path / vocabulary.file_name).write_bytes(data)
    monkeypatch.setattr(tokens, "load_encodings", lambda: table)
    # The toy's hash isn't what tiktoken's constructor asks for, so its hash is put where the constructor looks.
    from tiktoken_ext import openai_public

    for name, vocabulary in real.vocabularies.items():
        theirs = getattr(openai_public, name)
        consts = tuple(
            (sha,) if c == (vocabulary.sha256,) else sha if c == vocabulary.sha256 else c
            for c in theirs.__code__.co_consts
        )
        clone = type(theirs)(theirs.__code__.replace(co_consts=consts), vars(openai_public))
        monkeypatch.setattr(openai_public, name, clone)
    return tmp_path


def test_counts_with_the_vocabulary_from_the_cache(toy) -> None:
    counter = Counter.load(toy)
    assert counter.exact
    assert counter.count("hello", "gpt-4o") == 1
    assert counter.count("hellox", "gpt-4") == 2
    assert counter.count("hello", "double-model") == 2


def test_special_tokens_are_plain_text(toy) -> None:
    assert Counter.load(toy).count("<|endoftext|>", "gpt-4o") > 1


@pytest.mark.parametrize("text", ["\ud800 broken", "\x00", "🙂", "e\u0301"])
def test_any_str_is_counted(toy, text: str) -> None:
    assert Counter.load(toy).count(text, "gpt-4o") >= 1
    assert Counter.load(toy / "nowhere").count(text, "gpt-4o") >= 1


def test_a_text_that_comes_again_is_not_counted_anew(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter.load(toy)
    texts = [f"{n} hello \ud800 water " * 40 for n in range(4)]
    first = [counter.count(text, "gpt-4o") for text in texts]
    twice = [counter.count(text, "double-model") for text in texts]
    assert twice == [2 * count for count in first], "a family has its own factor, and shares its vocabulary"
    monkeypatch.setattr(tokens, "_count", lambda *_: pytest.fail("counted anew"))
    assert [counter.count(text, "gpt-4o") for text in texts] == first
    with pytest.raises(pytest.fail.Exception):
        counter.count(texts[0], "gpt-4")  # another vocabulary
    with pytest.raises(pytest.fail.Exception):
        counter.count(texts[0] + "!", "gpt-4o")


def test_what_is_remembered_has_a_bound(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_REMEMBERED", 3)
    counter = Counter.load(toy)
    for number in range(9):
        counter.count(f"{number} hello " * 60, "gpt-4o")
    assert len(counter._known._counts) == 3
    assert not any(b"hello" in key for key in counter._known._counts)


def test_without_files_counts_are_estimates(tmp_path) -> None:
    counter = Counter.load(tmp_path)
    text = "The pump in hall three has been leaking since Tuesday. " * 20
    assert not counter.exact
    assert not counter.exact_for("gpt-4o")
    assert counter.count(text, "gpt-4o") == round(estimate(text))
    assert counter.count(text, "claude-sonnet-4-5") == round(estimate(text) * 1.15)


def test_a_damaged_file_is_not_used_and_not_deleted(tmp_path) -> None:
    path = tmp_path / load_encodings().vocabularies["o200k_base"].file_name
    path.write_bytes(b"IQ== 0\n")
    assert not Counter.load(tmp_path).exact
    assert path.exists()


def test_one_file_alone_serves_its_models(toy) -> None:
    (toy / load_encodings().vocabularies["cl100k_base"].file_name).unlink()
    counter = Counter.load(toy)
    assert not counter.exact
    assert counter.exact_for("gpt-4o")
    assert not counter.exact_for("gpt-4")
    assert not counter.exact_for("gpt-5"), "a corrected count is not an exact one"


def test_nothing_has_no_tokens(tmp_path) -> None:
    assert Counter.load(tmp_path).count("", "gpt-4o") == 0


def test_a_text_cut_in_pieces_counts_like_a_whole_one(toy) -> None:
    counter = Counter.load(toy)
    assert counter.count("hello " * 20_000, "gpt-4o") == pytest.approx(40_000, rel=0.01)


def test_huge_texts_are_sampled_in_bounded_time(tmp_path) -> None:
    counter = Counter.load(tmp_path)
    unit = "some words and others, "
    whole = counter.count(unit * 80_000, "gpt-4o")
    sampled = within(3, lambda: counter.count(unit * 2_000_000, "gpt-4o"))
    assert sampled / whole == pytest.approx(25, rel=0.01)


def test_background_loading_ends_exact(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.usage.tokens._LATER_S", 0.0)
    counter = Counter.load(toy, background=True)
    for thread in loaders():
        thread.join(30)
    assert not counter.loading and counter.exact


def test_threads_agree(toy) -> None:
    counter, seen = Counter.load(toy), []
    threads = [
        threading.Thread(target=lambda: seen.extend(counter.count("hello hello", "gpt-4o") for _ in range(200)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 800
    assert len(set(seen)) == 1


def test_a_tiktoken_that_expects_other_bytes_is_reported(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"IQ== 0\n"
    real = load_encodings().vocabularies["o200k_base"]
    other = Vocabulary("o200k_base", real.url, hashlib.sha256(data).hexdigest())
    (tmp_path / other.file_name).write_bytes(data)
    default = Family("default", (), "o200k_base", 1.0)
    monkeypatch.setattr(tokens, "load_encodings", lambda: Encodings({"o200k_base": other}, (), default))
    with pytest.raises(ValueError, match="expects another o200k_base"):
        Counter.load(tmp_path)


def test_long_model_names_are_not_kept(tmp_path) -> None:
    assert Counter.load(tmp_path).count("hello there", "claude" + "x" * 1_000_000) >= 1


def test_it_says_whether_a_count_would_wait(tmp_path) -> None:
    counter = Counter.load(tmp_path, background=True)
    assert counter.loading
    counter.count("hello", "gpt-5")
    assert not counter.loading


MODELS = ("gpt-4", "gpt-5", "claude-opus-4-8", "?", "double")


@pytest.mark.parametrize("loaded", [True, False])
@given(
    text=st.text(),
    times=st.integers(1, 60),
    model=st.sampled_from(MODELS),
)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_count_is_above_the_bound(toy, loaded: bool, text: str, times: int, model: str) -> None:
    counter = Counter.load(*([toy] if loaded else []))
    assert counter.count(text * times, model) <= counter.at_most(text * times, model)


@pytest.mark.parametrize("text", ["", "a", "\ud800", "ä" * 999, "0123456789" * 40, "😀", "\n", "\0"])
def test_the_bound_holds_for_odd_texts_and_waits_for_nothing(toy, text: str) -> None:
    counter = Counter.load(toy, background=True)
    bound = counter.at_most(text, "gpt-5")
    assert counter.loading and bound >= counter.count(text, "gpt-5")


def test_the_bound_of_a_text_that_is_sampled(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_WHOLE", 50_000)
    monkeypatch.setattr(tokens, "_PIECE", 10)
    monkeypatch.setattr(tokens, "_SAMPLES", 2)
    text = "😀" * 10 + "hello" * 20_000 + "😀" * 10  # where nobody looks it has next to no tokens
    counter = Counter.load(toy)
    assert len(text.encode()) < counter.count(text, "gpt-4o") <= counter.at_most(text, "gpt-4o")
