"""What the R4 specification says about elements: shapes of resources and data types, reference targets, required codes.

Read once from the files in `r4/`; a shape is compiled when it is first asked for and kept.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "r4"
QUANTITIES = {"Count": "Quantity", "Distance": "Quantity"}
"""Types that R4 defines as a Quantity with further rules, which we do not check."""


def load(name: str) -> Any:
    """The content of one file of `r4/`, such as `search-parameters.json`."""
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


DEFINITIONS: dict[str, list[dict[str, Any]]] = load("structure-definitions.json")
VALUE_SETS: dict[str, dict[str, list[str]]] = load("required-value-sets.json")

RESOURCE_TYPES = frozenset(name for name in DEFINITIONS if any(e["path"] == f"{name}.meta" for e in DEFINITIONS[name]))
"""The resource types that we know element by element."""

ALL_RESOURCE_TYPES = frozenset(
    code for codes in VALUE_SETS["http://hl7.org/fhir/ValueSet/resource-types"].values() for code in codes
) - {"Resource", "DomainResource"}
"""Every resource type of R4: what a reference may name."""


@dataclass(frozen=True, slots=True)
class ValueSet:
    """The codes that a required binding allows: code system -> codes."""

    url: str
    systems: Mapping[str, frozenset[str]]
    codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Element:
    """One JSON property of a shape.

    `name` is the FHIRPath name (`content`, where the property is `contentString`); `type` a primitive, a data type,
    `Resource`, or the path of a backbone element (`Task.input`); `targets` is empty where anything may be named.
    """

    name: str
    type: str
    many: bool
    primitive: bool
    targets: tuple[str, ...]
    value_set: ValueSet | None
    binding: str


@dataclass(frozen=True, slots=True)
class Shape:
    """The properties of a resource, data type or backbone element.

    `required` holds (name, properties) of elements with a minimum; `choices` those of elements with several types.
    """

    elements: Mapping[str, Element]
    required: tuple[tuple[str, tuple[str, ...]], ...]
    choices: tuple[tuple[str, tuple[str, ...]], ...]


@cache
def shape(path: str) -> Shape | None:
    """The shape of a type (`Period`) or backbone element (`Communication.payload`); None if we have none."""
    path = QUANTITIES.get(path, path)
    entries = [e for e in DEFINITIONS.get(path.partition(".")[0], ()) if e["path"].rpartition(".")[0] == path]
    if not entries:
        return None
    elements: dict[str, Element] = {}
    required, choices = [], []
    for entry in entries:
        properties = _properties(entry)
        elements |= properties
        name, keys = _name(entry), tuple(properties)
        if entry["min"]:
            required.append((name, keys))
        if len(keys) > 1:
            choices.append((name, keys))
    return Shape(elements, tuple(required), tuple(choices))


@cache
def companion() -> Shape:
    """What may stand beside a primitive value, in the property with an underscore: `id` and `extension`."""
    element = shape("Period")
    assert element is not None
    return Shape({name: element.elements[name] for name in ("id", "extension")}, (), ())


@cache
def value_set(url: str) -> ValueSet | None:
    """The value set of a required binding; None for those that R4 does not list (media types, currencies)."""
    systems = VALUE_SETS.get(url.partition("|")[0])
    if systems is None:
        return None
    sets = {system: frozenset(codes) for system, codes in systems.items()}
    return ValueSet(url, sets, frozenset().union(*sets.values()))


def status_codes(type: str) -> frozenset[str]:
    """The codes that the `status` of a resource type may have; none where it has no such element."""
    described = shape(type) if type in RESOURCE_TYPES else None
    status = described.elements.get("status") if described else None
    return status.value_set.codes if status and status.value_set else frozenset()


def _name(entry: dict[str, Any]) -> str:
    return str(entry["path"]).rpartition(".")[2].removesuffix("[x]")


def _properties(entry: dict[str, Any]) -> dict[str, Element]:
    """The JSON properties of one definition: one, or one for each type where it ends in `[x]`."""
    name = _name(entry)
    if "contentReference" in entry:
        return {name: _element(entry, name, entry["contentReference"].removeprefix("#"))}
    types: list[dict[str, Any]] = entry["type"]
    if not entry["path"].endswith("[x]"):
        return {name: _element(entry, name, _type(entry, types[0]["code"]), types[0])}
    return {name + t["code"][0].upper() + t["code"][1:]: _element(entry, name, t["code"], t) for t in types}


def _element(entry: dict[str, Any], name: str, type: str, definition: Mapping[str, Any] | None = None) -> Element:
    targets = tuple((definition or {}).get("targetProfile", ()))
    binding = entry.get("binding", {})
    url = binding["valueSet"] if binding.get("strength") == "required" else ""
    return Element(
        name=name,
        type=type,
        many=entry["max"] == "*",
        primitive=type[0].islower(),
        targets=() if "Resource" in targets else targets,
        value_set=value_set(url) if url else None,
        binding=url,
    )


def _type(entry: dict[str, Any], code: str) -> str:
    """A type code of the definitions in our words; ids and `Extension.url` are given there as FHIRPath strings."""
    path: str = entry["path"]
    if code in ("BackboneElement", "Element"):
        return path
    if not code.startswith("http://hl7.org/fhirpath/"):
        return code
    if path == "Extension.url":
        return "uri"
    owner = path.rpartition(".")[0]
    return "id" if owner in RESOURCE_TYPES else "string"
