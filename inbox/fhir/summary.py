"""A part of a resource: `_elements` and `_summary`. What is hidden was taken away before.

Source: https://hl7.org/fhir/R4/search.html#summary
"""

from functools import cache

from . import r4data
from .search import SearchRequest
from .types import Resource

ALWAYS = frozenset({"resourceType", "id", "meta", "implicitRules", "modifierExtension"})
"""What says which resource this is, and how the rest must be read."""
SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}


def shown(request: SearchRequest, resource: Resource, *, included: bool = False) -> Resource:
    """The part of a resource that a search asked for, tagged as a part; `_elements` are about the results alone."""
    if not request.summary and (included or not request.elements):
        return resource
    type = resource["resourceType"]
    if request.summary == "data":
        part = {name: value for name, value in resource.items() if name != "text"}
    else:
        wanted = _summary(type) if request.summary == "true" else frozenset(request.elements or ("text",))
        part = {name: value for name, value in resource.items() if _kept(type, name.removeprefix("_"), wanted)}
    meta = resource.get("meta", {})
    return {**part, "meta": {**meta, "tag": [*meta.get("tag", []), dict(SUBSETTED)]}}


def _kept(type: str, name: str, wanted: frozenset[str]) -> bool:
    shape = r4data.shape(type)
    element = shape.elements.get(name) if shape else None
    return name in ALWAYS or name in wanted or (element is not None and element.name in wanted | _mandatory(type))


@cache
def _mandatory(type: str) -> frozenset[str]:
    shape = r4data.shape(type)
    return frozenset(name for name, _ in shape.required) if shape else frozenset()


@cache
def _summary(type: str) -> frozenset[str]:
    """The elements that R4 marks as the summary of a type."""
    return frozenset(r4data.load("summary-elements.json").get(type, ()))
