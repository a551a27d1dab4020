"""What a write means by a search or by a name inside its Bundle, made literal before the write is judged.

A conditional write acts on the one match that its writer can see. A conditional reference (`Patient?identifier=…`)
becomes the reference of its one match; without one the write is refused. Sources:
https://hl7.org/fhir/R4/http.html#cond-update, https://hl7.org/fhir/R4/http.html#trules
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from . import outcome, validate
from .r4data import RESOURCE_TYPES
from .repository import Write
from .search import SearchRequest, parse
from .types import Operations, Resource

REFERENCE = re.compile(r"([A-Z][A-Za-z]+)\?(.+)", re.DOTALL)
LINKS = ("reference", "url", "valueUri", "valueUrl")
"""The properties that may name another entry of a Bundle."""

Key = tuple[str, str]
"""A type and a condition."""


class Matching(Protocol):
    """A repository as far as conditions are concerned."""

    def lock_condition(self, type: str, condition: str) -> None: ...

    def match(self, type: str, condition: str) -> Resource | None:
        """The one resource that meets a condition; raises MultipleMatches."""

    def free(self, type: str, id: str) -> bool:
        """Whether a new resource may have this id."""


@dataclass(frozen=True)
class Settled:
    """A write that names its resource and all others by id; None where nothing is left to do.

    `existing` is what a conditional create found.
    """

    write: Write | None
    existing: Resource | None = None


def settle(writes: Sequence[Write], back: Matching) -> list[Settled]:
    """The same writes without conditions; raises what the first one that can not be settled deserves."""
    matches = _matches(writes, back)
    settled: list[Settled] = []
    made: set[Key] = set()
    for write in writes:
        with outcome.within(write.place):
            if (write.type, write.condition) in made:
                raise outcome.Invalid("An earlier entry creates what this condition names.")
            settled.append(_settled(write, matches, back))
        if settled[-1].write and write.condition and matches[write.type, write.condition] is None:
            made.add((write.type, write.condition))
    links = Links(back, _names(writes, settled), _conditions(writes, settled))
    for index, one in enumerate(settled):
        if one.write is not None:
            with outcome.within(one.write.place):
                settled[index] = Settled(links.of_write(one.write))
    return settled


def request(type: str, condition: str) -> SearchRequest:
    """The search of a condition, two rows at most; one that names nothing would match everything."""
    found = parse(type, condition)
    if not found.conditions and not found.links:
        raise outcome.Invalid("This needs a condition that names one resource.")
    return SearchRequest(type, found.conditions, links=found.links, count=2)


def _matches(writes: Sequence[Write], back: Matching) -> dict[Key, Resource | None]:
    """What each condition matches; all are locked first, in one order, so that nobody waits for each other."""
    wanted: dict[Key, str] = {}
    for write in writes:
        if write.condition:
            wanted.setdefault((write.type, write.condition), write.place)
    for type, condition in sorted(wanted):
        back.lock_condition(type, condition)
    found: dict[Key, Resource | None] = {}
    for key, place in wanted.items():
        with outcome.within(place):
            found[key] = back.match(*key)
    return found


def _settled(write: Write, matches: Mapping[Key, Resource | None], back: Matching) -> Settled:
    if not write.condition:
        if not write.id and write.method != "POST":
            raise outcome.Invalid("This names no resource.", expression=f"{write.type}.id")
        return Settled(_with_id(write, write.id or str(uuid.uuid4())))
    match = matches[write.type, write.condition]
    write = replace(write, if_none_exist="", where="")
    if write.method == "POST" and match is not None:
        return Settled(None, match)
    if match is not None:
        return Settled(_matched(write, match["id"]))
    if write.if_match:
        raise outcome.Stale()
    if write.method == "DELETE":
        return Settled(None)
    if write.method == "PATCH":
        raise outcome.NotFound()
    return Settled(_created(write, back))


def _matched(write: Write, id: str) -> Write:
    given = (write.resource or {}).get("id", id)
    if given != id:
        raise outcome.Invalid("The id in the body is not that of the match.", expression=f"{write.type}.id")
    return _with_id(write, id)


def _created(write: Write, back: Matching) -> Write:
    """The write of what an update or a create does not find: under its own id where that may be and is free."""
    given = (write.resource or {}).get("id") if write.method == "PUT" else None
    if given is not None:
        validate.check_id(given, expression=f"{write.type}.id")
        if back.free(write.type, given):
            return _with_id(write, given)
    return _with_id(replace(write, method="POST"), write.id or str(uuid.uuid4()))


def _with_id(write: Write, id: str) -> Write:
    resource = None if write.resource is None else {**write.resource, "id": id}
    return replace(write, id=id, resource=resource)


def _names(writes: Sequence[Write], settled: Sequence[Settled]) -> dict[str, str]:
    """Full URLs of a Bundle's entries -> references."""
    pairs = zip(writes, settled, strict=True)
    return {write.full_url: found for write, one in pairs if write.full_url and (found := _reference(one))}


