"""What one actor sees of a repository: policy criteria as SQL for searches, in memory for a single state.

Nothing is written here; `guard.py` asks it before it writes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from . import builtin, logic, outcome, searchparams, validate
from .audit import Trail
from .backend import BackEnd
from .parameters import Parameters
from .policy import Entry, Policy, hides, visible
from .scope import Admit, Found, Scope
from .search import Link, SearchRequest, matches, parse
from .types import Actor, Resource, deletion, split_reference


@dataclass(frozen=True)
class Reach:
    """How far a search reaches: its scope for the store, and what each group of the scope hides."""

    scope: Scope
    hidden: tuple[frozenset[str], ...]

    def hides(self, found: Found) -> frozenset[str]:
        """The fields that every group which admits a row hides."""
        if not found.groups:
            return self.hidden[0]
        return frozenset.intersection(*(one for one, admits in zip(self.hidden, found.groups, strict=True) if admits))


@dataclass(frozen=True)
class Seen:
    """A resource as an actor sees it, and the fields that are hidden from them."""

    resource: Resource
    hidden: frozenset[str]


class Sight:
    """One actor's eyes: which resources, which states of them, and which of their fields."""

    def __init__(self, store: BackEnd, policy: Policy) -> None:
        self.actor: Actor = store.actor
        self.store = store
        self.policy = policy
        self.trail = Trail(store.actor)
        self.parameters = Parameters(store.actor, store)
        self._threads: dict[str, Resource | None] = {}
        self._pending: dict[str, Resource] = {}

    def _typed(self, type: str, interaction: str) -> None:
        if type == builtin.FILE and interaction == "search":
            raise outcome.Invalid("Files are not searched.", expression=type)
        if not self.policy.allowing(type, interaction):
            self.trail.read("refused", type, query=interaction, outcome="4")
            raise outcome.Forbidden()

    def admits(self, resource: Resource) -> bool:
        """Whether this actor's policy admits a resource for reading, judged by the resource alone."""
        return self.view(resource) is not None

    def view(self, resource: Resource) -> Resource | None:
        """A state as this actor may read it, judged by itself; None when they may not. The trail is the caller's."""
        return self._view(resource, "read")

    def _reach(self, entries: Sequence[Entry]) -> Reach:
        """Everything that these entries admit, entries grouped by what they hide."""
        groups: dict[frozenset[str], list[Admit]] = {}
        for entry in entries:
            admit = self._admit(entry)
            if admit is not None:
                groups.setdefault(entry.hidden, []).append(admit)
        admits = tuple(admit for group in groups.values() for admit in group)
        needed = tuple(tuple(group) for group in groups.values()) if len(groups) > 1 else ()
        return Reach(Scope(admits, self._profiles, needed), tuple(groups))

    def _admit(self, entry: Entry) -> Admit | None:
        conditions = self.parameters.conditions(entry, in_sql=True)
        if conditions is None:
            return None
        if not entry.follows:
            return Admit(conditions)
        followed = []
        for target in searchparams.targets(entry.type, entry.follows):
            steps = [self._admit(one) for one in self.policy.allowing(target, "read") if not one.follows]
            if any(steps):
                followed.append((target, tuple(one for one in steps if one is not None)))
        return Admit(conditions, entry.follows, tuple(followed)) if followed else None

    def _searchable(self, request: SearchRequest, *used: str) -> Reach:
        """How far a search reaches: by the entries that hide nothing of what is searched or sorted by.

        Where none is left it is an error, so that nothing leaks. `used` names parameters used besides.
        """
        codes = [*used, *(one.param.code for one in request.conditions), *(code for code, _ in request.sort)]
        codes += [link.param.code for link in request.links if not link.reverse]
        entries = self._searching(request.type, codes)
        if not entries:
            refused = next(
                (code for code in codes if not self._searching(request.type, [code])), codes[0] if codes else ""
            )
            raise outcome.Invalid(f"You may not search by “{refused}”.", expression=refused)
        plain = next((one for one in entries if self._covers(one, request)), None)
        reach = self._reach([plain] if plain else entries)
        linked = tuple(self._linked(one) for one in request.links)
        return Reach(replace(reach.scope, linked=linked), reach.hidden)

    def _linked(self, link: Link) -> tuple[Scope, ...]:
        """A scope for each condition of a link: what the linked resources would be found by, searched for alone.

        Of a type that this actor may not search at all there is nothing; a field that is hidden is an error.
        """
        back = [link.param.code] if link.reverse else []
        steps = [(one.param.base, self._searching(one.param.base, [one.param.code, *back])) for one in link.conditions]
        if not any(entries for _, entries in steps) and any(self.policy.allowing(type, "search") for type, _ in steps):
            refused = link.conditions[0].param.code
            raise outcome.Invalid(f"You may not search by “{refused}”.", expression=refused)
        return tuple(replace(self._reach(entries).scope, groups=()) for _, entries in steps)

    def _each(self, asked: Sequence[SearchRequest], limit: int) -> list[list[Resource]]:
        """The first results of each of these searches, nothing for a type that this actor may not search."""
        reaches = [self._reach(self._searching(one.type, [c.param.code for c in one.conditions])) for one in asked]
        found = self.store.find_each([(one, reach.scope) for one, reach in zip(asked, reaches, strict=True)], limit)
        return [[self._seen(reach, one).resource for one in rows] for reach, rows in zip(reaches, found, strict=True)]

    def _searching(self, type: str, codes: Iterable[str]) -> list[Entry]:
        """The entries that let a type be searched and hide nothing of what these parameters look at."""
        looked = [element for code in codes for element in searchparams.elements(type, code)]
        entries = self.policy.allowing(type, "search")
        return [one for one in entries if not any(hides(one.hidden, element) for element in looked)]

    def _covers(self, entry: Entry, request: SearchRequest) -> bool:
        """Whether an entry admits all that a search can find, and hides nothing of it: then no other one matters."""
        if entry.hidden or entry.follows:
            return False
        conditions = self.parameters.conditions(entry, in_sql=True)
        return conditions is not None and logic.implied(conditions, request.conditions)

    def _seen(self, reach: Reach, found: Found) -> Seen:
        """The resource without what every entry that admits it hides."""
        hidden = reach.hides(found)
        seen = visible(found.resource, hidden)
        if seen["resourceType"] == "Communication":
            self._threads[f"Communication/{seen['id']}"] = found.resource
        return Seen(seen, hidden)

    def _find(self, type: str, id: str, interaction: str) -> Seen | None:
        """What this actor sees of one resource, or None."""
        entries = self.policy.allowing(type, interaction)
        request = parse(type, [("_id", id)]) if validate.valid_id(id) else None
        if request is None or not entries:
            return None
        reach = self._reach(entries)
        found = self.store.find(request, reach.scope).rows
        if not found or not self._file_rule(found[0].resource):
            return None
        return self._seen(reach, found[0])

    def _file_rule(self, resource: Resource) -> bool:
        """A file is read while a version of its carrier (a message, a document) that this actor may read points to it.

        Until something carries it, it is its uploader's, whatever it is said to belong to.
        """
        if resource["resourceType"] != builtin.FILE:
            return True
        file = f"{builtin.FILE}/{resource['id']}"
        carrier = split_reference(resource.get("securityContext", {}).get("reference", ""))
        if carrier[0] and carrier[0] != builtin.FILE:
            if any(file in builtin.files(one) for one in self._readable_versions(*carrier)):
                return True
            if self._carried(file, *carrier):
                return False
        return self.store.uploader(resource["id"]) in self._profiles

    def _readable_versions(self, type: str, id: str) -> list[Resource]:
        """The states of a resource that this actor may read: the present one, and earlier ones by a right to them."""
        now = self._find(type, id, "read")
        if now is None:
            return []
        return self._versions(type, id, "history") if self._find(type, id, "history") else [now.resource]

    def _carried(self, file: str, type: str, id: str) -> bool:
        """Whether any version of a resource, hidden or not, points to a file."""
        try:
            return any(file in builtin.files(one) for one in self.store.history(type, id))
        except outcome.NotFound:
            return False

    def _absent(self, type: str, id: str) -> outcome.FHIRError:
        """Gone for those who could read the last version, else the same as an id that never was."""
        last = self.store.last_version(type, id)
        if last is not None and last.deleted and self.admits(last.resource):
            return outcome.Gone()
        return outcome.NotFound()

    def _was_open(self, type: str, id: str, interaction: str) -> bool:
        """Whether this is deleted, and its last state was open to this actor for an interaction."""
        last = self.store.last_version(type, id)
        return last is not None and last.deleted and self._view(last.resource, interaction) is not None

    def _versions(self, type: str, id: str, interaction: str) -> list[Resource]:
        """The versions that this actor may see, each judged by itself, newest first."""
        versions = self.store.history(type, id)
        closed = bool(versions) and builtin.retracted(versions[0]) and not builtin.sent_by(versions[0], self._profiles)
        found = [
            one if deletion(one) else self._view(one, interaction, impersonal=closed and not builtin.retracted(one))
            for one in versions
        ]
        return [one for one in found if one is not None]

    def _view(self, resource: Resource, interaction: str, *, impersonal: bool = False) -> Resource | None:
        """A state as this actor may see it, judged by itself; `impersonal` asks for entries that name no person."""
        found = self._look(resource, interaction, impersonal=impersonal)
        return found.resource if found else None

    def _look(self, resource: Resource, interaction: str, *, impersonal: bool = False) -> Seen | None:
        """The same, with what is hidden of it."""
        if not self._draft_rule(resource):
            return None
        entries = [e for e in self.policy.allowing(resource["resourceType"], interaction) if self._admits(e, resource)]
        fields = [one.hidden for one in entries if not (impersonal and one.personal)]
        hidden = frozenset.intersection(*fields) if fields else frozenset[str]()
        return Seen(visible(resource, hidden), hidden) if fields else None

    def _admits(self, entry: Entry, resource: Resource, *, writing: bool = False) -> bool:
        conditions = self.parameters.conditions(entry, in_sql=False)
        if conditions is None or not matches(SearchRequest(entry.type, conditions), resource):
            return False
        if not writing and not self._file_rule(resource):
            return False
        return not entry.follows or self._followed(entry, resource, writing)

    def _followed(self, entry: Entry, resource: Resource, writing: bool) -> bool:
        for _, target in searchparams.references(resource, entry.follows):
            type, id = split_reference(target)
            parent = self._pending.get(target) or self.store.raw(type, id)
            interaction = "update" if writing else "read"
            steps = [one for one in self.policy.allowing(type, interaction) if not one.follows]
            if parent is not None and any(self._admits(one, parent, writing=writing) for one in steps):
                return True
        return False

    def _draft_rule(self, resource: Resource) -> bool:
        return builtin.draft_visible(resource, self._profiles)

    @property
    def _profiles(self) -> tuple[str, ...]:
        return tuple(self.parameters.profiles)

    def _thread(self, reference: str) -> Resource | None:
        """The header that a message or Task names, if the writer may read it."""
        if reference in self._pending:
            return self._pending[reference]
        if reference not in self._threads:
            held = self.store.held(reference)
            if held is not None:
                self._threads[reference] = held if self.admits(held) else None
            else:
                type, id = split_reference(reference)
                seen = self._find(type, id, "read") if type else None
                self._threads[reference] = self._threads.get(reference) if seen else None
        return self._threads[reference]

    def _readable_ids(self, type: str, ids: Sequence[str]) -> Iterator[Resource]:
        entries = self.policy.allowing(type, "read")
        ids = [id for id in ids if validate.valid_id(id)]
        if entries and ids:
            request = replace(parse(type, [("_id", ",".join(ids))]), count=len(ids))
            for found in self.store.find(request, self._reach(entries).scope).rows:
                if self._file_rule(found.resource):
                    yield found.resource

    def _named(self, resource: Resource | None) -> set[str]:
        """The references and files in what this actor sees of a resource."""
        seen = self._view(resource, "read") if resource is not None else None
        if seen is None:
            return set()
        references = {"/".join(split_reference(one[1].get("reference", ""))) for one in validate.references(seen)}
        return references | set(builtin.files(seen))
