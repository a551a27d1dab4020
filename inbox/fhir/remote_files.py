"""Files on a remote server: a Binary with its content inside, which comes to belong to what carries it."""

import base64
import io
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from . import audit, builtin, outcome
from .events import Change
from .repository import Content, Upload, Write, Written
from .types import Actor, Resource, split_reference


class Repository(Protocol):
    """What files need of a client."""

    actor: Actor

    def read(self, type: str, id: str) -> Resource: ...

    def raw(self, type: str, id: str) -> Resource | None: ...

    def vread(self, type: str, id: str, version: str) -> Resource: ...

    def apply(self, writes: Sequence[Write]) -> list[Written]: ...


class Files:
    """The files of a client."""

    def upload(self: Repository, resource: Resource, upload: Upload, *, if_match: str = "") -> Written:
        method = "PUT" if "id" in resource else "POST"
        return self.apply([Write(method, builtin.FILE, resource.get("id", ""), resource, if_match, upload=upload)])[0]

    def download(self: Repository, id: str, version: str = "") -> tuple[Resource, Content]:
        found = self.vread(builtin.FILE, id, version) if version else self.read(builtin.FILE, id)
        try:
            data = base64.b64decode(found["data"])
        except (KeyError, TypeError, ValueError):
            raise outcome.NotFound("This file has no content.") from None
        resource = {name: value for name, value in found.items() if name != "data"}
        return resource, Content(lambda: io.BytesIO(data), len(data))

    def staged(self, upload: Upload) -> AbstractContextManager[Upload]:
        return nullcontext(upload)

    def uploader(self: Repository, id: str) -> str:
        """Who uploaded a file which nothing carries yet, as far as it was done through this product."""
        found = self.raw(builtin.FILE, id)
        if found is None or "securityContext" in found:
            return ""
        return audit.creator(self.actor.practice, builtin.FILE, id)


def belonging(repo: Repository, change: Change) -> list[Write]:
    """The writes by which loose files come to belong to what their uploader has just made to carry them."""
    after = change.after
    if after is None or after["resourceType"] == builtin.FILE:
        return []
    before = builtin.files(change.before) if change.before else []
    writes = []
    for type, id in map(split_reference, set(builtin.files(after)) - set(before)):
        file = repo.raw(type, id)
        if file is None or "securityContext" in file:
            continue
        uploader = audit.creator(change.actor.practice, type, id)
        if uploader and uploader == change.actor.profile:
            belongs = {**file, "securityContext": {"reference": change.reference}}
            writes.append(Write("PUT", type, id, belongs, file["meta"]["versionId"]))
    return writes
