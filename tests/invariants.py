"""What must hold of the tables at any time, checked from scratch."""

from collections import defaultdict

from inbox.fhir import rows
from inbox.models import (
    AuditEvent,
    DateIndex,
    Outbox,
    Practice,
    ReferenceIndex,
    Resource,
    StringIndex,
    TokenIndex,
    Version,
)

TABLES = (Resource, Version, ReferenceIndex, TokenIndex, StringIndex, DateIndex, AuditEvent, Outbox)


def sizes() -> dict[str, int]:
    """How many rows each table holds."""
    return {model.__name__: model.objects.count() for model in TABLES}


def snapshot() -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, for telling that nothing at all has changed."""
    return {model.__name__: list(model.objects.order_by("pk").values_list()) for model in TABLES}


def check() -> None:
    """The read model is what a fresh extraction gives, and versions, audit and outbox tell of every change."""
    resources = list(Resource.objects.all())
    for row in resources:
        after = None if row.deleted else rows.loads(row.body)
        _columns(row, after)
        for model, wanted in rows.index_rows(after).items():
            stored = sorted(model.objects.filter(resource=row).values_list(*rows.INDEXES[model]))
            assert stored == sorted(wanted), (row.type, row.fhir_id, model.__name__)
    _versions(resources)
    _told_of(resources)


def _columns(row: Resource, after: dict[str, object] | None) -> None:
    """The columns that repeat parts of the resource, on its own row and on its index rows."""
    if after is None:
        return
    is_header, has_payload, status, sent = rows.columns(after, row.last_updated)
    assert (row.is_header, row.has_payload, row.status) == (is_header, has_payload, status)
    assert row.sent == sent
    assert row.display == rows.display_of(after)
    for reference in ReferenceIndex.objects.filter(resource=row):
        columns = (reference.is_header, reference.status, reference.last_updated, reference.sent)
        assert columns == (is_header, status, row.last_updated, sent)
        assert reference.practice_id == row.practice_id
    for token in TokenIndex.objects.filter(resource=row):
        assert (token.is_header, token.last_updated) == (is_header, row.last_updated)


def _versions(resources: list[Resource]) -> None:
    """Versions count from one without a gap, their times grow, and the last one is the resource."""
    chains: dict[int, list[Version]] = defaultdict(list)
    for version in Version.objects.order_by("version"):
        chains[version.resource_id].append(version)
    assert set(chains) == {row.pk for row in resources}
    for row in resources:
        chain = chains[row.pk]
        assert [one.version for one in chain] == list(range(1, row.version + 1))
        times = [one.last_updated for one in chain]
        assert times == sorted(set(times))
        assert (chain[-1].last_updated, chain[-1].deleted) == (row.last_updated, row.deleted)


def _told_of(resources: list[Resource]) -> None:
    """Audit and outbox have exactly one row for each version."""
    practices = {practice.pk for practice in Practice.objects.all()}
    every = {(row.practice_id, row.type, row.fhir_id): row.version for row in resources}
    for model in (AuditEvent, Outbox):
        told: dict[tuple[int, str, str], int] = defaultdict(int)
        changes = model.objects.filter(interaction__in=("create", "update", "delete"), practice_id__in=practices)
        for practice, type, id in changes.values_list("practice_id", "type", "fhir_id"):
            told[practice, type, id] += 1
        assert told == every, model.__name__
