"""Messages of a thread: the timeline of a reader, sending, and what has not been seen yet."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext as _

from inbox.fhir import builtin, outcome, rows
from inbox.fhir.repository import Repository
from inbox.fhir.types import Actor, Params, Resource

from . import eventlines, people, rules, vocabulary
from .eventlines import CLOSED
from .moments import Moment, day_line, moment, now

if TYPE_CHECKING:
    from .threads import Thread

RUN = timedelta(minutes=5)
LONG = 4_000
"""Longer texts are folded in the page, with the rest one click away."""


@dataclass(frozen=True)
class Quote:
    id: str
    author: str
    text: str
    internal: bool = False


@dataclass(frozen=True)
class Item:
    """One line of a timeline: `kind` is day, unread, event or message."""

    kind: str
    id: str = ""
    text: str = ""
    when: Moment | None = None
    author: str = ""
    role: str = ""
    initials: str = ""
    staff: bool = False
    mine: bool = False
    run: bool = False
    internal: bool = False
    long: bool = False
    gone: str = ""
    quote: Quote | None = None
    client_id: str = ""
    icon: str = ""


Message = Item
"""An Item of kind `message`."""


@dataclass(frozen=True)
class Timeline:
    """One page of a thread, oldest first; `older` continues before it, `newest_id` is the last message shown."""

    items: list[Item]
    older: str
    newest_id: str


class Unseen(outcome.Stale):
    """New messages arrived while you were writing."""

    def __init__(self, items: list[Item]) -> None:
        super().__init__()
        self.items = items


class Closed(outcome.Unprocessable):
    """This thread has been closed. Your text is kept."""


class KeyReused(outcome.Unprocessable):
    """This was sent already with another text."""


def page(repo: Repository, thread: "Thread", *, before: str = "", unread_since: str = "") -> Timeline:
    """The newest messages of a thread, or those before a cursor, as this reader may see them.

    `unread_since` is when the reader's mark was opened: the line stands before the first message since.
    """
    params: Params = [
        ("part-of", thread.reference),
        ("status:not", "preparation"),
        ("_sort", "-sent"),
        ("_count", str(settings.MESSAGES_PER_PAGE)),
    ]
    if before:
        params.append(("_cursor", before))
    found = repo.search("Communication", params)
    resources = found.resources[::-1]
    newest_id = next((one["id"] for one in reversed(resources) if not _is_event(one)), "")
    return Timeline(_items(repo, resources, unread_since), found.next, newest_id)


def _items(repo: Repository, resources: list[Resource], unread_since: str) -> list[Item]:
    first_unread = _first_unread(repo.actor, resources, unread_since)
    quotes = _quotes(repo, resources)
    items: list[Item] = []
    day, last = "", None
    for one in resources:
        item = _event(one) if _is_event(one) else _message(repo.actor, one, quotes)
        assert item.when is not None
        if item.when.day != day:
            day, last = item.when.day, None
            items.append(Item("day", text=day_line(day), when=item.when))
        if one["id"] == first_unread:
            items.append(Item("unread"))
            last = None
        items.append(_joined(item, one, last))
        last = one if item.kind == "message" else None
    return items


def _first_unread(actor: Actor, resources: list[Resource], since: str) -> str:
    """The message that opened the reader's mark: the newest one of somebody else sent at or before it."""
    theirs = [one for one in resources if not _is_event(one) and not _mine(actor, one)]
    if not since or not theirs:
        return ""
    opened = rows.micros(since)
    earlier = [one for one in theirs if rows.micros(_sent(one)) <= opened]
    return str((earlier[-1] if earlier else theirs[0])["id"])


def _joined(item: Item, resource: Resource, last: Resource | None) -> Item:
    """A message right after one of the same author is a run: name and picture once."""
    if last is None or item.kind != "message":
        return item
    same = resource.get("sender") == last.get("sender") and builtin.is_internal(resource) == builtin.is_internal(last)
    near = rows.micros(_sent(resource)) - rows.micros(_sent(last)) < RUN.total_seconds() * 1_000_000
    return replace(item, run=same and near)


def _message(actor: Actor, resource: Resource, quotes: dict[str, Quote]) -> Item:
    author = people.person(resource.get("sender", {}))
    text = text_of(resource)
    mine = _mine(actor, resource)
    gone = ""
    if resource["status"] == "entered-in-error":
        gone = _("You removed this message. It stays in the history.") if mine else _("This message was removed.")
        text = ""
    answered = next((one.get("reference", "") for one in resource.get("inResponseTo", [])), "")
    return Item(
        "message",
        id=resource["id"],
        text=text,
        when=moment(_sent(resource), time_only=True),
        author=_("You") if mine else author.name,
        role=_author_role(resource),
        initials=author.initials,
        staff=author.staff,
        mine=mine,
        internal=builtin.is_internal(resource),
        long=len(text) > LONG,
        gone=gone,
        quote=quotes.get(answered),
        client_id=client_id_of(resource),
    )


