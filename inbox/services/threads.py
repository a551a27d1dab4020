"""Threads: the list, one conversation's header, starting, closing and reopening."""

import hashlib
import uuid
from dataclasses import dataclass, field

from django.conf import settings
from django.utils.translation import gettext as _

from inbox.fhir import builtin, outcome
from inbox.fhir.repository import Repository
from inbox.fhir.types import Params, Resource

from . import messages, people, receipts, rules, vocabulary
from .eventlines import CLOSED
from .moments import Moment, moment, now
from .people import Person

tags = vocabulary.tags
OPEN_STATUS = ("status:not", "completed,entered-in-error,stopped,unknown,preparation")
CLOSED_STATUS = ("status", "completed,stopped")


@dataclass(frozen=True)
class ListFilter:
    """What the list shows, as it stands in the URL."""

    status: str = "open"
    scope: str = ""
    unread: bool = False
    patient: str = ""
    tag: str = ""
    cursor: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether anything but the status and whose threads limits the list."""
        return bool(self.unread or self.patient or self.tag)


@dataclass(frozen=True)
class ThreadRow:
    """One row of the list, ready to print."""

    id: str
    title: str
    name: str
    note: str
    initials: str
    staff_only: bool
    started_by: str
    people: str
    when: Moment
    author: str
    preview: str
    unread: bool
    closed: bool
    tags: list[str] = field(default_factory=list)
    urgent: bool = False


@dataclass(frozen=True)
class ThreadPage:
    rows: list[ThreadRow]
    next: str
    filter: ListFilter


@dataclass(frozen=True)
class Thread:
    """One conversation's header and what this reader may do with it; `header` is the resource."""

    id: str
    title: str
    patient: Person | None
    patient_note: str
    people: list[Person]
    started_by: str
    started: Moment
    closed: bool
    staff_only: bool
    tags: list[str]
    reasons: list[str]
    version: str
    participants_version: str
    may_reply: bool
    may_note: bool
    may_close: bool
    may_edit_people: bool
    may_leave: bool
    may_mistake: bool
    reply_to: str
    note_to: str
    header: Resource

    @property
    def reference(self) -> str:
        return f"Communication/{self.id}"


def default_scope(repo: Repository) -> str:
    """Whose threads the list begins with: one's own for those who may write, all for those who only read."""
    return "mine" if repo.actor.kind == "Practitioner" and repo.may("create", "Communication") else "all"


def page(repo: Repository, filter: ListFilter) -> ThreadPage:
    """One page of thread rows, newest activity first; what is unread and the previews are this reader's."""
    scope = filter.scope or default_scope(repo)
    params = _list_params(repo, filter, scope)
    if params is None:
        return ThreadPage([], "", filter)
    found = repo.search("Communication", params)
    references = [f"Communication/{one['id']}" for one in found.resources]
    previews = messages.newest(repo, references)
    unread = receipts.unread_among(repo, references)
    rows = [
        _row(repo, one, previews.get(ref), ref in unread) for one, ref in zip(found.resources, references, strict=True)
    ]
    return ThreadPage(rows, found.next, filter)


def _headers(repo: Repository) -> Params:
    """The search for thread headers; whoever may not look at payloads can not tell a lone message from a thread."""
    params: Params = [("part-of:missing", "true")]
    return [*params, ("payload:missing", "true")] if repo.may_search("Communication", "payload") else params


def _list_params(repo: Repository, filter: ListFilter, scope: str) -> Params | None:
    params = _headers(repo)
    params.append(CLOSED_STATUS if filter.status == "closed" else OPEN_STATUS)
    if scope == "mine":
        params.append(("recipient", repo.actor.profile))
    if filter.patient:
        params.append(("subject", filter.patient))
    if filter.tag:
        params.append(("category", filter.tag))
    if filter.unread:
        threads = receipts.unread_threads(repo)
        if not threads:
            return None
        params.append(("_id", ",".join(one.partition("/")[2] for one in threads)))
    params += [("_sort", "-_lastUpdated"), ("_count", str(settings.THREADS_PER_PAGE))]
    return [*params, ("_cursor", filter.cursor)] if filter.cursor else params


def _row(repo: Repository, header: Resource, last: Resource | None, unread: bool) -> ThreadRow:
    subject, sender = header.get("subject", {}), header.get("sender", {})
    name = subject.get("display") or _("Care team")
    opener = people.person(sender)
    carer = opener.reference.startswith("RelatedPerson/")
    author, preview = messages.preview(repo.actor, last)
    return ThreadRow(
        id=header["id"],
        title=header.get("topic", {}).get("text") or _("No topic"),
        name=name,
        note=_("%(carer)s, for %(patient)s") % {"carer": opener.name, "patient": name.split()[0]} if carer else "",
        initials=people.initials(name),
        staff_only=not subject or builtin.is_internal(header),
        started_by=opener.name,
        people=", ".join(one.get("display", "") for one in header.get("recipient", [])[:6]),
        when=moment((last or {}).get("sent") or header["meta"]["lastUpdated"]),
        author=author,
        preview=preview,
        unread=unread,
        closed=header["status"] in CLOSED,
        tags=vocabulary.tag_labels(header),
        urgent=header.get("priority") in ("urgent", "asap", "stat"),
    )


