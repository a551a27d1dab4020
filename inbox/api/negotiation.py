"""Bodies in and out: strict FHIR JSON. What JSON leaves open (repeated names, NaN, depth) is refused by name."""

import codecs
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from inbox.fhir import outcome, rows

FHIR_JSON = "application/fhir+json"
JSON_PATCH = "application/json-patch+json"
FORM = "application/x-www-form-urlencoded"
ACCEPTED = {FHIR_JSON, "application/json", "application/*", "*/*", "text/json"}
FORMATS = {FHIR_JSON, "application/json", "json", "text/json", "application/fhir json"}
MAX_DEPTH = 64
"""Levels of a body. R4's own examples have 14 at most; deeper ones are made to hurt."""


class FHIRRenderer(BaseRenderer):
    """A resource as FHIR JSON, decimals as they were written."""

    media_type = FHIR_JSON
    format = "json"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else rows.dumps(data).encode()


class FHIRNegotiation(BaseContentNegotiation):
    """There is one form of answer, JSON; who accepts only others is told so."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        asked = request.query_params.get("_format")
        wanted = [one.split(";")[0].strip().lower() for one in request.headers.get("Accept", "*/*").split(",")]
        if (asked.lower() not in FORMATS) if asked else not ACCEPTED.intersection(wanted or ["*/*"]):
            raise NotAcceptable("This server answers application/fhir+json.")
        return renderer, renderer.media_type or FHIR_JSON

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        kind = (request.content_type or "").split(";")[0].strip().lower()
        for parser in parsers:
            if kind in getattr(parser, "media_types", (parser.media_type,)):
                return parser
        return None


class FHIRParser(BaseParser):
    """FHIR JSON; raises Invalid saying what is wrong with it, TooLarge for a body over the limit."""

    media_type = FHIR_JSON
    media_types: tuple[str, ...] = (FHIR_JSON, "application/json", "text/json")

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        return loads(body(stream))


class PatchParser(FHIRParser):
    """A JSON Patch document."""

    media_type = JSON_PATCH
    media_types = (JSON_PATCH,)


class FormParser(BaseParser):
    """The parameters of a POST search, as text; the view decodes them like those of an address."""

    media_type = FORM
    media_types = (FORM,)

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            return body(stream).decode("ascii")
        except UnicodeDecodeError:
            raise outcome.Invalid("A form is ASCII with percent signs.") from None


def body(stream: IO[Any]) -> bytes:
    """The bytes of a request, at most FHIR_MAX_BODY_BYTES of them."""
    limit: int = settings.FHIR_MAX_BODY_BYTES
    content = stream.read(limit + 1)
    if len(content) > limit:
        raise outcome.TooLarge(f"A body has at most {limit} bytes.")
    return bytes(content)


def loads(content: bytes) -> Any:
    """JSON with decimals kept as written. Raises Invalid for what is not strict JSON, or too deep."""
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode()
        value = json.loads(text, parse_float=Decimal, parse_constant=_constant, object_pairs_hook=_object)
    except UnicodeDecodeError:
        raise outcome.Invalid("The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise outcome.Invalid(f"The body is not JSON: {error.msg.lower()} ({place}).") from None
    except RecursionError:
        raise outcome.Invalid(f"The body is nested more than {MAX_DEPTH} levels deep.") from None
    except ValueError:
        # Python takes no integer of more than 4300 digits.
        raise outcome.Invalid("The body holds a number that is too long.") from None
    _shallow(value)
    return value


def _constant(name: str) -> None:
    raise outcome.Invalid(f"{name} is not JSON.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise outcome.Invalid(f"“{twice[:64]}” is given twice in one object.", expression=twice[:64])
    return found


def _shallow(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = (
            [
                one
                for item in level
                for one in (item.values() if isinstance(item, dict) else item)
                if isinstance(one, dict | list)
            ]
            if isinstance(value, dict | list)
            else []
        )
        if not level:
            return
    raise outcome.Invalid(f"The body is nested more than {MAX_DEPTH} levels deep.")
