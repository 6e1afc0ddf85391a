"""From the policy's ``dlp`` section to an engine: the one way in which a running weir and its commands make theirs."""

from __future__ import annotations

import os
from pathlib import Path

from weir.dlp.core.engine import Engine
from weir.sections import Dlp

__all__ = ["FINDINGS_MAX", "ExactKeyMissing", "engine_of", "engine_without_exact"]

FINDINGS_MAX = 200  # of one request; who reads whole files asks for more


class ExactKeyMissing(ValueError):
    """The policy names fingerprint files and whoever loads it has no key to read them with."""


def engine_without_exact(dlp: Dlp) -> tuple[Engine, frozenset[str]]:
    """For checking a policy where no data directory is at hand: an engine, and the names of all possible findings.

    Files of exact values are looked at only for what they are called. Raises as `engine_of`.
    """
    labels = set[str]()
    if dlp.exact:
        from weir.dlp.exact.exactfile import read_label  # what it imports is needed only where there are such files

        labels = {f"exact/{read_label(path)}" for path in dlp.exact}
    engine = engine_of(dlp.model_copy(update={"exact": ()}), os.urandom(32))
    return engine, frozenset({*engine.detectors, *labels})


def engine_of(
    dlp: Dlp,
    fingerprint_key: bytes,
    exact_key: bytes = b"",
    *,
    findings_max: int = FINDINGS_MAX,
    cache_entries: int = 20_000,
    helpers: int = 0,
    compiled: Path | None = None,
) -> Engine:
    """The engine that ``dlp`` describes; takes a second or two.

    ``fingerprint_key`` keys the findings' fingerprints, ``exact_key`` (``DataDir.secret("exact")``) is needed only for
    files of exact values, ``helpers`` are processes for long texts, ``compiled`` (``DataDir.compiled``) keeps compiled
    patterns for the next time. Raises ValueError (RuleError, UnknownEntity, ExactFileError, ExactKeyMissing …) that
    says what to write instead, or OSError.
    """
    if dlp.exact and not exact_key:
        raise ExactKeyMissing("the key of the fingerprint files is in the data directory; name it with --data")
    return Engine.load(
        rule_dirs=dlp.rules,
        entities=dlp.entities,
        packs=dlp.packs,
        threshold=dlp.threshold,
        thresholds=dlp.thresholds,
        nlp=dlp.nlp,
        exact=dlp.exact,
        exact_key=exact_key,
        fingerprint_key=fingerprint_key,
        findings_max=findings_max,
        cache_entries=cache_entries,
        helpers=helpers,
        compiled=compiled,
    )