def get(repo: Repository, id: str) -> Thread:
    """One thread; raises NotFound alike for what does not exist and what is hidden."""
    header = repo.read("Communication", id)
    if "partOf" in header:
        parent = builtin.parents(header)[0].partition("/")[2]
        header = repo.read("Communication", parent)
    if "payload" in header or header["status"] == "preparation":
        raise outcome.NotFound()
    return _thread(repo, header)


def _thread(repo: Repository, header: Resource) -> Thread:
    me = repo.actor
    members = [people.person(one) for one in header.get("recipient", [])]
    others = [one for one in members if one.reference != me.profile]
    closed = header["status"] in CLOSED
    subject = header.get("subject")
    opener = people.person(header.get("sender", {}))
    return Thread(
        id=header["id"],
        title=header.get("topic", {}).get("text") or _("No topic"),
        patient=people.person(subject) if subject else None,
        patient_note="",
        people=members,
        started_by=_("you") if opener.reference == me.profile else opener.name,
        started=moment(header.get("sent") or header["meta"]["lastUpdated"]),
        closed=closed,
        staff_only=all(one.staff for one in members),
        tags=vocabulary.tag_labels(header),
        reasons=[vocabulary.text_of(one) for one in header.get("reasonCode", [])],
        version=header["meta"]["versionId"],
        participants_version=participants_version(header),
        may_reply=not closed and repo.may("create", "Communication", messages.draft(me, header, "…")),
        may_note=not closed and repo.may("create", "Communication", messages.draft(me, header, "…", internal=True)),
        may_close=_may_become(repo, header, status="in-progress" if closed else "completed"),
        may_edit_people=_may_become(repo, header, recipient=header.get("recipient", [])[::-1]),
        may_leave=_may_leave(repo, header),
        may_mistake=_may_become(repo, header, status="entered-in-error", statusReason={"text": "…"}),
        reply_to=_listing([one.first for one in others]),
        note_to=_listing([one.first for one in others if one.staff]),
        header=header,
    )


def _may_become(repo: Repository, header: Resource, **changes: object) -> bool:
    return repo.may_become(header, {**header, **changes})


def _may_leave(repo: Repository, header: Resource) -> bool:
    rest = [one for one in header.get("recipient", []) if one.get("reference") != repo.actor.profile]
    staff = any(people.person(one).staff for one in rest)
    return staff and len(rest) < len(header.get("recipient", [])) and _may_become(repo, header, recipient=rest)


def participants_version(header: Resource) -> str:
    """A short mark of who takes part; it changes with the participants and with nothing else of the thread."""
    return hashlib.sha256(" ".join(sorted(builtin.recipients(header))).encode()).hexdigest()[:16]


def _listing(names: list[str]) -> str:
    """`Homer, Bob and Dr. House`."""
    if len(names) < 2:
        return "".join(names)
    if len(names) > 6:
        return _("%(names)s and %(count)s others") % {"names": ", ".join(names[:5]), "count": len(names) - 5}
    return _("%(names)s and %(last)s") % {"names": ", ".join(names[:-1]), "last": names[-1]}


