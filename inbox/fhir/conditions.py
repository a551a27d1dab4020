"""What a search asks for, as values that can be compared, and whether a resource meets it.

`matches` answers in memory what the store answers in SQL: both look at the rows that `searchparams` extracts.
"""

from dataclasses import dataclass, field
from typing import Any

from .outcome import Invalid
from .searchparams import Parameter, values
from .types import Resource

COLUMNS = {"Communication.part-of": "partOf", "Communication.payload": "payload"}
"""Elements whose presence is a column of the row: what they hold does not count for `:missing`."""


@dataclass(frozen=True)
class ReferenceValue:
    """A reference; several targets where an id was given without its type."""

    targets: tuple[str, ...]

    def meets(self, row: tuple[Any, ...], modifier: str) -> bool:
        return row[0] in self.targets


@dataclass(frozen=True)
class TokenValue:
    """A code, identifier, boolean or uri. None stands for any, an empty system for none."""

    system: str | None
    code: str | None

    def meets(self, row: tuple[Any, ...], modifier: str) -> bool:
        return self.code in (None, row[1]) and self.system in (None, row[0])


@dataclass(frozen=True)
class StringValue:
    """A text, normalised and as given; it is met by what begins with it unless the modifier says otherwise."""

    norm: str
    value: str

    def meets(self, row: tuple[Any, ...], modifier: str) -> bool:
        norm, value = row
        if modifier == "exact":
            return bool(value == self.value and norm == self.norm)
        return self.norm in norm if modifier == "contains" else bool(norm.startswith(self.norm))


@dataclass(frozen=True)
class DateValue:
    """A comparison (`eq ne gt lt ge le sa eb ap`) with [low, high) in microseconds since 1970 UTC.

    `ap` is met by whatever overlaps the date as it was given. Source: https://hl7.org/fhir/R4/search.html#prefix
    """

    prefix: str
    low: int
    high: int

    def meets(self, row: tuple[Any, ...], modifier: str) -> bool:
        low, high = row
        match self.prefix:
            case "eq":
                return bool(low >= self.low and high <= self.high)
            case "ne":
                return not (low >= self.low and high <= self.high)
            case "gt":
                return bool(high > self.high)
            case "ge":
                return bool(high > self.low)
            case "lt":
                return bool(low < self.low)
            case "le":
                return bool(low < self.high)
            case "sa":
                return bool(low >= self.high)
            case "eb":
                return bool(high <= self.low)
        return bool(low < self.high and high > self.low)


@dataclass(frozen=True)
class MissingValue:
    """`:missing=true` or `:missing=false`."""

    missing: bool


Value = ReferenceValue | TokenValue | StringValue | DateValue | MissingValue


@dataclass(frozen=True)
class Condition:
    """One parameter of a search: any of the values meets it, or with `not` none of them.

    `modifier` is `""`, `not`, `missing`, `exact` or `contains`.
    """

    param: Parameter
    modifier: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Link:
    """A condition on a linked resource: one that `param` refers to, or with `reverse` one that refers here by it.

    `conditions` are the same one for each type that the linked resource may have; one of them is enough.
    Source: https://hl7.org/fhir/R4/search.html#chaining
    """

    param: Parameter
    conditions: tuple[Condition, ...]
    reverse: bool = False


@dataclass(frozen=True)
class Include:
    """What to bring along: what `param` of a result refers to, or with `reverse` what refers to a result by it.

    `target` limits the type that is referred to; with `iterate` what was brought along counts as a result.
    """

    param: Parameter
    target: str = ""
    reverse: bool = False
    iterate: bool = False


@dataclass(frozen=True)
class SearchRequest:
    """A search of one resource type. All conditions and links hold; `sort` is (code, descending), `cursor` is opaque.

    `offset` leaves out as many rows; `total` asks for the exact number beside a page, `summary_count` for the number
    alone; `elements` and `summary` (`true`, `text` or `data`) for a part of each resource. `ignored` says what a
    lenient reading left out.
    """

    type: str
    conditions: tuple[Condition, ...] = ()
    sort: tuple[tuple[str, bool], ...] = ()
    count: int | None = None
    cursor: str = ""
    offset: int = 0
    total: bool = False
    summary_count: bool = False
    links: tuple[Link, ...] = ()
    includes: tuple[Include, ...] = ()
    elements: tuple[str, ...] = ()
    summary: str = ""
    ignored: tuple[str, ...] = field(default=(), compare=False)


def matches(request: SearchRequest, resource: Resource) -> bool:
    """Whether a resource meets all conditions of a search, judged by the resource alone.

    Raises Invalid for a search with links: they are about other resources.
    """
    if request.links:
        raise Invalid("A search through other resources can not be judged by one resource alone.")
    return resource["resourceType"] == request.type and all(_meets(resource, one) for one in request.conditions)


def _meets(resource: Resource, condition: Condition) -> bool:
    if condition.modifier == "missing":
        missing = any(value.missing for value in condition.values if isinstance(value, MissingValue))
        return _present(resource, condition.param) != missing
    rows = values(resource, condition.param)
    found = any(
        value.meets(row, condition.modifier)
        for value in condition.values
        if not isinstance(value, MissingValue)
        for row in rows
    )
    return found != (condition.modifier == "not")


def _present(resource: Resource, param: Parameter) -> bool:
    element = COLUMNS.get(param.key)
    return element in resource if element else bool(values(resource, param))
