"""What keeps a policy's detectors from being loaded, and names of findings that this policy looks for nowhere.

Everything is told at once, at the policy's line, with what to write there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from weir.fields import nearest
from weir.settings import Mistake, Settings

__all__ = ["detector_mistake", "detector_mistakes", "not_asked_for"]

_MAKE = "make it with weir dlp fingerprint"
_LISTED = "weir dlp rules --category pii lists what there is"


def detector_mistakes(settings: Settings) -> tuple[Mistake, ...]:
    """All that keeps the detectors of ``settings`` from being loaded. Reads files, makes none, loads no detector."""
    from weir.dlp.rulebook.rules import load_rules

    dlp = settings.dlp
    found = [*_words(settings)]
    try:
        if dlp.rules:
            load_rules(dlp.rules)
    except (ValueError, OSError) as error:
        found.append(detector_mistake(settings, error))
    found += _exact(settings)
    return tuple(found)


def detector_mistake(settings: Settings, error: ValueError | OSError) -> Mistake:
    """What the detectors said when they could not be loaded, as a mistake at its place."""
    from weir.dlp.build import ExactKeyMissing
    from weir.dlp.exact.exactfile import ExactFileError
    from weir.dlp.personal.packs import UnknownPack
    from weir.dlp.personal.presidio import UnknownEntity
    from weir.dlp.rulebook.rules import RuleError

    dlp = settings.dlp
    if isinstance(error, RuleError):
        start, end = f"{error.file}:{error.line}: {error.field}: ", f"; {error.remedy}"
        problem = str(error).removeprefix(start).removesuffix(end)
        return Mistake(_beside(settings, error.file), error.line, error.field, problem, error.remedy)
    if isinstance(error, UnknownEntity | UnknownPack):
        packs = isinstance(error, UnknownPack)
        for mistake in _words(settings):
            if packs == mistake.field.startswith("dlp.packs"):
                return mistake
        problem, _, remedy = str(error).partition("; ")
        return settings.mistake(("dlp",), problem, remedy)
    if isinstance(error, OSError):
        for index, path in enumerate(dlp.exact):
            if error.filename == str(path):
                return _unread(settings, index, path, error)
        told = f"{error.filename or 'a file of theirs'} cannot be read ({error.strerror or type(error).__name__})"
        return settings.mistake(("dlp", "rules"), told, "let weir's user read it")
    if isinstance(error, ExactFileError | ExactKeyMissing):
        problem, _, remedy = str(error).partition("; ")
        return settings.mistake(("dlp", "exact"), problem, remedy or "make the file anew: weir dlp fingerprint")
    if str(error).startswith("nlp: "):
        problem, _, remedy = str(error).removeprefix("nlp: ").partition("; ")
        return settings.mistake(("dlp", "nlp"), problem, remedy)
    return settings.mistake(("dlp",), f"the detectors refuse it: {error}", "correct this section")


def not_asked_for(settings: Settings, mistakes: Sequence[Mistake]) -> tuple[Mistake, ...]:
    """``mistakes``, where those about detectors that exist but not in this policy say what to add to it."""
    better = {(mistake.line, mistake.field): (mistake, sure) for mistake, sure in _idle(settings)}
    told = []
    for mistake in mistakes:
        other, sure = better.get((mistake.line, mistake.field), (mistake, True))
        # Of a name that may be a misspelling the name that was meant says more.
        told.append(other if sure or not mistake.remedy.startswith("write ") else mistake)
    return tuple(told)


def _words(settings: Settings) -> Iterator[Mistake]:
    """Packs and entities that there are not, each for itself."""
    from weir.dlp.personal.packs import load_packs
    from weir.dlp.personal.presidio import NER_ENTITIES, known_entities

    dlp, packs = settings.dlp, load_packs()
    countries = {pack.name.casefold(): name for name, pack in packs.items()}
    for index, name in enumerate(dlp.packs):
        if name not in packs:
            meant = countries.get(name.casefold()) or f"one of {', '.join(packs)}"
            yield settings.mistake(("dlp", "packs", index), "is no country pack", f"write {meant}")
    entities, bars = tuple(enumerate(dlp.entities or ())), dlp.thresholds
    places: list[tuple[tuple[str, str | int], str]] = [(("entities", index), name) for index, name in entities]
    places += [(("thresholds", name), name) for name in bars]
    names = {*known_entities(), *NER_ENTITIES} if places else frozenset[str]()
    for place, name in places:
        if name not in names:
            yield settings.mistake(("dlp", *place), "is nothing that a recognizer finds", _meant(name, names))


def _meant(word: str, names: Collection[str]) -> str:
    # EMAIL for EMAIL_ADDRESS: too far for a slip of the pen, near enough for a person. PASSPORT fits many.
    within = sorted(name for name in names if word.upper() in name.split("_"))
    if len(within) > 1:
        return f"write one of {', '.join(within)}"
    guess = within[0] if within else nearest(word, names)
    return f"write {guess}" if guess else _LISTED


def _exact(settings: Settings) -> Iterator[Mistake]:
    if not settings.dlp.exact:
        return
    from weir.dlp.exact.exactfile import read_label

    for index, path in enumerate(settings.dlp.exact):
        try:
            read_label(path)
        except OSError as error:
            yield _unread(settings, index, path, error)
        except ValueError as error:
            yield detector_mistake(settings, error)


def _unread(settings: Settings, index: int, path: Path, error: OSError) -> Mistake:
    remedy = _MAKE if isinstance(error, FileNotFoundError) else "let weir's user read it"
    told = f"{_beside(settings, path)} cannot be read ({error.strerror or type(error).__name__})"
    return settings.mistake(("dlp", "exact", index), told, remedy)


def _beside(settings: Settings, path: Path) -> str:
    """A path as the policy's own is written, so that an editor opens both."""
    here = Path(settings.mistake((), "", "").file).parent
    try:
        return str(here / path.relative_to(here.absolute()))
    except ValueError:
        return str(path)


def _idle(settings: Settings) -> Iterator[tuple[Mistake, bool]]:
    """Findings that rules name and that weir could look for, if the policy said so; and whether that is sure."""
    for index, rule in enumerate(settings.rules):
        for part, condition in (("if", rule.when), ("unless", rule.unless)):
            for number, word in enumerate(getattr(condition, "finding", None) or ()):
                told = _how_to_ask(word)
                if told:
                    place = ("rules", index, part, "finding", number)
                    yield settings.mistake(place, *told), word.startswith("pii/")


def _how_to_ask(word: str) -> tuple[str, str] | None:
    from weir.dlp.personal.packs import GENERIC, load_packs
    from weir.dlp.personal.presidio import NER_ENTITIES

    category, _, name = word.partition("/")
    if category == "exact":
        return "names no table of dlp.exact", f"{_MAKE}, and add its file to dlp.exact"
    if category in ("word", "custom"):
        return "names no detector of dlp.rules", "write its id, or add the folder of its rule file to dlp.rules"
    if category != "pii":
        return None
    if name in NER_ENTITIES:
        return "is found by a language model only, and the policy names none", "add nlp: en_core_web_lg to dlp"
    for pack in load_packs().values():
        for entity in pack.entities:
            if entity.name == name:
                asked = entity.on_request or pack.id == GENERIC
                remedy = f"add {name} to dlp.entities" if asked else f"add {pack.id} to dlp.packs"
                return "is not looked for by this policy", remedy
    return None
