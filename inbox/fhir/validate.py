"""Is this a valid R4 resource? Our own walk along the R4 definitions, then the model classes of `fhir.resources`.

The classes let through what matters here: unknown codes, references to the wrong type, empty lists, ids of 70
characters, NUL, `"true"` for true. The walk finds these, and names the element as FHIRPath.
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

from . import r4data, rules
from .outcome import Invalid
from .parse import parse
from .primitives import decimal_flaw, flaw, text_flaw
from .r4data import RESOURCE_TYPES, Element, Shape
from .references import MAX_DEPTH, references
from .rules import Problem, Within, quoted
from .types import Resource

__all__ = ["RESOURCE_TYPES", "Problem", "check_id", "problems", "references", "valid_id", "validate"]

MAX_PROBLEMS = 100
NULL = "null is not allowed here; leave the element out."
EMPTY = "An empty object is not allowed; leave the element out."


def validate(resource: Resource) -> None:
    """Accept a valid R4 resource of a supported type, or raise `Invalid` naming its first bad element."""
    for problem in _problems(resource):
        raise Invalid(problem.text, expression=problem.expression)


def problems(resource: Resource) -> list[Problem]:
    """Everything that is wrong with a resource, at most 100 things."""
    return list(islice(_problems(resource), MAX_PROBLEMS))


def valid_id(id: str) -> bool:
    """Whether this could be the id of a resource: 1 to 64 letters, digits, hyphens and dots."""
    return not flaw("id", id)


def check_id(id: str, *, expression: str = "") -> None:
    """Accept a `valid_id`, or raise `Invalid`."""
    found = flaw("id", id)
    if found:
        raise Invalid(f"id {found}.", expression=expression)


def _problems(resource: Any) -> Iterator[Problem]:
    type = resource.get("resourceType") if isinstance(resource, dict) else None
    type = type if isinstance(type, str) and type in r4data.ALL_RESOURCE_TYPES else "Resource"
    if type != "Resource" and type not in RESOURCE_TYPES:
        yield Problem(type, f"{type} is not a resource type that this server keeps.")
        return
    clean = True
    for problem in _resource(resource, type, Within({})):
        clean = False
        yield problem
    if clean:
        yield from parse(resource)


def _resource(value: Any, path: str, within: Within) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, "A resource must be a JSON object.")
        return
    type = value.get("resourceType")
    if not isinstance(type, str) or type not in r4data.ALL_RESOURCE_TYPES:
        yield Problem(path, "resourceType is required." if type is None else f"{quoted(type)} is not a resource type.")
        return
    if not within.contained:
        within = Within(value, bundle=within.bundle or type == "Bundle")
    elif "contained" in value:
        yield Problem(f"{path}.contained", "A contained resource may not contain another.")
    yield from _typed({key: item for key, item in value.items() if key != "resourceType"}, type, path, within)


def _typed(value: dict[str, Any], type: str, path: str, within: Within) -> Iterator[Problem]:
    """Problems of the properties of a resource, data type or backbone element."""
    shape = r4data.shape(type)
    if path.count(".") > MAX_DEPTH:
        yield Problem(path, "This is nested too deeply.")
    elif shape is None:
        yield from _undescribed(value, path)
    else:
        yield from _properties(value, shape, type, path, within)
        if type == "Extension":
            yield from rules.extension(value, path)


def _properties(value: dict[str, Any], shape: Shape, type: str, path: str, within: Within) -> Iterator[Problem]:
    for key, item in value.items():
        if element := shape.elements.get(key):
            yield from _property(element, item, value.get(f"_{key}"), key, f"{path}.{element.name}", within)
        elif isinstance(key, str) and (element := shape.elements.get(key[1:])) and element.primitive and key[0] == "_":
            yield from _companion(element, item, value.get(key[1:]), key, f"{path}.{element.name}", within)
        else:
            named = isinstance(key, str) and key.isascii() and key.isidentifier()
            yield Problem(f"{path}.{key}" if named else path, f"There is no element {quoted(key)} in {type}.")
    for name, keys in shape.required:
        if not any(key in value or f"_{key}" in value for key in keys):
            yield Problem(f"{path}.{name}", f"{name if len(keys) == 1 else name + '[x]'} is required.")
    for name, keys in shape.choices:
        present = [key for key in keys if key in value or f"_{key}" in value]
        if len(present) > 1:
            yield Problem(f"{path}.{name}", f"Only one {name}[x] is allowed, not {' and '.join(present)}.")


def _property(element: Element, item: Any, companion: Any, key: str, path: str, within: Within) -> Iterator[Problem]:
    """Problems of one JSON property; `companion` is the property with an underscore beside it."""
    if not element.many:
        if isinstance(item, list):
            yield Problem(path, f"{key} takes one value, not a list.")
        else:
            yield from _value(element, item, key, path, within)
    elif not isinstance(item, list):
        yield Problem(path, NULL if item is None else f"{key} must be a list.")
    elif not item:
        yield Problem(path, f"An empty list is not allowed; leave {key} out.")
    else:
        beside = companion if element.primitive and isinstance(companion, list) else []
        for index, one in enumerate(item):
            if one is not None or index >= len(beside) or beside[index] is None:
                yield from _value(element, one, key, f"{path}[{index}]", within)


def _value(element: Element, value: Any, key: str, path: str, within: Within) -> Iterator[Problem]:
    if value is None:
        yield Problem(path, NULL)
    elif element.primitive:
        found = flaw(element.type, value)
        if found:
            yield Problem(path, f"{key} {found}.")
        elif element.binding:
            yield from rules.code(element, value, key, path)
    elif element.type == "Resource":
        yield from _resource(value, path, within._replace(contained=True) if key == "contained" else within)
    elif not isinstance(value, dict):
        yield Problem(path, f"{key} must be a JSON object.")
    elif not value:
        yield Problem(path, EMPTY)
    else:
        yield from _typed(value, element.type, path, within)
        if element.type == "Reference":
            yield from rules.reference(element, value, key, path, within)
        elif element.value_set:
            yield from rules.coding(element, value, key, path)


def _companion(element: Element, item: Any, primitive: Any, key: str, path: str, within: Within) -> Iterator[Problem]:
    """Problems of `_birthDate` beside `birthDate`: an id or extensions, in a list as long as that of the values."""
    if isinstance(item, list) != element.many:
        yield Problem(path, f"{key} must be a list." if element.many else f"{key} takes one value, not a list.")
        return
    values = primitive if isinstance(primitive, list) else []
    if element.many and (not item or (values and len(item) != len(values))):
        yield Problem(path, f"{key} must be as long as {key[1:]}, with null where there is nothing to say.")
        return
    for index, one in enumerate(item if element.many else [item]):
        here = f"{path}[{index}]" if element.many else path
        if one is None and index < len(values) and values[index] is not None:
            continue
        if not isinstance(one, dict) or not one:
            yield Problem(here, NULL if one is None else f"{key} must be a JSON object with an id or extensions.")
        else:
            yield from _properties(one, r4data.companion(), "Element", here, within)


def _undescribed(value: Any, path: str, listed: bool = False) -> Iterator[Problem]:
    """Problems of what the R4 data do not describe (say a contained Specimen): the rules that hold for any JSON."""
    if path.count(".") > MAX_DEPTH:
        yield Problem(path, "This is nested too deeply.")
    elif isinstance(value, dict):
        if not value:
            yield Problem(path, EMPTY)
        for key, item in value.items():
            named = isinstance(key, str) and key.isascii() and key.isidentifier()
            yield from _undescribed(item, f"{path}.{key.removeprefix('_')}" if named else path)
    elif isinstance(value, list) and not listed:
        if not value:
            yield Problem(path, "An empty list is not allowed; leave the element out.")
        for index, one in enumerate(value):
            # A null among primitives keeps its place for an extension; the model class knows where it may not.
            if one is not None:
                yield from _undescribed(one, f"{path}[{index}]", listed=True)
    elif value is None:
        yield Problem(path, NULL)
    elif not isinstance(value, bool):
        found = decimal_flaw(value) if isinstance(value, int | float | Decimal) else text_flaw(value)
        if found:
            yield Problem(path, f"This value {found}.")