def start(
    repo: Repository,
    *,
    patient: str,
    people: list[str],
    topic: str,
    tags: list[str],
    text: str,
    client_id: str,
    staff_only: bool = False,
) -> str:
    """Start a thread with its first message, in one transaction; gives the thread's id.

    `patient` is the subject and takes part unless `staff_only`; `people` are references. Repeating the call with the
    same `client_id` gives the same thread. Raises Unprocessable for what can not be sent, with the field's name, and
    KeyReused for the same `client_id` with another topic or text.
    """
    topic, text, client_id = rules.topic(topic), rules.text(text), rules.client_id(client_id)
    header = _new_header(repo, patient, people, topic, tags, staff_only)
    if len(header["recipient"]) < 2:
        raise outcome.Unprocessable(_("Choose at least one person to write to."), expression="people")
    if staff_only and not all(one["reference"].startswith(builtin.STAFF) for one in header["recipient"]):
        raise outcome.Unprocessable(_("A thread for staff only takes no patients or carers."), expression="people")
    urn = f"urn:uuid:{uuid.uuid4()}"
    message = messages.draft(repo.actor, {**header, "id": "", "meta": {}}, text, parent=urn)
    # An id of its own: no message of another thread is ever taken for the first one of this.
    entries = [_entry(repo, urn, header, client_id), _entry(repo, "", message, f"{client_id}-first")]
    try:
        answer = repo.transaction({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    except outcome.UnknownReference:
        unknown = _("Somebody you chose can not be found. Choose people from the list.")
        raise outcome.Unprocessable(unknown, expression="people") from None
    sent = [entry.get("resource", {}) for entry in answer["entry"]]
    if _what(sent[0]) != _what(header) or messages.text_of(sent[1]) != text:
        raise messages.KeyReused()
    return str(sent[0]["id"])


def _what(header: Resource) -> tuple[object, ...]:
    """What makes a thread another one than that which was sent under the same client id."""
    subject = header.get("subject", {}).get("reference")
    return header.get("topic"), subject, sorted(builtin.recipients(header)), builtin.is_internal(header)


def _new_header(
    repo: Repository, patient: str, members: list[str], topic: str, tags: list[str], staff_only: bool
) -> Resource:
    me = repo.actor
    everybody = dict.fromkeys([me.profile, *([patient] if patient and not staff_only else []), *members])
    category = vocabulary.tag_concepts(tags)
    if staff_only:
        category.append(vocabulary.concept(vocabulary.CATEGORY, "internal"))
    return {
        "resourceType": "Communication",
        "status": "in-progress",
        **({"category": category} if category else {}),
        **({"subject": {"reference": patient}} if patient else {}),
        "topic": {"text": topic},
        "sent": now(),
        "recipient": [{"reference": one} for one in everybody],
        "sender": {"reference": me.profile},
    }


def _entry(repo: Repository, url: str, resource: Resource, client_id: str) -> Resource:
    """An entry that creates what this person has not created yet under this id."""
    resource = {**resource, "identifier": [{"system": vocabulary.CLIENT_ID, "value": client_id}]}
    kind = "false" if "partOf" in resource else "true"
    condition = f"{messages.client_condition(repo, client_id)}&part-of:missing={kind}"
    request = {"method": "POST", "url": "Communication", "ifNoneExist": condition}
    return {**({"fullUrl": url} if url else {}), "resource": resource, "request": request}


@dataclass(frozen=True)
class ThreadLink:
    """Another thread of the same patient."""

    id: str
    title: str
    when: Moment
    closed: bool


def of_patient(repo: Repository, patient: str, *, but: str = "", limit: int = 5) -> list[ThreadLink]:
    """The newest threads of a patient that this reader may see, without the one that is open."""
    params: Params = [
        *_headers(repo),
        ("subject", patient),
        ("status:not", "preparation,entered-in-error"),
        ("_sort", "-_lastUpdated"),
        ("_count", str(limit + 1)),
    ]
    found = [one for one in repo.search("Communication", params).resources if one["id"] != but]
    return [
        ThreadLink(
            one["id"],
            one.get("topic", {}).get("text") or _("No topic"),
            moment(one["meta"]["lastUpdated"]),
            one["status"] in CLOSED,
        )
        for one in found[:limit]
    ]


def close(repo: Repository, id: str, *, version: str = "") -> Thread:
    """Close a thread; nothing happens to its messages. Closing what is closed already is no error."""
    return _set_status(repo, id, "completed")


def reopen(repo: Repository, id: str, *, version: str = "") -> Thread:
    """Open a closed thread again."""
    return _set_status(repo, id, "in-progress")


def _set_status(repo: Repository, id: str, status: str) -> Thread:
    """Set the status whatever else of the header moved meanwhile: status is all that this edits."""
    for attempt in range(5):
        header = repo.read("Communication", id)
        if "partOf" in header or header["status"] == "entered-in-error":
            raise outcome.NotFound()
        if not repo.may("update", "Communication", header):
            raise outcome.Forbidden()
        if header["status"] == status:
            break
        try:
            repo.update({**header, "status": status}, if_match=header["meta"]["versionId"])
            break
        except outcome.Stale:
            if attempt == 4:
                raise
    return get(repo, id)


def mistake(repo: Repository, id: str, reason: str) -> None:
    """Mark a thread as opened by mistake, with the reason; it leaves every list but the audit.

    Only its opener (or an administrator) may; raises Unprocessable without a reason (expression `reason`).
    """
    header = repo.read("Communication", id)
    if "partOf" in header:
        raise outcome.NotFound()
    reason = rules.reason(reason)
    after = {**header, "status": "entered-in-error", "statusReason": {"text": reason}}
    repo.update(after, if_match=header["meta"]["versionId"])


def unread_count(repo: Repository) -> int:
    """How many threads this reader has not read: the one source for every badge."""
    return receipts.unread_count(repo)