def _author_role(resource: Resource) -> str:
    """A carer writes for somebody: `for Leo`."""
    sender, subject = resource.get("sender", {}), resource.get("subject", {})
    if str(sender.get("reference", "")).startswith("RelatedPerson/") and subject.get("display"):
        return _("for %(patient)s") % {"patient": subject["display"].split()[0]}
    return ""


def _event(resource: Resource) -> Item:
    text, icon = eventlines.words(resource)
    return Item("event", id=resource["id"], text=text, when=moment(_sent(resource), time_only=True), icon=icon)


def _quotes(repo: Repository, resources: list[Resource]) -> dict[str, Quote]:
    """The messages that others answer, from this page where possible, else read in one search."""
    wanted = {ref.get("reference", "") for one in resources for ref in one.get("inResponseTo", [])[:1]}
    here = {f"Communication/{one['id']}": one for one in resources}
    missing = sorted(one.partition("/")[2] for one in wanted if one.startswith("Communication/") and one not in here)
    if missing:
        found = repo.search("Communication", [("_id", ",".join(missing)), ("_count", str(len(missing)))]).resources
        here |= {f"Communication/{one['id']}": one for one in found}
    return {ref: _quote(here[ref]) for ref in wanted if ref in here}


def _quote(resource: Resource) -> Quote:
    gone = resource["status"] == "entered-in-error"
    text = _("This message was removed.") if gone else _cut(text_of(resource), 140)
    author = people.person(resource.get("sender", {})).name
    return Quote(resource["id"], author, text, builtin.is_internal(resource))


def quoted(repo: Repository, thread: str, id: str) -> Quote | None:
    """The message of this thread that somebody is about to answer; None where the reader can not see it."""
    params: Params = [("_id", id), ("part-of", f"Communication/{thread}")]
    try:
        found = repo.search("Communication", params).resources
    except outcome.Invalid:
        return None
    return _quote(found[0]) if found else None


def newest(repo: Repository, threads: list[str]) -> dict[str, Resource]:
    """The last message of each thread that this reader may read, events and retracted ones left out; one statement."""
    params: Params = [
        ("part-of:missing", "false"),
        ("status:not", "preparation,entered-in-error"),
        ("category:not", "event"),
        ("_sort", "-sent"),
    ]
    if not threads or not repo.may_search("Communication", "category"):
        return {}
    return repo.newest("Communication", params, per="part-of", targets=threads)


def preview(actor: Actor, message: Resource | None) -> tuple[str, str]:
    """Who spoke last and the beginning of it, for a row of the list."""
    if message is None:
        return "", ""
    author = _("You") if _mine(actor, message) else people.person(message.get("sender", {})).first
    return author, _cut(" ".join(text_of(message).split()), 120)


def text_of(resource: Resource) -> str:
    """The text of a message: its contentStrings, and the titles of what it carries besides."""
    parts = []
    for payload in resource.get("payload", []):
        attachment = payload.get("contentAttachment", {})
        reference = payload.get("contentReference", {})
        parts.append(
            payload.get("contentString") or attachment.get("title") or reference.get("display") or _("Attachment")
        )
    return "\n".join(parts)


def draft(actor: Actor, header: Resource, text: str, *, internal: bool = False, parent: str = "") -> Resource:
    """A new message of this actor in a thread: to everybody else in it, or as an internal note to its staff."""
    others = [one for one in header.get("recipient", []) if one.get("reference") != actor.profile]
    if internal:
        others = [one for one in others if str(one.get("reference", "")).startswith(builtin.STAFF)]
    category = list(header.get("category", []))
    if internal and not builtin.is_internal(header):
        category.append(vocabulary.concept(vocabulary.CATEGORY, "internal"))
    return {
        "resourceType": "Communication",
        "partOf": [{"reference": parent or f"Communication/{header['id']}"}],
        "status": "in-progress",
        **({"category": category} if category else {}),
        **({"subject": header["subject"]} if "subject" in header else {}),
        **({"topic": header["topic"]} if "topic" in header else {}),
        "sent": _sent_now(header),
        **({"recipient": [{"reference": one["reference"]} for one in others]} if others else {}),
        "sender": {"reference": actor.profile},
        "payload": [{"contentString": text}],
    }


def _sent_now(header: Resource) -> str:
    """This moment, and not before the thread's last change: a clock that steps back reorders no conversation."""
    return max(now(), str(header["meta"].get("lastUpdated", "")))


