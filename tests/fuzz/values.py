"""Values at random: texts that hurt, JSON that hurts, resources that are nearly right."""

import base64
import copy
import json
from collections.abc import Sequence
from random import Random
from typing import Any

from inbox.fhir import r4data
from inbox.fhir.types import Resource

from . import world
from .good import GOOD

NASTY = (
    "", " ", "\0", "a\0b", "\ud800", "\udfff\ud800", "\uffff", "a\u202eb", "é", "ﬀ", "İ", "😀", "\r\n", "\\", "\\,",
    "\\", ",", ",,", "|", "||", "a|b|c", "$", ":", "::", ".", "..", "../..", "/", "//", "#", "#x", "?", "&", "=", "%",
    "%00", "%s", "_", "'", '"', "';--", "' OR 1=1 --", "*", "(", "[", "{", "{{7*7}}", "${7*7}", "<script>", "null",
    "true", "false", "NaN", "Infinity", "-1", "0", "1", "1e400", "9" * 30, "9" * 400, "a" * 300, "١٢", "W/", 'W/"1"',
    '"1"',
)  # fmt: skip

IDS = (
    "open-thread", "open-message", "open-reply", "open-draft", "open-task", "open-schedule", "open-slot", "homer",
    "alice", "bob", "charlie", "echo", "never-was",
    *(world.HIDDEN + one for one in ("thread", "message", "note", "draft", "aside", "task", "file", "trace")),
)  # fmt: skip
REFERENCES = (
    "Patient/homer", "Practitioner/alice", "Practitioner/charlie", "Practitioner/bob", "Communication/open-thread",
    "Communication/open-message", "Task/open-task", "Schedule/open-schedule", "Patient/never-was",
    *(f"Communication/{world.HIDDEN}{one}" for one in ("thread", "message", "note", "draft", "aside")),
    f"Task/{world.HIDDEN}task", f"Binary/{world.HIDDEN}file", "Patient?identifier=urn:x|1",
    "Communication?_id=open-thread", f"Communication?identifier={world.HIDDEN}mark", "#x", "urn:uuid:a",
    "urn:uuid:00000000-0000-4000-8000-000000000000", "https://elsewhere.example/fhir/Patient/1", "/Patient/homer",
    "Patient/homer/_history/1", "Colour/1", "Patient/",
)  # fmt: skip
INSTANTS = (
    "2026", "2026-11", "2026-11-20", "2026-11-20T12:00:00Z", "2026-11-20T12:00:00+14:00", "2026-11-20T12:00", "ge2026",
    "lt2026-11-20", "sa2026", "eb2026", "ap2026-11-20", "ne2026", "2026-02-30", "0000", "0001-01-01", "9999-12-31",
    "9999-12-31T23:59:60Z", "-2026", "20261120", "2026-11-20T25:00:00Z", "2026-11-20 12:00:00", "eq", "gt1969-12-31",
    "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00",
)  # fmt: skip
CODES = (
    "in-progress", "preparation", "completed", "entered-in-error", "requested", "internal", "|internal", "urn:x|",
    f"urn:x|{world.HIDDEN}mark", f"{world.HIDDEN}mark", "http://snomed.info/sct|1", "in-progress,completed", "male",
    "free",
)  # fmt: skip
NUMBERS = (0, 1, -1, 7, 2**31, 2**63, 2**64, 10**40, 0.1, 1e300, -0.0)
CHARACTERS = (
    range(0x20, 0x7F),
    range(0xA0, 0x250),
    range(0x600, 0x700),
    range(0x2000, 0x2070),
    range(0x1F600, 0x1F610),
)

RAW = (
    b"", b" ", b"{", b"[]", b"null", b"1", b'"x"', b"\xff\xfe", b"\xef\xbb\xbf{}", b"NaN", b"-Infinity", b"{}{}",
    b'{"resourceType":"Patient","resourceType":"Task"}', b'{"resourceType":"Patient","active":tru}', b"[" * 5_000,
    b'{"a":' * 5_000, b"[" * 70 + b"]" * 70, b"1" * 5_000, b"1e999999", b'{"resourceType":"Patient"} x',
    b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1e999999}}',
    b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.50}}',
    b'{"resourceType":"Patient","name":[{"text":"\\ud800"}]}',
    b'{"resourceType":"Patient","name":[{"text":"a\\u0000b"}]}',
    b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 400 + b"}",
    b'{"resourceType":"Patient","contact":[' + b'{"name":{"text":"x"}},' * 500 + b"{}]}",
)  # fmt: skip
"""Bodies that no generator of JSON would make."""


class Dice(Random):
    """What chance gives: the same for the same seed."""

    def one(self, items: Sequence[Any]) -> Any:
        return items[self.randrange(len(items))]

    def once_in(self, number: int) -> bool:
        return self.randrange(number) == 0

    def text(self) -> str:
        """A text that hurts, or a few characters of some script."""
        if self.once_in(2):
            return str(self.one(NASTY))
        script = self.one(CHARACTERS)
        return "".join(chr(self.one(script)) for _ in range(self.randrange(12)))

    def word(self) -> str:
        """A text, or a word that means something here."""
        found = self.one((IDS, REFERENCES, INSTANTS, CODES, None))
        return str(self.one(found)) if found else self.text()

    def json(self, depth: int = 3) -> Any:
        """Any JSON."""
        kind = self.randrange(8 if depth else 5)
        if kind < 5:
            return self.one((None, True, False, self.one(NUMBERS), self.word(), self.word()))
        if kind == 5:
            return [self.json(depth - 1) for _ in range(self.randrange(4))]
        return {self.word(): self.json(depth - 1) for _ in range(self.randrange(4))}


def resource(dice: Dice, *, id: str = "", type: str = "") -> Resource:
    """A good resource (of a type, where there is one), some of whose values were replaced, removed or doubled."""
    of_type = [one for one in GOOD if one["resourceType"] == type]
    found: Resource = copy.deepcopy(dice.one(of_type or GOOD))
    found.pop("id", None)
    if id:
        found["id"] = id
    for _ in range(dice.one((0, 0, 0, 1, 1, 2, 3))):
        _spoil(dice, found)
    return found


def _spoil(dice: Dice, resource: Resource) -> None:
    holder, key = dice.one(_places(resource))
    match dice.one(("replace", "replace", "remove", "add", "double", "wrap", "element")):
        case "replace":
            holder[key] = dice.json()
        case "remove":
            del holder[key]
        case "double" if isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        case "wrap":
            holder[key] = [holder[key]]
        case "element":
            resource[dice.one(sorted(_elements(resource.get("resourceType"))))] = dice.json()
        case _ if isinstance(holder, dict):
            holder[dice.word()] = dice.json()


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every member and item of a value, as its holder and where it stands there."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[tuple[Any, Any]] = []
    for key, one in list(items):
        found.append((value, key))
        if isinstance(one, dict | list):
            found += _places(one)
    return found or [({"x": 1}, "x")]


def _elements(type: Any) -> set[str]:
    shape = r4data.shape(type) if isinstance(type, str) and type in r4data.ALL_RESOURCE_TYPES else None
    return {"note", "extension", "modifierExtension", "contained", "meta", "text", *(shape.elements if shape else ())}


def dumped(value: Any) -> bytes:
    """JSON as a client sends it: lone surrogates as escapes."""
    return json.dumps(value).encode()


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()
