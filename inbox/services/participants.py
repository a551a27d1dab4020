"""Who takes part in a thread: add, remove, leave. Two people editing at once never overwrite each other."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from inbox.fhir import builtin, members, outcome
from inbox.fhir.repository import Repository
from inbox.fhir.types import Resource

from . import people
from .people import Person
from .threads import participants_version

TRIES = 5


@dataclass(frozen=True)
class Added:
    """The person added; `warning` says so when their access does not let them read the thread."""

    person: Person
    warning: str = ""


class Changed(outcome.Stale):
    """Somebody changed the participants while you were editing."""

    def __init__(self, present: list[Person]) -> None:
        super().__init__()
        self.people = present


def add(repo: Repository, thread: str, person: str, *, seen: str) -> Added:
    """Let a person take part from now on; `seen` is the participants' version of the form.

    Raises Changed when the participants are others by now, Unprocessable for a person that can not be added.
    """
    if not person:
        raise outcome.Unprocessable(_("Choose a person first."), expression="person")
    try:
        header = _edit(repo, thread, seen, lambda recipients: _with(recipients, person))
    except outcome.UnknownReference:
        raise outcome.Unprocessable(
            _("This person can not be found. Choose somebody from the list."), expression="person"
        ) from None
    member = next(one for one in header["recipient"] if one.get("reference") == person)
    added = people.person(member)
    warning = ""
    if members.admits(repo.actor.practice, person, header) is False:
        warning = _(
            "%(name)s takes part now, but their access does not let them read this thread. Ask an administrator."
        )
    return Added(added, warning % {"name": added.name} if warning else "")


def remove(repo: Repository, thread: str, person: str, *, seen: str) -> None:
    """End a person's part; what they had received stays with them. Raises Changed as `add` does."""
    _edit(repo, thread, seen, lambda recipients: _without(recipients, person))


def leave(repo: Repository, thread: str) -> None:
    """End one's own part, whatever else changes meanwhile."""
    _edit(repo, thread, "", lambda recipients: _without(recipients, repo.actor.profile))


def _edit(repo: Repository, thread: str, seen: str, change: Callable[[list[Resource]], list[Resource]]) -> Resource:
    """Change the recipients of the version that was seen; a version that moved anything else is tried again."""
    for _attempt in range(TRIES):
        header = repo.read("Communication", thread)
        if "partOf" in header:
            raise outcome.NotFound()
        if not repo.may("update", "Communication", header):
            raise outcome.Forbidden()
        if seen and participants_version(header) != seen:
            raise Changed([people.person(one) for one in header.get("recipient", [])])
        recipients = change(header.get("recipient", []))
        if len(recipients) == len(header.get("recipient", [])):
            return header
        _check(header, recipients)
        after = {**header, "recipient": recipients}
        try:
            return repo.update(after, if_match=header["meta"]["versionId"]).resource or after
        except outcome.Stale:
            continue
    raise Changed([people.person(one) for one in repo.read("Communication", thread).get("recipient", [])])


def _check(header: Resource, recipients: list[Resource]) -> None:
    """Raise Unprocessable when a patient would be left without staff, or come into a thread of staff."""
    if not recipients:
        raise outcome.Unprocessable(_("A thread needs at least one participant."), expression="person")
    outside = [one for one in recipients if not str(one.get("reference", "")).startswith(builtin.STAFF)]
    if outside and builtin.is_internal(header):
        raise outcome.Unprocessable(_("This thread is for staff only."), expression="person")
    if len(outside) == len(recipients) < len(header.get("recipient", [])):
        raise outcome.Unprocessable(
            _("A conversation with a patient needs somebody of the staff. Add a colleague first, or close it."),
            expression="person",
        )


def _with(recipients: list[Resource], person: str) -> list[Resource]:
    if any(one.get("reference") == person for one in recipients):
        return recipients
    return [*recipients, {"reference": person}]


def _without(recipients: list[Resource], person: str) -> list[Resource]:
    return [one for one in recipients if one.get("reference") != person]
