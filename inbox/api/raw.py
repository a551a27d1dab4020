"""The bytes of a file on their way out: harmless in a browser, in parts where asked, never all in memory."""

import re
from collections.abc import AsyncIterator, Generator, Mapping
from typing import BinaryIO

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from rest_framework.exceptions import NotAcceptable

from inbox.fhir import outcome
from inbox.fhir.repository import Content
from inbox.fhir.types import Resource

from .base import said, versioned
from .negotiation import FHIR_JSON, FORMATS

JSON = frozenset({FHIR_JSON, "application/json", "text/json"})
OPAQUE = "application/octet-stream"
SHOWN: Mapping[str, re.Pattern[bytes]] = {
    "application/pdf": re.compile(rb"%PDF-"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "text/plain": re.compile(rb""),
}
"""What a browser may show by itself, and how such a content begins. Everything else is saved, not opened."""
HEAD = 16
CHUNK = 64 * 1024
RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
PRINTABLE = re.compile(r"[ -~]+")


def as_resource(accept: str, form: str, kind: str) -> bool:
    """Whether a reader wants the Binary as JSON rather than the bytes of this type; raises NotAcceptable for neither.

    JSON has to be asked for by name; `form` is the parameter `_format`, which goes before the header.
    """
    if form:
        accept = FHIR_JSON if form.lower() in FORMATS else form
    own = _bare(kind)
    weights = _weights(accept or "*/*")
    bytes_wanted = next((weights[one] for one in (own, own.partition("/")[0] + "/*", "*/*") if one in weights), 0.0)
    json_wanted = max(weights.get(one, 0.0) for one in JSON - {own})
    if not bytes_wanted and not json_wanted:
        raise NotAcceptable(f"This file is {own}, or {FHIR_JSON}.")
    return json_wanted > 0 and json_wanted >= bytes_wanted


def headers(resource: Resource) -> dict[str, str]:
    """The headers of a file's bytes but for those about the bytes.

    The version names these bytes exactly, so its tag is a strong one, as parts need it (RFC 9110, 13.1.5).
    """
    found = versioned(resource)
    return {
        **found,
        "ETag": found["ETag"].removeprefix("W/"),
        "Vary": "Accept",
        "Accept-Ranges": "bytes",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }


def answer(request: HttpRequest, kind: str, content: Content, headers: dict[str, str]) -> HttpResponseBase:
    """The bytes of a file, or the part that `Range` asks for."""
    try:
        start, end = _part(_range(request, headers), content.size)
    except outcome.Invalid as error:
        found = said("invalid", error.text, "error", "invalid")
        unsatisfied = {"Content-Range": f"bytes */{content.size}"}
        return JsonResponse(found, status=416, content_type=FHIR_JSON, headers=unsatisfied)
    stream = content.open()
    begin = stream.read(HEAD)
    headers |= _described(kind, begin, content.name)
    headers["Content-Length"] = str(end - start)
    status = 200
    if end - start < content.size:
        status, headers["Content-Range"] = 206, f"bytes {start}-{end - 1}/{content.size}"
    if request.method == "HEAD":
        stream.close()
        return HttpResponse(status=status, headers=headers)
    return StreamingHttpResponse(_streamed(request, _chunks(stream, start, end)), status=status, headers=headers)


def _bare(kind: str) -> str:
    return kind.partition(";")[0].strip().lower()


def _weights(accept: str) -> dict[str, float]:
    """Media types and how much they are wanted, from 0 to 1."""
    found: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (one.strip().lower() for one in part.split(";"))
        weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        found[kind] = float(weight) if re.fullmatch(r"[01](\.[0-9]{0,3})?", weight) else 1.0
    return found


def _range(request: HttpRequest, headers: Mapping[str, str]) -> str:
    """The part asked for; none where it is of another version than the one there is."""
    wanted = request.headers.get("If-Range", "")
    if wanted and wanted not in (headers["ETag"], headers["Last-Modified"]):
        return ""
    return request.headers.get("Range", "")


def _part(text: str, size: int) -> tuple[int, int]:
    """The first byte of a `Range` and the one after its last; everything where it is not understood or several.

    Raises Invalid for a part that there is not. Source: RFC 9110, 14.
    """
    match = RANGE.fullmatch(text.strip())
    if match is None or match[0] == "bytes=-":
        return 0, size
    if not match[1]:
        start, end = max(0, size - int(match[2])), size
    else:
        start, end = int(match[1]), min(size, int(match[2]) + 1) if match[2] else size
        if match[2] and int(match[2]) < start:
            return 0, size
    if start >= size:
        raise outcome.Invalid(f"There is no such part; the file has {size} bytes.")
    return start, end


def _described(kind: str, begin: bytes, name: str) -> dict[str, str]:
    """What the bytes are, and whether a browser shows or saves them.

    A picture that is none is nothing in particular, whatever it is said to be.
    """
    pattern = SHOWN.get(_bare(kind))
    shown = pattern is not None and pattern.match(begin) is not None
    if not PRINTABLE.fullmatch(kind) or (pattern is not None and not shown):
        kind = OPAQUE
    disposition = content_disposition_header(not shown, name) or "inline"
    return {"Content-Type": kind, "Content-Disposition": disposition}


def _chunks(stream: BinaryIO, start: int, end: int) -> Generator[bytes, None, None]:
    with stream:
        stream.seek(start)
        left = end - start
        while left > 0 and (chunk := stream.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk


def _streamed(
    request: HttpRequest, chunks: Generator[bytes, None, None]
) -> Generator[bytes, None, None] | AsyncIterator[bytes]:
    """The chunks in the way that the server reads them; on ASGI Django would gather plain ones in memory first."""
    return _threaded(chunks) if isinstance(request, ASGIRequest) else chunks


async def _threaded(chunks: Generator[bytes, None, None]) -> AsyncIterator[bytes]:
    following = sync_to_async(lambda: next(chunks, b""), thread_sensitive=False)
    try:
        while chunk := await following():
            yield chunk
    finally:
        chunks.close()