def send(
    repo: Repository,
    thread: str,
    *,
    text: str,
    client_id: str,
    seen: str = "",
    internal: bool = False,
    in_response_to: str = "",
    anyway: bool = False,
) -> Item:
    """Send a message, or post an internal note, exactly once for a client id; gives the line to show.

    `seen` is the last message that the writer saw; raises Unseen when somebody wrote since and not `anyway`,
    Closed when the thread was closed, Unprocessable for a text that can not be sent, NotFound for a hidden thread.
    """
    if not repo.may("create", "Communication"):
        raise outcome.Forbidden()
    text, client_id = rules.text(text), rules.client_id(client_id)
    header = repo.read("Communication", thread)
    if "partOf" in header:
        raise outcome.NotFound()
    message = _new(repo.actor, header, text, client_id, internal, in_response_to)
    if header["status"] in CLOSED:
        if sent := _sent_before(repo, thread, client_id):
            return _repeated(repo, sent, message)
        raise Closed()
    if seen and not anyway:
        _ask(repo, thread, seen, client_id)
    condition = f"{client_condition(repo, client_id)}&part-of=Communication/{thread}"
    try:
        written = repo.create(message, if_none_exist=condition)
    except outcome.UnknownReference:
        raise outcome.Unprocessable(
            _("The message that you answer can not be found. Send yours without it."), expression="text"
        ) from None
    except outcome.Forbidden:
        if participants_of(repo, thread) == builtin.recipients(header):
            raise
        return send(repo, thread, text=text, client_id=client_id, internal=internal, in_response_to=in_response_to)
    if written.unchanged and written.resource is not None:
        return _repeated(repo, written.resource, message)
    stored = written.resource or {**message, "id": ""}
    return _message(repo.actor, stored, _quotes(repo, [stored]))


def _new(actor: Actor, header: Resource, text: str, client_id: str, internal: bool, in_response_to: str) -> Resource:
    """The message as it is sent; raises Unprocessable when nobody would receive it."""
    message = draft(actor, header, text, internal=internal)
    if "recipient" not in message and not internal:
        raise outcome.Unprocessable(_("Nobody else takes part any more, so nobody would read this."), expression="text")
    message["identifier"] = [{"system": vocabulary.CLIENT_ID, "value": client_id}]
    if in_response_to:
        message["inResponseTo"] = [{"reference": f"Communication/{in_response_to}"}]
    return message


def participants_of(repo: Repository, thread: str) -> list[str]:
    """Who takes part at this moment: somebody may have left while a message was on its way."""
    return builtin.recipients(repo.read("Communication", thread))


def client_condition(repo: Repository, client_id: str) -> str:
    """The search that finds what this person already sent under a client id."""
    return f"identifier={vocabulary.CLIENT_ID}|{client_id}&sender={repo.actor.profile}"


def client_id_of(resource: Resource) -> str:
    ids = (one.get("value", "") for one in resource.get("identifier", []) if one.get("system") == vocabulary.CLIENT_ID)
    return str(next(ids, ""))


def _sent_before(repo: Repository, thread: str, client_id: str) -> Resource | None:
    params: Params = [
        ("identifier", f"{vocabulary.CLIENT_ID}|{client_id}"),
        ("sender", repo.actor.profile),
        ("part-of", f"Communication/{thread}"),
    ]
    return next(iter(repo.search("Communication", params).resources), None)


def _repeated(repo: Repository, sent: Resource, message: Resource) -> Item:
    """The message that a repeated send made the first time; another message under its client id is refused."""
    same = all(sent.get(name) == message.get(name) for name in ("payload", "partOf"))
    answers = [[one.get("reference") for one in each.get("inResponseTo", [])] for each in (sent, message)]
    if not same or answers[0] != answers[1] or builtin.is_internal(sent) != builtin.is_internal(message):
        raise KeyReused(_("This was sent already with another text."))
    return _message(repo.actor, sent, {})


def since(repo: Repository, thread: str, seen: str) -> list[Item]:
    """What others wrote after the message `seen`, oldest first; the ten newest at most."""
    return [_message(repo.actor, one, {}) for one in _since(repo, thread, seen) if not _mine(repo.actor, one)]


def _ask(repo: Repository, thread: str, seen: str, client_id: str) -> None:
    """Raise Unseen for what others wrote since, unless this very message is there already (a repeated send)."""
    news = _since(repo, thread, seen)
    if any(client_id_of(one) == client_id and _mine(repo.actor, one) for one in news):
        return
    theirs = [_message(repo.actor, one, {}) for one in news if not _mine(repo.actor, one)]
    if theirs:
        raise Unseen(theirs)


def _since(repo: Repository, thread: str, seen: str) -> list[Resource]:
    params: Params = [
        ("part-of", f"Communication/{thread}"),
        ("status:not", "preparation"),
        ("category:not", "event"),
        ("_sort", "-sent"),
        ("_count", "10"),
    ]
    news: list[Resource] = []
    for one in repo.search("Communication", params).resources:
        if one["id"] == seen:
            break
        news.append(one)
    return news[::-1]


def _mine(actor: Actor, resource: Resource) -> bool:
    return resource.get("sender", {}).get("reference") in (actor.profiles or (actor.profile,))


def _is_event(resource: Resource) -> bool:
    return builtin.has_category(resource, "event")


def _sent(resource: Resource) -> str:
    return str(resource.get("sent") or resource.get("received") or resource["meta"]["lastUpdated"])


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
