"""What files (Binary) hold: beside the database, in Django's storage, one object for each content a file ever had.

A Binary is stored without its `data`. The object is written before the commit that names it, taken away when the
transaction fails, and swept up later where that was not possible.
"""

import base64
import binascii
import hashlib
import io
import logging
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings
from django.core.files import File
from django.core.files.storage import Storage, storages
from django.db import DatabaseError
from django.db.models import QuerySet

from inbox import models

from . import outcome, rows
from .builtin import FILE
from .repository import Content, Upload
from .tables import Step
from .types import Actor, Resource

log = logging.getLogger(__name__)

CHUNK = 64 * 1024
MAX_NAME = 120
HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that split a header or turn the direction of a name."""

_written: ContextVar[list[str] | None] = ContextVar("written", default=None)
"""The keys of what was put into the storage since the present unit of work began."""


def storage() -> Storage:
    """Where the contents of files are: a folder, or whatever `STORAGES["files"]` names."""
    return storages["files"]


# Reading


def content(practice: int, id: str, version: str = "") -> Content:
    """What a file, or one version of it, holds. Raises NotFound where there is nothing."""
    found = _contents(practice, id).order_by("-version")
    row = (found.filter(version__lte=int(version)) if version else found).first()
    if row is None:
        raise outcome.NotFound("This file has no content.")
    key = row.key
    return Content(lambda: _open(key), row.size, row.sha256, row.name)


def uploader(practice: int, id: str) -> str:
    """The profile that uploaded a file; empty where that is not known."""
    return _contents(practice, id).values_list("uploader", flat=True).first() or ""


def _contents(practice: int, id: str) -> QuerySet[models.Content]:
    return models.Content.objects.filter(resource__practice=practice, resource__type=FILE, resource__fhir_id=id)


def _open(key: str) -> BinaryIO:
    try:
        return cast("BinaryIO", storage().open(key, "rb"))
    except FileNotFoundError:
        log.error("The storage has no %s, which a file is said to hold.", key)
        raise outcome.NotFound("The content of this file is lost.") from None


# Writing


def named(name: str) -> str:
    """The name of a file as it is kept: no folders, no characters that fool a header or a reader, not too long."""
    last = re.split(r"[/\\]", name)[-1]
    clean = " ".join(HARMFUL.sub("", last).split()).strip(". ")
    stem, dot, ending = clean.rpartition(".")
    if len(clean) <= MAX_NAME:
        return clean
    return f"{stem[: MAX_NAME - len(ending) - 1]}.{ending}" if dot and len(ending) <= 10 else clean[:MAX_NAME]


@contextmanager
def undoing() -> Iterator[None]:
    """A unit of work: when it fails, what it put into the storage is taken away again."""
    outer, keys = _written.get(), list[str]()
    token = _written.set(keys)
    try:
        yield
    except DatabaseError:
        # Perhaps it was committed and only the answer is lost: the sweep asks the database.
        raise
    except BaseException:
        for key in keys:
            storage().delete(key)
        raise
    finally:
        _written.reset(token)
    if outer is not None:
        outer.extend(keys)


@contextmanager
def staged(upload: Upload) -> Iterator[Upload]:
    """An upload in the storage, before the transaction that names it, so that nobody waits for its bytes."""
    with undoing():
        yield put(upload)


def put(upload: Upload) -> Upload:
    """Put a content into the storage under a key that nobody can guess; the bytes are on disk afterwards.

    Raises Invalid for an empty one and TooLarge for one over FHIR_MAX_BINARY_BYTES.
    """
    size, digest = _measured(upload.stream)
    upload.stream.seek(0)
    place = storage()
    key = place.save(f"{datetime.now(UTC):%Y-%m-%d}/{secrets.token_hex(24)}", File(upload.stream))
    written = _written.get()
    if written is not None:
        written.append(key)
    _flushed(place, key)
    return replace(upload, name=named(upload.name), key=key, size=size, sha256=digest)


def _measured(stream: BinaryIO) -> tuple[int, str]:
    """The size and the SHA-256 of a content that is neither empty nor too large."""
    size, digest, limit = 0, hashlib.sha256(), settings.FHIR_MAX_BINARY_BYTES
    stream.seek(0)
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        digest.update(chunk)
        if size > limit:
            raise outcome.TooLarge(f"A file has at most {limit} bytes.", expression="Binary.data")
    if not size:
        raise outcome.Invalid("A file needs content.", expression="Binary.data")
    return size, digest.hexdigest()


def _flushed(place: Storage, key: str) -> None:
    """Wait until a local disk has it; other storages answer only then."""
    try:
        path = Path(place.path(key))
    except NotImplementedError:
        return
    for one in (path, path.parent):
        descriptor = os.open(one, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# Inside a transaction


def taken(resource: Resource, upload: Upload | None) -> tuple[Resource, Upload | None]:
    """A resource as it is stored, and what its content becomes; a file's `data` is taken out of it."""
    if resource["resourceType"] != FILE or "data" not in resource:
        return resource, upload
    rest = {name: value for name, value in resource.items() if name not in ("data", "_data")}
    return rest, upload or Upload(io.BytesIO(_decoded(resource["data"])))


def _decoded(data: object) -> bytes:
    try:
        return base64.b64decode("".join(data.split()) if isinstance(data, str) else b"?", validate=True)
    except (binascii.Error, ValueError):
        raise outcome.Invalid("data is not base64.", expression="Binary.data") from None


def compare(step: Step, *, trusted: bool) -> None:
    """Forget an upload that brings what the file holds already. Raises Invalid for a new file without content."""
    if step.write.type != FILE:
        return
    if step.upload is None:
        if step.before is None and not trusted:
            raise outcome.Invalid("A file needs content.", expression="Binary.data")
        return
    last = _last(step.row.pk) if step.before is not None and step.row is not None else None
    renamed = last is not None and step.upload.name and named(step.upload.name) != last.name
    if last and not renamed and last.sha256 == (step.upload.sha256 or _measured(step.upload.stream)[1]):
        step.upload = None


def _last(resource: int) -> models.Content | None:
    return models.Content.objects.filter(resource=resource).order_by("-version").first()


def keep(actor: Actor, steps: Sequence[Step], *, trusted: bool) -> None:
    """Note what the files among these written steps hold from now on.

    What the system says a file belongs to is so; what people say waits until something of theirs carries the file.
    """
    for step in steps:
        if step.write.type != FILE or step.after is None or step.row is None:
            continue
        belongs = trusted and "securityContext" in step.after
        if belongs:
            models.Content.objects.filter(resource=step.row.pk, loose=True).update(loose=False)
        if step.upload is not None:
            _note(actor, step.row.pk, step.version, step.upload, belongs)


def _note(actor: Actor, resource: int, version: int, upload: Upload, belongs: bool) -> None:
    kept = upload if upload.key else put(upload)
    before = _last(resource)
    models.Content.objects.create(
        resource_id=resource,
        version=version,
        at=rows.now(),
        key=kept.key,
        size=kept.size,
        sha256=kept.sha256,
        name=kept.name or (before.name if before else ""),
        uploader=before.uploader if before else actor.profile,
        loose=before.loose if before else not belongs,
    )
