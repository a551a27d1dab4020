"""The audit trail: a row for every read, write and refusal; a read whose row can not be written fails."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.db import DatabaseError

from inbox.models import AuditEvent

from . import outcome, rows, sql
from .events import Change
from .types import Actor

FIELDS = (
    "practice_id",
    "at",
    "interaction",
    "actor",
    "membership",
    "type",
    "fhir_id",
    "version",
    "outcome",
    "query",
    "detail",
    "request_id",
)


def record_changes(changes: Sequence[Change]) -> None:
    """One row for each change, in the transaction of the change."""
    values = []
    for change in changes:
        version = int((change.after or {}).get("meta", {}).get("versionId", 0)) or None
        values.append(
            _row(
                change.actor,
                change.interaction,
                change.resource["resourceType"],
                change.resource["id"],
                version=version,
            )
        )
    sql.insert(AuditEvent, FIELDS, values)


def record_sent(actor: Actor, writes: Sequence[tuple[str, str, str]]) -> None:
    """Before writes (method, type, id) leave for another server: if the answer is lost, this row is still there."""
    sql.insert(AuditEvent, FIELDS, [_row(actor, "send", type, id, query=method) for method, type, id in writes])


def record_written(actor: Actor, changes: Sequence[tuple[str, str, str, str]]) -> None:
    """What another server made of writes: (interaction, type, id, version), whatever its versions look like."""
    values = []
    for interaction, type, id, version in changes:
        number = int(version) if version.isdecimal() and len(version) < 10 else None
        values.append(_row(actor, interaction, type, id, version=number, detail="" if number else version))
    sql.insert(AuditEvent, FIELDS, values)


def writer(practice: int, type: str, id: str, version: str) -> str | None:
    """The profile that wrote a version through this product; None when somebody else did."""
    exact = {"version": int(version)} if version.isdecimal() and len(version) < 10 else {"detail": version}
    written = AuditEvent.objects.filter(practice_id=practice, type=type, fhir_id=id, **exact)
    found = written.filter(interaction__in=("create", "update")).order_by("id")
    return found.values_list("actor", flat=True).first()


def creator(practice: int, type: str, id: str) -> str:
    """The profile that made a resource through this product; empty when somebody else did."""
    made = AuditEvent.objects.filter(practice_id=practice, type=type, fhir_id=id, interaction="create")
    return made.order_by("id").values_list("actor", flat=True).first() or ""


@dataclass
class Trail:
    """What one actor has read or was refused in one request, written together before the answer leaves."""

    actor: Actor
    entries: list[list[object]] = field(default_factory=list)

    def read(self, interaction: str, type: str, id: str = "", *, query: str = "", outcome: str = "0") -> None:
        self.entries.append(_row(self.actor, interaction, type, id, query=query, outcome=outcome))

    def write(self) -> None:
        """Keep the entries; raises Busy when they can not be kept, so that nothing unaudited is shown."""
        entries, self.entries = self.entries, []
        if not entries:
            return
        try:
            sql.insert(AuditEvent, FIELDS, entries, using=settings.AUDIT_READS)
        except DatabaseError as error:
            raise outcome.Busy("The audit trail can not be written, so nothing is shown. Try again.") from error


def _row(
    actor: Actor,
    interaction: str,
    type: str,
    id: str,
    *,
    version: int | None = None,
    outcome: str = "0",
    query: str = "",
    detail: str = "",
) -> list[object]:
    return [
        actor.practice,
        rows.now(),
        interaction,
        actor.profile,
        actor.membership[:64],
        type,
        _storable(id)[:64],
        version,
        outcome,
        _storable(query)[:2000],
        detail,
        actor.request_id,
    ]


def _storable(text: str) -> str:
    """What was asked for, without what no database takes."""
    return text.encode(errors="replace").decode().replace("\0", "?")


def events_of(practice: int, type: str, id: str) -> Iterable[AuditEvent]:
    """The trail of one resource, newest first: writes, then reads where they are in a file of their own."""
    for using in dict.fromkeys(("default", settings.AUDIT_READS)):
        yield from AuditEvent.objects.using(using).filter(practice_id=practice, type=type, fhir_id=id).order_by("-id")
