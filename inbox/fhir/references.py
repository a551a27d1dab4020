"""Where the references of a resource stand, and what they may refer to."""

from collections.abc import Iterator
from typing import Any

from . import r4data
from .types import Resource

MAX_DEPTH = 64
"""How deep elements may nest; deeper ones are refused by `validate`."""

Found = tuple[str, dict[str, Any], list[str]]


def references(resource: Resource) -> Iterator[Found]:
    """Every Reference of a resource, as (FHIRPath, the Reference itself, allowed target types; [] for any).

    Those inside contained resources, extensions and the entries of a Bundle are there too. The resource need not
    be valid, so that references can be rewritten before it is checked.
    """
    if isinstance(resource, dict):
        type = resource.get("resourceType")
        yield from _inside(resource, _resource_shape(resource), type if isinstance(type, str) else "Resource", 0)


def _inside(value: dict[str, Any], shape: r4data.Shape | None, path: str, depth: int) -> Iterator[Found]:
    if depth > MAX_DEPTH:
        return
    for key, item in value.items():
        if not isinstance(item, dict | list):
            continue
        element = shape.elements.get(key) if shape else None
        below = f"{path}.{element.name if element else str(key).removeprefix('_')}"
        if isinstance(item, dict):
            yield from _value(item, element, key, below, depth + 1)
            continue
        for index, one in enumerate(item):
            if isinstance(one, dict):
                yield from _value(one, element, key, f"{below}[{index}]", depth + 1)


def _value(value: dict[str, Any], element: r4data.Element | None, key: str, path: str, depth: int) -> Iterator[Found]:
    if element and element.type == "Reference":
        yield path, value, list(element.targets)
    elif element is None and isinstance(value.get("reference"), str):
        yield path, value, []
    yield from _inside(value, _shape(value, element, key), path, depth)


def _shape(value: dict[str, Any], element: r4data.Element | None, key: str) -> r4data.Shape | None:
    """The shape of a value; of elements that the R4 data do not describe, only extensions and resources have one."""
    if element and element.type != "Resource":
        return r4data.shape(element.type)
    if key in ("extension", "modifierExtension"):
        return r4data.shape("Extension")
    return r4data.companion() if key[:1] == "_" else _resource_shape(value)


def _resource_shape(value: dict[str, Any]) -> r4data.Shape | None:
    type = value.get("resourceType")
    return r4data.shape(type) if isinstance(type, str) and type in r4data.RESOURCE_TYPES else None