def _conditions(writes: Sequence[Write], settled: Sequence[Settled]) -> dict[str, str]:
    """The conditions of these writes -> references: what one entry makes, another may name by the same search."""
    pairs = zip(writes, settled, strict=True)
    return {
        f"{write.type}?{write.condition}": found
        for write, one in pairs
        if write.condition and (found := _reference(one))
    }


def _reference(settled: Settled) -> str:
    if settled.write is not None:
        return f"{settled.write.type}/{settled.write.id}"
    return f"{settled.existing['resourceType']}/{settled.existing['id']}" if settled.existing else ""


@dataclass
class Links:
    """Names inside a Bundle and conditional references, replaced by literal references wherever they stand."""

    back: Matching
    names: Mapping[str, str]
    conditions: Mapping[str, str]
    found: dict[str, str] = field(default_factory=dict)

    def of_write(self, write: Write) -> Write:
        """The write with literal references."""
        bundled = bool(write.place)
        if write.checked:
            return write
        if write.operations is not None:
            return replace(write, operations=self._operations(write.operations, write.type, bundled))
        if write.resource is None:
            return write
        return replace(write, resource=self._value(write.resource, write.type, bundled))

    def _operations(self, operations: Operations, type: str, bundled: bool) -> Operations:
        return [self._operation(one, type, bundled) if isinstance(one, dict) else one for one in operations]

    def _operation(self, operation: dict[str, Any], type: str, bundled: bool) -> dict[str, Any]:
        last = str(operation.get("path", "")).rpartition("/")[2]
        if last in LINKS:
            # The value is the link itself, not an object that holds it.
            value = self._value({last: operation.get("value")}, type, bundled)[last]
            return {**operation, "value": value} if "value" in operation else operation
        return {name: self._value(one, type, bundled) for name, one in operation.items()}

    def _value(self, value: Any, where: str, bundled: bool) -> Any:
        if isinstance(value, list):
            return [self._value(one, f"{where}[{index}]", bundled) for index, one in enumerate(value)]
        if not isinstance(value, dict):
            return value
        copy = {name: self._value(one, f"{where}.{name}", bundled) for name, one in value.items()}
        for name in LINKS:
            if isinstance(link := copy.get(name), str):
                copy[name] = self._link(name, link, f"{where}.{name}", bundled)
        return copy

    def _link(self, name: str, link: str, where: str, bundled: bool) -> str:
        if link in self.names:
            return self.names[link]
        if name != "reference":
            return link
        if bundled and link.startswith("urn:"):
            raise outcome.UnknownReference(f"Unknown reference {link}", expression=where)
        condition = REFERENCE.fullmatch(link)
        return self._match(condition[1], condition[2], where) if condition else link

    def _match(self, type: str, condition: str, where: str) -> str:
        key = f"{type}?{condition}"
        if type not in RESOURCE_TYPES:
            raise outcome.UnknownReference(f"There is no resource type {type[:64]} here", expression=where)
        if key not in self.found:
            try:
                match = self.back.match(type, condition)
            except outcome.FHIRError as error:
                error.expression = [where]
                raise
            found = f"{type}/{match['id']}" if match else self.conditions.get(key)
            if not found:
                raise outcome.NoMatch(f"Nothing matches the reference {key}", expression=where)
            self.found[key] = found
        return self.found[key]
