"""The search parameters of R4, from the specification's own data, and the values that they take from a resource."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from . import expressions, r4data
from .indexing import MAX, MIN, ROWS, Interval, Row, fitted, interval, normalise, target
from .types import Resource

__all__ = [
    "MAX",
    "MIN",
    "Interval",
    "Parameter",
    "Values",
    "elements",
    "extract",
    "fitted",
    "interval",
    "normalise",
    "parameter",
    "parameters",
    "references",
    "target",
    "targets",
    "values",
    "variant",
]

OURS: list[dict[str, Any]] = [
    {"base": ["Communication"], "code": "payload", "type": "token", "expression": "Communication.payload"}
]
"""Our one addition: `Communication?payload:missing=` tells a thread without text from a message; nothing else."""
NOT_INDEXED = frozenset({"_id", "_lastUpdated", "status", "payload"})
"""Columns of the resource's own row."""
VARIANTS = {"reference": {"identifier": "token"}, "token": {"text": "string"}}
"""Modifiers that look at another part of the same elements: each is a parameter of its own, of this type."""
NO_EXPRESSION = frozenset({"_content", "_text", "_query", "_filter"})


@dataclass(frozen=True)
class Parameter:
    """One search parameter of one resource type (`base`).

    `targets` are the types that a reference may lead to, `paths` the compiled expression, `kinds` the R4 types of the
    elements, `elements` the JSON properties it looks at. `systems` are the code systems that a bare code implies.
    `subject:identifier` and `category:text` are parameters too: `source` says which part of the elements they read.
    """

    code: str
    type: str
    base: str
    expression: str = field(default="", compare=False)
    targets: tuple[str, ...] = field(default=(), compare=False)
    paths: tuple[expressions.Path, ...] = field(default=(), compare=False, repr=False)
    source: str = field(default="", compare=False)

    @cached_property
    def key(self) -> str:
        """What index rows call it, such as `Communication.recipient`."""
        return f"{self.base}.{self.code}"

    @property
    def supported(self) -> bool:
        """Whether one can search by it: not by quantities, composites, special ones and full text."""
        return self.type in ROWS and self.code not in NO_EXPRESSION

    @property
    def rows(self) -> Mapping[str, Callable[[Any], list[Row]]]:
        """How an element of each R4 type becomes index rows."""
        return ROWS[self.source or self.type]

    @cached_property
    def elements(self) -> frozenset[str]:
        return frozenset(name for path in self.paths for name in path.elements)

    @cached_property
    def kinds(self) -> frozenset[str]:
        return frozenset(path.type for path in self.paths)

    @cached_property
    def systems(self) -> frozenset[str]:
        if self.kinds != {"code"}:
            return frozenset()
        return frozenset(system for path in self.paths if path.value_set for system in path.value_set.systems)


@dataclass(slots=True)
class Values:
    """What a resource is found by; the first of each tuple is the parameter's key (`Communication.recipient`).

    references (key, target), tokens (key, system, code), strings (key, norm, value), dates (key, low, high).
    """

    references: list[tuple[str, str]] = field(default_factory=list)
    tokens: list[tuple[str, str, str]] = field(default_factory=list)
    strings: list[tuple[str, str, str]] = field(default_factory=list)
    dates: list[tuple[str, int, int]] = field(default_factory=list)


def parameter(resource_type: str, code: str) -> Parameter | None:
    """The parameter that R4 defines for a resource type under this code, or None; `subject:identifier` is one too."""
    base, _, modifier = code.partition(":")
    found = _parameters(resource_type).get(base)
    return variant(found, modifier) if found and modifier else found


@cache
def variant(parameter: Parameter, modifier: str) -> Parameter | None:
    """The parameter that `:identifier` makes of a reference, or `:text` of a token; None where there is none.

    Source: https://hl7.org/fhir/R4/search.html#modifiers
    """
    type = VARIANTS.get(parameter.type, {}).get(modifier)
    source = f"{parameter.type}:{modifier}"
    paths = tuple(path for path in parameter.paths if path.type in ROWS.get(source, ()))
    if type is None or not paths:
        return None
    return Parameter(f"{parameter.code}:{modifier}", type, parameter.base, parameter.expression, (), paths, source)


