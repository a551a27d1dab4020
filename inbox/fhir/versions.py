"""The versions of a resource, read back: those that moved last activity alone are put together again."""

import re

from inbox import models

from . import outcome, rows
from .types import Resource

NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def history(practice: int, type: str, id: str) -> list[Resource]:
    """All versions, newest first; a deleted one is `resourceType`, `id` and `meta`. Raises NotFound for none."""
    found = models.Version.objects.filter(
        resource__practice=practice, resource__type=type, resource__fhir_id=id
    ).order_by("version")
    versions: list[Resource] = []
    body: Resource = {}
    for one in found:
        body = {} if one.deleted else _body(one, body)
        versions.append(rows.stamped(body or {"resourceType": type, "id": id}, one.version, one.last_updated))
    if not versions:
        raise outcome.NotFound()
    return versions[::-1]


def version(practice: int, type: str, id: str, number: str) -> Resource:
    """One version; raises NotFound, or Gone for the version that is the deletion."""
    every = models.Version.objects.filter(resource__practice=practice, resource__type=type, resource__fhir_id=id)
    found = every.filter(version=int(number)).first() if NUMBER.fullmatch(number) else None
    if found is None:
        raise outcome.NotFound()
    if found.deleted:
        raise outcome.Gone()
    before: Resource = {}
    if found.body is None:
        whole = every.filter(version__lt=found.version, body__isnull=False).latest("version")
        before = rows.loads(whole.body or "")
    return rows.stamped(_body(found, before), found.version, found.last_updated)


def _body(version: models.Version, before: Resource) -> Resource:
    """What a version holds, given the one before it."""
    if version.body is None:
        return rows.with_activity(before, version.activity)
    body: Resource = rows.loads(version.body)
    return body
