"""The second opinion on a resource: the model classes of `fhir.resources`, whose errors become ours.

They are R4B classes. For the types of messaging R4B differs from R4 in `Extension.value[x]` only, and where a class
is stricter than R4 about a primitive, `primitives` has decided already.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .rules import Problem
from .types import Resource

R4_ONLY = {"valueMeta"}
ANY_STRING = "[ \r\n\t\\S]+"
"""How the classes check a string; they take a no-break space for nothing."""
PLAIN = {
    "extra_forbidden": "There is no such element.",
    "missing": "This is required.",
    "model_field_validation.missing": "This is required.",
}


def parse(resource: Resource) -> Iterator[Problem]:
    """What the model class of a resource refuses."""
    model = _model(resource["resourceType"])
    try:
        model.model_validate(resource)
    except ValidationError as error:
        for details in error.errors(include_url=False, include_input=False):
            if not _stricter(details):
                yield Problem(_path(resource["resourceType"], details["loc"]), _text(details["type"], details["msg"]))
    except KeyError:
        # A resource inside is of a type that R4 has and R4B has not; our own rules have to do.
        return


@cache
def _model(type: str) -> Any:
    from fhir.resources.R4B import get_fhir_model_class

    return get_fhir_model_class(type)


def _stricter(details: ErrorDetails) -> bool:
    """Whether the class refuses what R4 allows."""
    if R4_ONLY.intersection(details["loc"]) or details.get("ctx", {}).get("pattern") == ANY_STRING:
        return True
    return details["type"].startswith(("url_", "uuid_"))


def _path(type: str, location: Sequence[str | int]) -> str:
    path = type
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part.isidentifier():
            path += "." + part.removeprefix("_").removesuffix("__ext")
    return path


def _text(kind: str, message: str) -> str:
    return PLAIN.get(kind) or f"This is not valid: {message.removeprefix('Value error, ').rstrip('.')}."
