"""Resources as FHIR: one of them with its versions, two versions side by side, and what belongs to it.

Nothing is added to what the repository shows: a field that is hidden is absent, a past that is closed is empty.
"""

import re
from dataclasses import dataclass, field

import simplejson
from django.conf import settings

from inbox.fhir import builtin, outcome, validate
from inbox.fhir.repository import Repository
from inbox.fhir.types import Params, Resource, split_reference

from . import people, vocabulary
from .moments import Moment, moment

RELATIONS = {"Communication": ("part-of", "sent"), "Task": ("focus", "-_lastUpdated")}
"""What belongs to a Communication, by type: the search parameter that leads to it, and the order of the list."""

TRICKS = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Characters that nobody sees or that turn the direction of a line, so that it reads as what it is not."""


@dataclass(frozen=True)
class Version:
    """One state that a resource has had; the time is worked out for those that are shown."""

    number: str
    changed: str

    @property
    def when(self) -> Moment | None:
        return moment(self.changed) if self.changed else None


@dataclass(frozen=True)
class Related:
    """A list of what belongs to a resource: those of a type whose `parameter` refers to it."""

    type: str
    parameter: str


@dataclass(frozen=True)
class Record:
    """One state of a resource as its reader sees it.

    `text` is its JSON, `before` that of the version it is compared with, `address` where programs find it,
    `conversation` the id of a message of its thread or of the thread. `versions` are newest first.
    """

    type: str
    id: str
    shown: Version
    text: str
    address: str
    newest: bool = True
    conversation: str = ""
    versions: list[Version] = field(default_factory=list)
    may_open_versions: bool = False
    against: str = ""
    before: str = ""
    related: list[Related] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """One line of a list of resources; `label` is what its codes say."""

    type: str
    id: str
    label: str
    person: str
    when: Moment | None


@dataclass(frozen=True)
class Rows:
    """One page of what belongs to the Communication `target`, whose id is `id`; `next` continues it."""

    rows: list[Row]
    next: str
    target: str
    id: str


def get(repo: Repository, type: str, id: str, *, version: str = "", against: str = "") -> Record:
    """A resource with its versions; `version` shows an earlier one, `against` compares with another.

    Raises what the repository raises: NotFound for what is hidden, Forbidden for a past that is closed.
    """
    now = repo.read(type, id)
    shown = repo.vread(type, id, version) if version else now
    return Record(
        type,
        id,
        Version(_number(shown), _changed(shown)),
        text=text(shown),
        address=_address(type, id, version),
        newest=_number(shown) == _number(now),
        conversation=_conversation(shown),
        versions=_versions(repo, type, id),
        may_open_versions=repo.may("vread", type),
        against=against,
        before=text(repo.vread(type, id, against)) if against else "",
        related=_related(repo, now),
    )


def export(repo: Repository, type: str, id: str, *, version: str = "") -> str:
    """The JSON of a resource, or of one version of it."""
    return text(repo.vread(type, id, version) if version else repo.read(type, id))


def parameter(type: str) -> str:
    """The search parameter by which resources of a type belong to a Communication; raises NotFound for none."""
    if type not in RELATIONS:
        raise outcome.NotFound()
    return RELATIONS[type][0]


def belonging(repo: Repository, type: str, target: str, *, cursor: str = "") -> Rows:
    """What of a type belongs to a Communication; nothing alike where the target is hidden and where it never was.

    Raises NotFound for a type of which nothing does, and Invalid where the target is not a Communication.
    """
    _, id = split_reference(target)
    if target != f"Communication/{id}" or not validate.valid_id(id):
        raise outcome.Invalid("Name a Communication.", expression=parameter(type))
    order = RELATIONS[type][1]
    params: Params = [(parameter(type), target), ("_sort", order), ("_count", str(settings.MESSAGES_PER_PAGE))]
    found = repo.search(type, [*params, ("_cursor", cursor)] if cursor else params)
    return Rows([_row(one) for one in found.resources], found.next, target, id)


def text(resource: Resource) -> str:
    """A resource as JSON of two spaces a level; what plays tricks on readers is escaped, which means the same."""
    plain = simplejson.dumps(resource, use_decimal=True, ensure_ascii=False, indent=2)
    return TRICKS.sub(lambda found: f"\\u{ord(found[0]):04x}", plain)


def _versions(repo: Repository, type: str, id: str) -> list[Version]:
    try:
        past = repo.history(type, id)
    except outcome.Forbidden:
        return []
    return [Version(_number(one), _changed(one)) for one in past if _number(one)]


def _number(resource: Resource) -> str:
    return str(resource.get("meta", {}).get("versionId", ""))


def _changed(resource: Resource) -> str:
    return str(resource.get("meta", {}).get("lastUpdated", ""))


def _address(type: str, id: str, version: str) -> str:
    past = f"/_history/{version}" if version else ""
    return f"{settings.BASE_URL}{builtin.PATH}/{type}/{id}{past}"


def _conversation(resource: Resource) -> str:
    """Where a message, a thread or what points to either is talked about."""
    for reference in builtin.parents(resource):
        type, id = split_reference(reference)
        if type == "Communication" and id:
            return id
    return str(resource["id"]) if resource["resourceType"] == "Communication" else ""


def _related(repo: Repository, resource: Resource) -> list[Related]:
    """The lists that lead on from here, where their search is open to this reader; a message has no messages."""
    if resource["resourceType"] != "Communication":
        return []
    message = bool(builtin.parents(resource))
    return [
        Related(type, code)
        for type, (code, _) in RELATIONS.items()
        if repo.may_search(type, code) and not (message and type == "Communication")
    ]


def _row(resource: Resource) -> Row:
    person = resource.get("sender") or resource.get("owner") or {}
    words = (resource.get("status", ""), vocabulary.text_of(resource.get("code", {})))
    return Row(
        resource["resourceType"],
        resource["id"],
        label=" · ".join(one for one in words if one),
        person=people.person(person).name if person else "",
        when=Version("", _changed(resource)).when,
    )