def parameters(resource_type: str) -> list[Parameter]:
    """All parameters of a resource type, those of every resource (`_id`, `_tag` …) and unsupported ones included."""
    return list(_parameters(resource_type).values())


def targets(resource_type: str, code: str) -> tuple[str, ...]:
    """The resource types that a reference parameter may lead to."""
    found = parameter(resource_type, code)
    return found.targets if found else ()


def elements(resource_type: str, code: str) -> frozenset[str]:
    """The JSON properties of a resource that a parameter looks at, such as `deceasedBoolean`."""
    found = parameter(resource_type, code)
    return found.elements if found else frozenset()


def extract(resource: Resource) -> Values:
    """All that a resource is found by, but for what its row holds as columns (id, last update, status, payload).

    Any JSON object will do: what does not fit R4's definitions is passed over.
    """
    found = Values()
    lists: Mapping[str, list[Any]] = {
        "reference": found.references,
        "token": found.tokens,
        "uri": found.tokens,
        "string": found.strings,
        "date": found.dates,
    }
    plan = _plan(resource["resourceType"])
    for element in (expressions.ALWAYS, *resource):
        for type, key, path, rows in plan.get(element, ()):
            lists[type].extend((key, *row) for node in path.nodes(resource) for row in rows(node))
    return found


def values(resource: Resource, parameter: Parameter) -> list[Row]:
    """The rows of one parameter without its key, as `extract` gives them: (target), (system, code) and so on."""
    rows = parameter.rows
    return [
        row
        for path in parameter.paths
        if path.element in resource or path.element == expressions.ALWAYS
        for node in path.nodes(resource)
        for row in rows[path.type](node)
    ]


def references(resource: Resource, code: str) -> list[tuple[str, str]]:
    """What one reference parameter finds in a resource, as (key, target)."""
    found = parameter(resource["resourceType"], code)
    return [(found.key, row[0]) for row in values(resource, found)] if found and found.type == "reference" else []


@cache
def _definitions() -> dict[str, list[dict[str, Any]]]:
    """SearchParameters by base type."""
    found: dict[str, list[dict[str, Any]]] = {}
    for definition in [*r4data.load("search-parameters.json"), *OURS]:
        for base in definition["base"]:
            found.setdefault(base, []).append(definition)
    return found


@cache
def _parameters(type: str) -> dict[str, Parameter]:
    shape = r4data.shape(type) if type in r4data.RESOURCE_TYPES else None
    if shape is None:
        return {}
    bases = [type, "Resource", *(["DomainResource"] if "text" in shape.elements else [])]
    found: dict[str, Parameter] = {}
    for base in bases:
        for definition in _definitions().get(base, ()):
            one = _parameter(type, definition)
            # The data hold a few of the specification's examples too, after the real ones or about another type.
            if one.paths or not one.supported:
                found.setdefault(one.code, one)
    return found


def _parameter(type: str, definition: Mapping[str, Any]) -> Parameter:
    code, kind, expression = definition["code"], definition["type"], definition.get("expression", "")
    rows = ROWS.get(kind)
    paths = expressions.compile(expression, type) if rows and expression else ()
    paths = tuple(path for path in paths if rows and path.type in rows)
    targets = definition.get("target") or (sorted(r4data.ALL_RESOURCE_TYPES) if kind == "reference" else ())
    return Parameter(code, kind, type, expression, tuple(targets), paths)


@cache
def _plan(type: str) -> dict[str, list[tuple[str, str, expressions.Path, Callable[[Any], list[Row]]]]]:
    """What to extract, by the JSON property where it starts, so that absent ones cost nothing."""
    plan: dict[str, list[tuple[str, str, expressions.Path, Callable[[Any], list[Row]]]]] = {}
    for one in _parameters(type).values():
        if one.supported and one.code not in NOT_INDEXED:
            variants = (variant(one, modifier) for modifier in VARIANTS.get(one.type, ()))
            for each in (one, *(found for found in variants if found)):
                for path in each.paths:
                    plan.setdefault(path.element, []).append((each.type, each.key, path, each.rows[path.type]))
    return plan
