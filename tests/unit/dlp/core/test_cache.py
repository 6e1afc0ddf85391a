from __future__ import annotations

import threading

from weir.dlp.core.cache import ScanCache, Scanned, Span

SPAN = Span("pii/EMAIL_ADDRESS", "medium", 0, 3, 1.0, "f" * 32)


def test_put_and_get() -> None:
    cache = ScanCache(b"key", "1", 10)
    key = cache.key(b"text")
    assert cache.get(key) is None and key not in cache
    cache.put(key, Scanned((SPAN,), ""))
    assert cache.get(key) == Scanned((SPAN,), "") and key in cache
    assert cache.key(b"text") == key != cache.key(b"text ")


def test_the_name_depends_on_the_key_and_the_version() -> None:
    names = {ScanCache(key, version, 1).key(b"text") for key in (b"a", b"b") for version in ("1", "2")}
    assert len(names) == 4


def test_the_least_used_goes_first() -> None:
    cache = ScanCache(b"key", "1", 2)
    one, two, three = (cache.key(text) for text in (b"1", b"2", b"3"))
    cache.put(one, Scanned())
    cache.put(two, Scanned())
    cache.get(one)
    cache.put(three, Scanned())
    assert (one in cache, two in cache, three in cache, len(cache)) == (True, False, True, 2)


def test_no_entries_means_no_cache() -> None:
    cache = ScanCache(b"key", "1", 0)
    cache.put(cache.key(b"x"), Scanned())
    assert len(cache) == 0


def test_a_text_put_together_has_a_name_of_its_own() -> None:
    cache = ScanCache(b"key", "1", 1)
    assert len({cache.key(b"x"), cache.key(b"x", seam=True), cache.key(b""), cache.key(b"", seam=True)}) == 4


def test_threads() -> None:
    cache = ScanCache(b"key", "1", 50)

    def work(n: int) -> None:
        for i in range(300):
            key = cache.key(f"{n} {i % 80}".encode())
            cache.put(key, Scanned())
            cache.get(key)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache) == 50
