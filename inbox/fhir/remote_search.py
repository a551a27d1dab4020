"""Searching a remote server for what a scope admits: one search for each policy entry, merged in exact order.

The server's answer is a first sieve only: every row is judged again here, so what a server matches too widely is
taken out, and a condition that it does not know is left out of the question and judged here alone. Pages continue
by the sort key and the id of the last row, with date prefixes that every server knows.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from . import logic, outcome, remote_cursor
from .capability import Capability
from .indexing import LONGEST
from .remote_cursor import Key, Place
from .remote_judge import Judge, meets
from .remote_links import Links
from .scope import Admit, Conditions, FoundPage, Scope
from .search import Condition, DateValue, ReferenceValue, SearchRequest, StringValue, TokenValue, Value, encode
from .types import Params, Resource

PAGE = 50
MOST = 5_000
"""Rows that are read from the server for one answer; more is refused, so that no page hangs."""
STEP = 200
"""Rows that one request to the server asks for, at most."""
SPARE = 10
"""Rows that are asked for beyond what is needed, so that a tie at the border seldom costs another request."""


@dataclass(frozen=True)
class Source:
    """How the server is asked: `pages` of what it finds in its order, and its `count` (None when it gives none)."""

    pages: Callable[[str, Params], Iterator[list[Resource]]]
    count: Callable[[str, Params], int | None]
    present: Callable[[str, Iterable[str]], list[Resource]]
    known: Callable[[], Capability]


@dataclass(frozen=True)
class Search:
    """One search of a remote server: what is asked, and within which scope (its values computed already)."""

    request: SearchRequest
    scope: Scope | None
    judge: Judge
    source: Source
    links: Links

    def page(self) -> FoundPage:
        """One page in exact order, the token of the next, and an exact total where it was asked for."""
        total = self._total() if self.request.total or self.request.summary_count else None
        size = PAGE if self.request.count is None else self.request.count
        if self.request.summary_count or size == 0:
            return FoundPage([], total=total)
        if self.request.offset:
            raise outcome.Invalid(
                "Follow the links to the next page: a remote server is not asked by offset.", expression="_offset"
            )
        key = remote_cursor.key(self.request)
        after = remote_cursor.decode(self.request.cursor, key) if self.request.cursor else None
        best = self._first(key, after, size + 1)
        next = remote_cursor.encode(key.place(best[size - 1])) if len(best) > size else ""
        return FoundPage([self.judge.found(one, self.scope) for one in best[:size]], next, total)

    def _first(self, key: Key, after: Place | None, wanted: int) -> list[Resource]:
        """The first rows after a place, in the order of the key; ties are in the order of their ids."""
        found: dict[str, Resource] = {}
        ids = self._ids()
        if ids is not None:
            rows = self.source.present(self.request.type, ids)
            self.links.fetch(rows)
            found = {one["id"]: one for one in rows if self.wanted(one)}
        else:
            for question in self._questions():
                for asked in key.asked(after):
                    found |= self._take([*question, *asked], key, after, wanted)
        rest = [one for one in found.values() if after is None or key.is_after(one, after)]
        return sorted(rest, key=key.place, reverse=key.descending)[:wanted]

    def _take(self, question: Params, key: Key, after: Place | None, wanted: int) -> dict[str, Resource]:
        """The rows of one search, until there are enough and the last of them has no tie that was not read."""
        question = [*question, ("_count", str(min(wanted + SPARE, STEP)))]
        sorted_ = any(name == "_sort" for name, _ in question)
        found: dict[str, Resource] = {}
        read = 0
        for rows in self.source.pages(self.request.type, question):
            read += len(rows)
            self.links.fetch(rows)
            for one in rows:
                if self.wanted(one) and (after is None or key.is_after(one, after)):
                    found[one["id"]] = one
            if sorted_ and rows and key.enough(list(found.values()), wanted, rows[-1]):
                break
            if read > MOST:
                raise outcome.Unprocessable("This search reads too much of the FHIR server; narrow it down.")
        return found

    def _ids(self) -> set[str] | None:
        """The ids that a search names, where it does: these are read rather than searched for."""
        named = [one for one in self.request.conditions if one.param.code == "_id" and one.modifier == ""]
        if not named:
            return None
        sets = [{str(value.code) for value in one.values if isinstance(value, TokenValue)} for one in named]
        return set.intersection(*sets)

    def wanted(self, resource: Resource) -> bool:
        """Whether a row is what was asked for, and within the scope."""
        if resource.get("resourceType") != self.request.type or not meets(resource, self.request.conditions):
            return False
        within = self.scope is None or self.judge.within(resource, self.scope)
        return within and self.links.met(resource)

    # Totals

    def _total(self) -> int:
        """The exact number; counted by the server where it can not count anything else, else by reading all."""
        total = self.source.count(self.request.type, self.sent(self.request.conditions)) if self._countable() else None
        if total is not None:
            return total
        if self._empty():
            return 0
        return len(self._first(replace(remote_cursor.key(self.request), code="_id"), None, MOST + 1))

    def _countable(self) -> bool:
        wanted = self.request.conditions
        if (
            self._ids() is not None
            or self.request.links
            or not all(self._understood(one) and _plain(one) for one in wanted)
        ):
            return False
        if self.scope is None:
            return True
        drafts = self.request.type == "Communication" and logic.drafts_possible(wanted)
        return not drafts and self._free(self.scope.admits)

    def _empty(self) -> bool:
        return self.scope is not None and not self.scope.admits

    # Questions

    def _free(self, admits: Iterable[Admit]) -> bool:
        """Whether one entry admits all that the search can find."""
        return any(not one.follows and logic.implied(one.conditions, self.request.conditions) for one in admits)

    def _questions(self) -> Iterator[Params]:
        """The searches that together find all that the scope admits, and perhaps more."""
        wanted = self.request.conditions
        if self.scope is None:
            yield [*self.sent(wanted), *self._linked()]
            return
        possible = [one for one in self.scope.admits if not logic.contradictory((*wanted, *one.conditions))]
        if possible and (self._free(possible) or any(logic.selective(one) for one in wanted)):
            yield [*self.sent(wanted), *self._linked()]
            return
        for admit in possible:
            yield from ([*question, *self._linked()] for question in self._of(admit))

    def _linked(self) -> Params:
        return self.links.asked(self.request.type, self.source.known())

    def _of(self, admit: Admit) -> Iterator[Params]:
        mine = self.sent(dict.fromkeys((*self.request.conditions, *admit.conditions)))
        if not admit.follows:
            yield mine
        for type, steps in admit.followed:
            for step in steps:
                yield [*mine, *self._chained(admit.follows, type, step)]

    def _chained(self, follows: str, type: str, step: Admit) -> Params:
        """What a resource must refer to, as one parameter; nothing where that can not be asked for in one."""
        for condition in step.conditions:
            if condition.modifier:
                continue
            [(name, value)] = encode(SearchRequest(type, (_spread(condition),)))
            if name == "_id":
                return [(follows, ",".join(f"{type}/{id}" for id in value.split(",")))]
            if self.source.known().searches(type, name):
                return [(f"{follows}:{type}.{name}", value)]
        return []

    def sent(self, conditions: Iterable[Condition]) -> Params:
        """What of these conditions the server understands, as parameters."""
        known: Conditions = tuple(_spread(one) for one in conditions if self._understood(one))
        return encode(SearchRequest(self.request.type, known))

    def _understood(self, condition: Condition) -> bool:
        """Whether the server can be asked for a condition.

        Few agree with us on what is another day (`ne`), and of a very long code only its hash is known here.
        """
        code = condition.param.code
        unlike = any(
            (isinstance(value, DateValue) and value.prefix == "ne")
            or (isinstance(value, TokenValue) and len(value.code or "") >= LONGEST)
            for value in condition.values
        )
        ours = code == "payload" or bool(condition.param.source)
        return not ours and not unlike and self.source.known().searches(self.request.type, code)


def _plain(condition: Condition) -> bool:
    """Whether servers agree on what meets a condition, so that their count is ours."""
    return condition.param.type in ("reference", "token")


def _spread(condition: Condition) -> Condition:
    """The condition with values that every server takes, and that may find a little more.

    A reference for each type that an id may have, and the first word of a text: servers cut names in other places.
    """
    values: list[Value] = []
    for value in condition.values:
        if isinstance(value, ReferenceValue):
            values += [ReferenceValue((target,)) for target in value.targets]
        elif isinstance(value, StringValue) and condition.modifier != "exact" and value.value.split():
            values.append(StringValue(value.norm, value.value.split()[0]))
        else:
            values.append(value)
    return replace(condition, values=tuple(values))
