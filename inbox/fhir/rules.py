"""Rules of R4 about single elements: required codes, what a reference may name, extensions."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from . import r4data
from .primitives import ID

MAX_LISTED = 16
ID_OR_VERSION = r"[A-Za-z0-9\-.]{1,64}"
LITERAL = re.compile(
    rf"(?P<base>https?://[^?#\s]+/)?(?P<type>[A-Z][A-Za-z]+)/{ID_OR_VERSION}(?:/_history/{ID_OR_VERSION})?"
)
CONDITIONAL = re.compile(r"(?P<type>[A-Z][A-Za-z]+)\?\S+")
ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")
FORMATS = {
    "http://hl7.org/fhir/ValueSet/mimetypes": (
        re.compile(r"[A-Za-z0-9!#$&^_.+\-]+/[A-Za-z0-9!#$&^_.+\-*]+(?:\s*;.*)?"),
        "a media type such as text/plain",
    ),
    "http://hl7.org/fhir/ValueSet/currencies": (re.compile(r"[A-Z]{3}"), "a currency code such as USD"),
}
SHORT_FORMATS = {"format": {"json", "xml", "ttl"}}
"""What CapabilityStatement.format may say instead of a media type."""


class Problem(NamedTuple):
    """One thing that is wrong: where, as FHIRPath, and what, as a sentence."""

    expression: str
    text: str


class Within(NamedTuple):
    """What surrounds an element: the resource in whose `contained` a local reference looks; is it in a Bundle?"""

    container: dict[str, Any]
    contained: bool = False
    bundle: bool = False


def quoted(value: Any) -> str:
    """A value from outside, short and in ASCII, for an error text."""
    text = value if isinstance(value, str) else type(value).__name__
    return json.dumps(text if len(text) <= 80 else text[:79] + "…")


def code(element: r4data.Element, value: str, key: str, path: str) -> Iterator[Problem]:
    """A `code` with a required binding is one of its value set."""
    if element.value_set and value not in element.value_set.codes:
        yield Problem(path, f"{quoted(value)} is not a code for {key}; {_choices(element.value_set)}.")
    elif element.binding in FORMATS:
        pattern, explanation = FORMATS[element.binding]
        if not pattern.fullmatch(value) and value not in SHORT_FORMATS.get(element.name, ()):
            yield Problem(path, f"{quoted(value)} is not {explanation}.")


def coding(element: r4data.Element, value: dict[str, Any], key: str, path: str) -> Iterator[Problem]:
    """A Coding with a required binding, or one Coding of a CodeableConcept, is from its value set, system included."""
    if element.value_set is None or element.type not in ("Coding", "CodeableConcept"):
        return
    found = [value] if element.type == "Coding" else value.get("coding")
    for one in found if isinstance(found, list) else []:
        system, symbol = (one.get("system"), one.get("code")) if isinstance(one, dict) else (None, None)
        if isinstance(system, str) and isinstance(symbol, str) and symbol in element.value_set.systems.get(system, ()):
            return
    systems = " or ".join(sorted(element.value_set.systems))
    yield Problem(path, f"{key} needs a coding from {systems}; {_choices(element.value_set)}.")


def _choices(values: r4data.ValueSet) -> str:
    codes = sorted(values.codes)
    return "use one of " + ", ".join(codes[:MAX_LISTED]) + (" …" if len(codes) > MAX_LISTED else "")


def reference(element: r4data.Element, value: dict[str, Any], key: str, path: str, within: Within) -> Iterator[Problem]:
    """A Reference is written as R4 says and names a type that its element allows."""
    literal, type = value.get("reference"), value.get("type")
    named = ""
    if isinstance(literal, str):
        named = _named(literal, within)
        text = _unreadable(literal, named, within) or _refused(element, named, key)
        if text:
            yield Problem(f"{path}.reference", text)
            return
    if isinstance(type, str) and type in r4data.ALL_RESOURCE_TYPES:
        text = _refused(element, type, key)
        if text or (named and named != type):
            yield Problem(f"{path}.type", text or f"The type says {type}, the reference is to a {named}.")


def _named(literal: str, within: Within) -> str:
    """The resource type that a literal reference names; "" if it can not be told."""
    if literal == "#" and within.contained:
        return str(within.container.get("resourceType"))
    if literal.startswith("#"):
        found = within.container.get("contained")
        for one in found if isinstance(found, list) else []:
            if isinstance(one, dict) and one.get("id") == literal[1:]:
                return str(one.get("resourceType"))
        return ""
    match = LITERAL.fullmatch(literal) or (CONDITIONAL.fullmatch(literal) if within.bundle else None)
    return match["type"] if match and match["type"] in r4data.ALL_RESOURCE_TYPES else ""


def _unreadable(literal: str, named: str, within: Within) -> str:
    if named or ABSOLUTE.fullmatch(literal):
        return ""
    if literal.startswith("#"):
        return f"There is no contained resource with the id {quoted(literal[1:])}."
    type, _, id = literal.partition("/")
    if type in r4data.ALL_RESOURCE_TYPES and id and "/" not in id and not ID.fullmatch(id):
        return "The id in a reference must be 1 to 64 letters, digits, hyphens and dots."
    if LITERAL.fullmatch(literal):
        return f"{quoted(type)} is not a resource type."
    return f"{quoted(literal)} is not a reference; write Type/id, #id of a contained resource, or an absolute URL."


def _refused(element: r4data.Element, type: str, key: str) -> str:
    if not type or not element.targets or type in element.targets:
        return ""
    return f"{key} may not refer to a {type}; it may to {', '.join(element.targets)}."


def extension(value: dict[str, Any], path: str) -> Iterator[Problem]:
    """R4's rule ext-1: an extension has either a value or extensions."""
    has_value = any(key.removeprefix("_").startswith("value") for key in value)
    if has_value and "extension" in value:
        yield Problem(path, "An extension has either a value or extensions, not both.")
    elif not has_value and "extension" not in value:
        yield Problem(path, "An extension needs a value or extensions.")
