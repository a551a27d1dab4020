"""Writing to a remote server: one write as it is, several as one transaction, each audited here before and after."""

import base64
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from . import audit, outcome, remote_bundle, rows, validate
from .remote_http import Server, error_of
from .remote_reads import Reads
from .repository import Write, Written
from .types import Actor, Resource, split_reference


class Moved(outcome.Stale):
    """Somebody changed this in the meantime."""


@dataclass
class Writes:
    """The writing half of a client. `trusted`: names and validity are taken as they are."""

    server: Server
    reads: Reads
    actor: Actor
    trusted: bool

    def run(self, writes: Sequence[Write], judged: Callable[[Write], str]) -> list[Written]:
        """Carry out writes that name their resources, all or none; `judged` gives the version that was judged.

        Raises Moved when a resource is no longer the version that was judged, so that it is judged again.
        """
        if not self.reads.known().writes:
            raise outcome.Unprocessable("Nothing can be written to this FHIR server; it has no transactions.")
        asked = [self._prepared(write) for write in writes]
        if not self.trusted:
            self._names(asked)
        same = [self._same(write) for write in asked]
        todo = [
            one if one.if_match or one.method == "POST" else replace(one, if_match=judged(one))
            for one, unchanged in zip(asked, same, strict=True)
            if unchanged is None
        ]
        done = iter(self._audited(todo, [bool(one.if_match) for one in asked]) if todo else [])
        return [Written(one, unchanged=True) if one is not None else next(done) for one in same]

    def _prepared(self, write: Write) -> Write:
        if not self.trusted and write.resource is not None:
            write = replace(write, resource=copy.deepcopy(write.resource))
        if write.upload is not None and write.resource is not None:
            write.upload.stream.seek(0)
            data = base64.b64encode(write.upload.stream.read()).decode()
            write = replace(write, resource={**write.resource, "data": data}, upload=None)
        if write.resource is not None and not self.trusted:
            validate.validate({**write.resource, "id": write.id or "new"})
        return write

    def _same(self, write: Write) -> Resource | None:
        """The present state, when an update would change nothing of it."""
        if write.method != "PUT" or write.resource is None:
            return None
        before = self.reads.raw(write.type, write.id)
        if before is None or (write.if_match and write.if_match != before["meta"]["versionId"]):
            return None
        return before if remote_bundle.body(write) == rows.unstamped(before) else None

    def _names(self, writes: Sequence[Write]) -> None:
        """Every new reference leads somewhere, and shows the name of what it leads to."""
        new = {f"{one.type}/{one.id}": rows.display_of(one.resource) for one in writes if one.resource is not None}
        wanted: dict[str, set[str]] = {}
        found = [each for one in writes for each in self._references(one)]
        for _, reference, _ in found:
            type, id = split_reference(reference["reference"])
            if f"{type}/{id}" not in new:
                wanted.setdefault(type, set()).add(id)
        for type, ids in wanted.items():
            new |= {f"{type}/{one['id']}": rows.display_of(one) for one in self.reads.present(type, sorted(ids))}
        for path, reference, _ in found:
            target = "/".join(split_reference(reference["reference"]))
            if target not in new:
                raise outcome.UnknownReference(f"Unknown reference {reference['reference']}", expression=path)
            if new[target]:
                reference["display"] = new[target]

    def _references(self, write: Write) -> list[tuple[str, Resource, list[str]]]:
        """The literal references of a write that were not in the state before."""
        if write.resource is None:
            return []
        before = self.reads.raw(write.type, write.id) if write.method == "PUT" else None
        found = validate.references(before) if before else ()
        old = {one[1].get("reference"): one[1].get("display") for one in found}
        return [
            one
            for one in validate.references(write.resource)
            if all(split_reference(one[1].get("reference", "")))
            and ("display" not in one[1] or old.get(one[1]["reference"], "") != one[1]["display"])
        ]

    def _audited(self, writes: Sequence[Write], explicit: Sequence[bool]) -> list[Written]:
        """Send, and write down who did it: once before, so that nothing goes out unseen, and once with what became."""
        audit.record_sent(self.actor, [(one.method, one.type, one.id) for one in writes])
        self.reads.forget()
        try:
            done = self._sent(writes)
        except outcome.Stale as error:
            if isinstance(error, outcome.MultipleMatches) or any(explicit):
                raise
            raise Moved() from None
        audit.record_written(
            self.actor,
            [
                (_interaction(one), write.type, (one.resource or {}).get("id", write.id), _version(one.resource))
                for write, one in zip(writes, done, strict=True)
                if not one.unchanged
            ],
        )
        for one in done:
            if one.resource is not None:
                self.reads.note(one.resource)
        return done

    def _sent(self, writes: Sequence[Write]) -> list[Written]:
        remote_bundle.check(writes)
        if len(writes) == 1:
            return [self._alone(writes[0])]
        repeat = all(one.if_match or one.if_none_exist for one in writes)
        entries = self.server.bundle(remote_bundle.transaction(writes), repeat=repeat)
        return [self._of_entry(write, entry) for write, entry in zip(writes, entries, strict=True)]

    def _of_entry(self, write: Write, entry: Resource) -> Written:
        response = entry.get("response", {})
        code = remote_bundle.status(response)
        if code >= 400:
            raise error_of(code, response.get("outcome") or {})
        resource = entry.get("resource")
        if write.method != "DELETE" and not _whole(resource):
            resource = self.reads.get(*remote_bundle.place(response))
        return remote_bundle.written(write, code, resource)

    def _alone(self, write: Write) -> Written:
        body = remote_bundle.body(write) if write.resource is not None else None
        path = write.type if write.method == "POST" else f"{write.type}/{write.id}"
        answer = self.server.send(write.method, path, body, if_match=write.if_match, if_none_exist=write.if_none_exist)
        resource = answer.body
        if write.method != "DELETE" and not _whole(resource):
            resource = self.reads.get(*remote_bundle.place({"location": answer.headers.get("Location", path)}))
        return remote_bundle.written(write, answer.status, resource)


def _whole(resource: object) -> bool:
    return isinstance(resource, dict) and "id" in resource and resource.get("resourceType") != "OperationOutcome"


def _interaction(written: Written) -> str:
    return "delete" if written.resource is None else "create" if written.created else "update"


def _version(resource: Resource | None) -> str:
    return str((resource or {}).get("meta", {}).get("versionId", ""))
