"""Reading a remote server: single states, versions, pages of searches, several questions in one batch.

What one request has read it does not read again, until it writes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlencode

from . import outcome, rows
from .capability import Capability
from .remote_bundle import status
from .remote_http import Server, error_of
from .types import Deletion, Params, Resource

CHUNK = 40
"""Questions in one batch."""
LONG = 3_000
"""Characters of a query that go into an address; longer ones are posted."""

Known = dict[tuple[str, str], Resource | None]


class Reads:
    """The reading half of a client; `keep` says whether it serves one request alone, and may remember."""

    def __init__(self, server: Server, known: Callable[[], Capability], *, keep: bool = False) -> None:
        self.server = server
        self.known = known
        self._keep = keep
        self._known: Known | None = {} if keep else None

    @contextmanager
    def unit(self) -> Iterator[Known]:
        """A unit of work: what it reads is read anew, and once."""
        before, self._known = self._known, {}
        try:
            yield self._known
        finally:
            self._known = before

    def forget(self) -> None:
        """Something was written, or was found to have changed."""
        if self._known is not None:
            self._known.clear()

    def forget_all(self) -> None:
        """Remember nothing of what was read before a unit of work that wrote."""
        self._known = {} if self._keep else None

    def get(self, type: str, id: str) -> Resource:
        """The current state; raises NotFound or Gone."""
        key = (type, id)
        if self._known is not None and self._known.get(key):
            return self._known[key] or {}
        return self.note(self.server.get(f"{type}/{id}").body)

    def raw(self, type: str, id: str) -> Resource | None:
        """The current state, or None."""
        if self._known is not None and (type, id) in self._known:
            return self._known[type, id]
        try:
            return self.get(type, id)
        except (outcome.NotFound, outcome.Gone, outcome.Invalid):
            self._absent(type, id)
            return None

    def present(self, type: str, ids: Iterable[str]) -> list[Resource]:
        """The current states of those of these that exist; several are asked for in one batch."""
        wanted = list(dict.fromkeys(ids))
        known = self._known or {}
        new = [id for id in wanted if (type, id) not in known]
        read: dict[str, Resource | None] = {}
        if len(new) == 1:
            read[new[0]] = self.raw(type, new[0])
        elif new:
            answers = self.ask([f"{type}/{id}" for id in new])
            read = dict(zip(new, answers, strict=True))
            for id, answer in read.items():
                self.note(answer) if answer else self._absent(type, id)
        found = [read[id] if id in read else known.get((type, id)) for id in wanted]
        return [one for one in found if one is not None]

    def ask(self, questions: Sequence[str]) -> list[Resource | None]:
        """The answers to several reads and searches, in order; None for what is not there."""
        found: list[Resource | None] = []
        for start in range(0, len(questions), CHUNK):
            some = questions[start : start + CHUNK]
            found += self._batch(some) if self.known().has_system("batch") else [self._one(each) for each in some]
        return found

    def _batch(self, questions: Sequence[str]) -> list[Resource | None]:
        entries = [{"request": {"method": "GET", "url": one}} for one in questions]
        bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
        return [_answer(one) for one in self.server.bundle(bundle, repeat=True)]

    def _one(self, question: str) -> Resource | None:
        try:
            return self.server.get(question).body
        except (outcome.NotFound, outcome.Gone):
            return None

    def history(self, type: str, id: str) -> list[Resource]:
        """All versions, newest first; a deleted one is `resourceType`, `id` and `meta`."""
        if not self.known().has(type, "history-instance"):
            return [self.get(type, id)]
        found: list[Resource] = []
        for page in self._bundles(f"{type}/{id}/_history", []):
            found += [_version(one, type, id) for one in page.get("entry", [])]
        if not found:
            raise outcome.NotFound()
        return sorted(found, key=_at, reverse=True)

    def pages(self, type: str, params: Params) -> Iterator[list[Resource]]:
        """What a search finds, page by page, in the server's order."""
        for bundle in self._bundles(type, params):
            yield [self.note(one) for one in matched(bundle)]

    def count(self, type: str, params: Params) -> int | None:
        """The server's own exact number; None when it gives none."""
        total = next(self._bundles(type, [*params, ("_summary", "count")])).get("total")
        return total if isinstance(total, int) else None

    def _bundles(self, path: str, params: Params) -> Iterator[Resource]:
        if len(urlencode(params)) > LONG:
            bundle = self.server.search(path, params).body
        else:
            bundle = self.server.get(path, params).body
        while True:
            yield bundle
            next = [one.get("url") for one in bundle.get("link", []) if one.get("relation") == "next"]
            if not next or not bundle.get("entry"):
                return
            bundle = self.server.get(str(next[0])).body

    def note(self, resource: Resource) -> Resource:
        if self._known is not None and "id" in resource:
            self._known[str(resource.get("resourceType")), resource["id"]] = resource
        return resource

    def _absent(self, type: str, id: str) -> None:
        if self._known is not None:
            self._known[type, id] = None


def matched(bundle: Resource) -> list[Resource]:
    """The matches of a searchset: not what was included, nor outcomes."""
    found = []
    for entry in bundle.get("entry", []):
        mode = entry.get("search", {}).get("mode", "match")
        if mode == "match" and isinstance(entry.get("resource"), dict):
            found.append(entry["resource"])
    return found


def _answer(entry: Resource) -> Resource | None:
    response = entry.get("response", {})
    code = status(response)
    if code in (404, 410):
        return None
    if code >= 400:
        raise error_of(code, response.get("outcome") or {})
    resource = entry.get("resource")
    return resource if isinstance(resource, dict) else None


def _version(entry: Resource, type: str, id: str) -> Resource:
    resource = entry.get("resource")
    if isinstance(resource, dict):
        return resource
    at = entry.get("response", {}).get("lastModified", "")
    version = str(entry.get("response", {}).get("etag", "")).removeprefix("W/").strip('"')
    return Deletion({"resourceType": type, "id": id, "meta": {"versionId": version, "lastUpdated": at}})


def _at(version: Resource) -> int:
    stamp = version.get("meta", {}).get("lastUpdated")
    return rows.micros(str(stamp)) if stamp else 0
