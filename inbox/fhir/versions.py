"""The versions of a resource, read back: those that moved last activity alone are put together again."""

import re
from typing import Any

from django.db.models import F, OuterRef, Subquery

from inbox import models

from . import cursors, outcome, rows
from .scope import Past, PastPage
from .types import Deletion, Resource

NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def history(practice: int, type: str, id: str) -> list[Resource]:
    """All versions, newest first; a deleted one is `resourceType`, `id` and `meta`. Raises NotFound for none."""
    found = models.Version.objects.filter(
        resource__practice=practice, resource__type=type, resource__fhir_id=id
    ).order_by("version")
    versions: list[Resource] = []
    body: Resource = {}
    for one in found:
        body = {"resourceType": type, "id": id} if one.deleted else _body(one, body)
        version = rows.stamped(body, one.version, one.last_updated)
        versions.append(Deletion(version) if one.deleted else version)
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


def of_type(practice: int, type: str, count: int, cursor: str) -> PastPage:
    """One page of the versions of a whole type, newest first, in one query."""
    context = f"{practice} {type} history"
    whole = models.Version.objects.filter(
        resource=OuterRef("resource"), version__lte=OuterRef("version"), body__isnull=False
    ).order_by("-version")
    found = models.Version.objects.filter(resource__practice=practice, resource__type=type)
    if cursor:
        found = found.filter(pk__lt=cursors.decode(context, cursor)[0])
    found = found.annotate(
        whole=Subquery(whole.values("body")[:1]), fhir_id=F("resource__fhir_id"), last=F("resource__body")
    )
    page = list(found.order_by("-pk")[: count + 1])
    next = cursors.encode(context, [page[count - 1].pk]) if len(page) > count else ""
    return PastPage([_past(type, one) for one in page[:count]], next)


def _past(type: str, found: Any) -> Past:
    state = rows.loads(found.last) if found.deleted else _body(found, rows.loads(found.whole))
    stamp = (found.version, found.last_updated)
    whole = rows.stamped(state, *stamp)
    gone = Deletion(rows.stamped({"resourceType": type, "id": found.fhir_id}, *stamp)) if found.deleted else None
    return Past(gone or whole, whole)


def _body(version: models.Version, before: Resource) -> Resource:
    """What a version holds, given the one before it."""
    if version.body is None:
        return rows.with_activity(before, version.activity)
    body: Resource = rows.loads(version.body)
    return body
