"""Guarded: one actor's view of a repository. The only place where policy meets data.

Reads add the policy's criteria to the query. A write needs one entry that admits the whole of it, before and after.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from . import answers, builtin, bundles, conditional, outcome, place
from . import policy as policies
from .judging import Judging
from .repository import Content, Page, Upload, Write, Written
from .search import parse
from .store import file_write
from .types import Actor, Bundle, Operations, Params, Resource, deletion

TRIES = 3
"""How often a write that lost a race is judged and tried."""


class Guarded(Judging):
    """The repository as one actor may see and change it (`Repository` of `repository.py`)."""

    # Reads

    def read(self, type: str, id: str) -> Resource:
        self._typed(type, "read")
        found = self._find(type, id, "read")
        self.trail.read("read", type, id, outcome="0" if found else "4")
        if found is None:
            raise self._absent(type, id)
        return found.resource

    def vread(self, type: str, id: str, version: str) -> Resource:
        for one in self._past(type, id, "vread"):
            if one["meta"]["versionId"] == version:
                if deletion(one):
                    raise outcome.Gone()
                return one
        raise outcome.NotFound()

    def history(self, type: str, id: str) -> list[Resource]:
        return self._past(type, id, "history")

    def type_history(self, type: str, *, count: int, cursor: str = "") -> Page:
        self._typed(type, "history-type")
        found = self.store.past_of_type(type, count, cursor)
        self.trail.read("history-type", type)
        seen = [(one.version, self._view(one.state, "history-type", impersonal=True)) for one in found.versions]
        shown = [version if deletion(version) else view for version, view in seen if view is not None]
        return Page(shown, found.next)

    def _past(self, type: str, id: str, interaction: str) -> list[Resource]:
        """The versions of what may be read now, or could be before it was deleted.

        The past is open by an entry with this interaction.
        """
        self._typed(type, "read")
        if self._find(type, id, "read") is None:
            if not self._was_open(type, id, interaction):
                raise self._absent(type, id)
        elif self._find(type, id, interaction) is None:
            raise outcome.Forbidden("You may not read earlier versions of this.")
        self.trail.read(interaction, type, id)
        return self._versions(type, id, interaction)

    def download(self, id: str, version: str = "") -> tuple[Resource, Content]:
        resource = self.vread(builtin.FILE, id, version) if version else self.read(builtin.FILE, id)
        return resource, self.store.download(id, version)[1]

    def search(self, type: str, params: Params, *, lenient: bool = False) -> Page:
        self._typed(type, "search")
        request = parse(type, params, lenient=lenient)
        reach = self._searchable(request)
        found = self.store.find(request, reach.scope)
        self.trail.read("search", type, query="&".join(f"{name}={value}" for name, value in params))
        return answers.page(request, found, [self._seen(reach, one).resource for one in found.rows], self._each)

    def newest(self, type: str, params: Params, *, per: str, targets: Iterable[str]) -> dict[str, Resource]:
        self._typed(type, "search")
        request = parse(type, params)
        reach = self._searchable(request, per)
        found = self.store.find_newest(request, reach.scope, per, list(targets))
        self.trail.read("search", type, query=f"newest per {per}")
        return {target: self._seen(reach, one).resource for target, one in found.items()}

    # Writes

    def create(self, resource: Resource, *, if_none_exist: str = "") -> Written:
        write = Write("POST", resource["resourceType"], resource=resource, if_none_exist=if_none_exist)
        return self.apply([write])[0]

    def update(self, resource: Resource, *, if_match: str = "", where: str = "") -> Written:
        id = "" if where else resource.get("id", "")
        return self.apply([Write("PUT", resource["resourceType"], id, resource, if_match, where=where)])[0]

    def patch(self, type: str, id: str, operations: Operations, *, if_match: str = "", where: str = "") -> Written:
        return self.apply([Write("PATCH", type, id, if_match=if_match, where=where, operations=operations)])[0]

    def delete(self, type: str, id: str, *, if_match: str = "", where: str = "") -> None:
        self.apply([Write("DELETE", type, id, if_match=if_match, where=where)])

    def upload(self, resource: Resource, upload: Upload, *, if_match: str = "") -> Written:
        write = file_write(resource, upload, if_match)
        self._typed(builtin.FILE, "create" if write.method == "POST" else "update")
        with self.store.staged(upload) as staged:
            return self.apply([replace(write, upload=staged)])[0]

    def transaction(self, bundle: Bundle) -> Bundle:
        return self.store.atomically(lambda: bundles.transaction(self, bundle))

    def batch(self, bundle: Bundle) -> Bundle:
        return bundles.batch(self, bundle)

    def apply(self, writes: Sequence[Write]) -> list[Written]:
        """All writes or none; raises what the first one that is refused deserves.

        What lost a race that its writer knew nothing of is judged again by the new state.
        """
        told = any(one.if_match for one in writes)
        for attempt in range(1, TRIES + 1):
            try:
                return self.store.atomically(lambda: self._apply(writes)) if writes else []
            except outcome.FHIRError as error:
                if isinstance(error, outcome.Stale) and not told and attempt < TRIES:
                    continue
                self._refused(writes, error)
                raise
        raise outcome.Busy()

    def _refused(self, writes: Sequence[Write], error: outcome.FHIRError) -> None:
        culprit = next((one for one in writes if one.place and one.place == error.place), writes[0])
        severity = "4" if error.status < 500 else "8"
        self.trail.read("refused", culprit.type, culprit.id, query=culprit.method, outcome=severity)

    def _apply(self, writes: Sequence[Write]) -> list[Written]:
        for one in writes:
            with outcome.within(one.place):
                self._conditional(one)
        settled = conditional.settle(writes, self)
        asked = [one.write for one in settled if one.write is not None]
        self.store.lock(asked)
        self._threads.clear()
        try:
            allowed = self._allowed(asked)
        finally:
            self._pending.clear()
        written = iter(self.store.apply(allowed))
        return [
            self._readable(next(written))
            if one.write is not None
            else Written(one.existing, unchanged=one.existing is not None)
            for one in settled
        ]

    def lock_condition(self, type: str, condition: str) -> None:
        self.store.lock_condition(type, condition)

    def match(self, type: str, condition: str) -> Resource | None:
        """The one visible resource that meets a condition; raises MultipleMatches."""
        self._typed(type, "search")
        request = conditional.request(type, condition)
        reach = self._searchable(request)
        found = self.store.find(request, reach.scope).rows
        if len(found) > 1:
            raise outcome.MultipleMatches(f"Several resources match {type}?{condition}")
        if not found:
            return None
        self.trail.read("search", type, query=condition)
        return self._seen(reach, found[0]).resource

    def free(self, type: str, id: str) -> bool:
        """Whether this actor may give a new resource this id."""
        return self._chooses_ids(type) and self.store.last_version(type, id) is None

    def atomic(self) -> AbstractContextManager[None]:
        return self.store.atomic()

    # What may be done

    def may(self, interaction: str, type: str, resource: Resource | None = None) -> bool:
        """Whether the policy has this interaction on a type, or on this state of a resource (a create, a change)."""
        entries = self.policy.allowing(type, interaction)
        if resource is None or not entries:
            return bool(entries)
        if interaction == "create":
            return any(not self._judge(entry, None, resource) for entry in entries)
        writing = interaction in policies.WRITES
        return self._draft_rule(resource) and any(self._admits(one, resource, writing=writing) for one in entries)

    def may_search(self, type: str, *codes: str) -> bool:
        """Whether this actor may search a type by all of these parameters; hidden fields are searched by nobody."""
        return bool(self._searching(type, codes))

    def may_become(self, before: Resource, after: Resource) -> bool:
        """Whether the policy lets this actor change a resource from one state to another."""
        entries = self.policy.allowing(before["resourceType"], "update")
        return any(not self._judge(entry, before, after) for entry in entries)

    def _readable(self, written: Written) -> Written:
        """What became of a write, as the writer sees it; no body where they may not read it afterwards.

        What followed from the write counts: a file belongs to its message by now.
        """
        if written.resource is None:
            return written
        reference = f"{written.resource['resourceType']}/{written.resource['id']}"
        after = self.store.held(reference) or written.resource
        seen = self._view(after, "read")
        if seen is not None:
            self._threads[reference] = after
        return Written(seen, written.created, written.unchanged)


def connect(actor: Actor, policy: Mapping[str, Any] | None) -> Guarded:
    """The practice's data under a policy; raises Invalid when the policy can not be enforced."""
    return Guarded(place.back_end(actor), policies.compile(policy))
