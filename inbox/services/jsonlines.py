"""Indented JSON as lines to print: coloured pieces, references that lead on, and what differs from another text.

Long texts are cut: a page must not hurt because a message has a million letters.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import groupby

from django.conf import settings

from inbox.fhir import builtin
from inbox.fhir.validate import RESOURCE_TYPES

LINES, LETTERS = 400, 2_000
"""Lines of a page, and letters of one line, before the rest is one click away."""
ALL_LINES, ALL_LETTERS = 10_000, 2_000_000
"""The same after that click; browsers can not show more, files can hold it."""
CONTEXT = 3
"""Unchanged lines that stay beside a change."""
COMPARABLE = 4_000_000
"""Lines before times lines after that are compared one by one; beyond it all of what differs counts as replaced."""

KEY = re.compile(r'( *)("(?:[^"\\]|\\.)*+": )?')
REFERENCE = re.compile(r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9.-]{1,64})(?:/_history/([A-Za-z0-9.-]{1,64}))?", re.ASCII)
WORDS = {"{": "mark", "}": "mark", "[": "mark", "]": "mark", '"': "text", "t": "word", "f": "word", "n": "word"}

Marked = tuple[str, str]
"""A sign (`+` added, `-` removed, empty) and the line."""


@dataclass(frozen=True)
class Piece:
    """A part of a line: `kind` is key, text, number, word or mark; with `type` and `id` it is a reference."""

    kind: str
    text: str
    type: str = ""
    id: str = ""
    version: str = ""


@dataclass(frozen=True)
class Line:
    """One line: its sign, its pieces, the letters cut from its end, and how many lines are folded into it."""

    sign: str = ""
    pieces: list[Piece] = field(default_factory=list)
    cut: int = 0
    folded: int = 0


@dataclass(frozen=True)
class Listing:
    """Lines to print; `left_out` is how many did not fit, `added` and `removed` count those of a comparison."""

    lines: list[Line]
    left_out: int = 0
    added: int = 0
    removed: int = 0

    @property
    def shortened(self) -> bool:
        """Whether anything is not shown."""
        return bool(self.left_out) or any(one.cut or one.folded for one in self.lines)


def show(text: str, *, whole: bool = False) -> Listing:
    """The lines of an indented JSON text; all of them (within reason) where the `whole` is asked for."""
    most, letters = _limits(whole)
    lines = text.split("\n")
    return Listing([_line("", line, letters) for line in lines[:most]], left_out=max(0, len(lines) - most))


def compare(before: str, after: str, *, whole: bool = False) -> Listing:
    """Both texts as one: lines that only one of them has are marked, long runs of equal ones are folded."""
    most, letters = _limits(whole)
    marked = list(_differences(before.split("\n"), after.split("\n")))
    signs = [sign for sign, _ in marked]
    runs = [(one, 0) for one in marked] if whole else list(_folded(marked))
    return Listing(
        [Line(folded=folded) if folded else _line(*one, letters) for one, folded in runs[:most]],
        left_out=sum(folded or 1 for _, folded in runs[most:]),
        added=signs.count("+"),
        removed=signs.count("-"),
    )


def _limits(whole: bool) -> tuple[int, int]:
    return (ALL_LINES, ALL_LETTERS) if whole else (LINES, LETTERS)


def _line(sign: str, line: str, letters: int) -> Line:
    found = KEY.match(line)
    assert found is not None
    indent, key = found[1], found[2] or ""
    comma = "," if line.endswith(",") else ""
    value = line[found.end() : len(line) - len(comma)]
    cut = max(0, len(value) - letters)
    pieces = [Piece("mark", indent), Piece("key", key), _value(key, value[:letters]), Piece("mark", comma)]
    return Line(sign, [one for one in pieces if one.text], cut)


def _value(key: str, value: str) -> Piece:
    kind = WORDS.get(value[:1], "number")
    if kind == "text" and key in ('"reference": ', '"url": '):
        target = _target(key, value)
        if target is not None:
            return Piece(kind, value, target[1], target[2], target[3] or "")
    return Piece(kind, value)


def _target(key: str, value: str) -> re.Match[str] | None:
    """The resource of this server that a `reference` names; a `url` names a file at most."""
    try:
        target = str(json.loads(value))
    except ValueError:  # cut in the middle
        return None
    found = REFERENCE.fullmatch(target.removeprefix(f"{settings.BASE_URL}{builtin.PATH}/"))
    known = (builtin.FILE,) if key.startswith('"url') else RESOURCE_TYPES
    return found if found is not None and found[1] in known else None


def _differences(before: list[str], after: list[str]) -> Iterator[Marked]:
    """The lines of both, in order; those before stand above those after. A comma at the end is no difference."""
    old, new = ([line.removesuffix(",") for line in lines] for lines in (before, after))
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    yield from (("", line) for line in after[:start])
    first, last = len(old) - end, len(new) - end
    for same, one, other in _blocks(old[start:first], new[start:last]):
        if same:
            yield from (("", line) for line in after[start + other.start : start + other.stop])
        else:
            yield from (("-", line) for line in before[start + one.start : start + one.stop])
            yield from (("+", line) for line in after[start + other.start : start + other.stop])
    yield from (("", line) for line in after[last:])


def _alike(one: list[str], other: list[str]) -> int:
    """How many lines both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _blocks(old: list[str], new: list[str]) -> Iterator[tuple[bool, range, range]]:
    """Runs of lines: whether they are equal, and which they are in either list."""
    if len(old) * len(new) > COMPARABLE:
        yield False, range(len(old)), range(len(new))
        return
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new).get_opcodes():
        yield tag == "equal", range(i1, i2), range(j1, j2)


def _folded(marked: list[Marked]) -> Iterator[tuple[Marked, int]]:
    """The lines near a change, and in place of each longer run of others how many those are."""
    runs = [list(run) for _, run in groupby(marked, key=lambda one: bool(one[0]))]
    for at, run in enumerate(runs):
        head = CONTEXT if at > 0 else 0
        tail = CONTEXT if at < len(runs) - 1 else 0
        hidden = len(run) - head - tail
        if run[0][0] or hidden <= 1:
            yield from ((one, 0) for one in run)
            continue
        yield from ((one, 0) for one in run[:head])
        yield ("", ""), hidden
        yield from ((one, 0) for one in run[len(run) - tail :])
