"""What a search brings along: resources that its results refer to, and resources that refer to them.

References are followed from what the reader sees. Source: https://hl7.org/fhir/R4/search.html#revinclude
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from . import builtin
from .primitives import ID
from .search import Condition, Include, ReferenceValue, SearchRequest, TokenValue
from .searchparams import parameter, values
from .types import Resource, split_reference

STEPS = 5
"""How far `:iterate` goes on."""

Look = Callable[[Sequence[SearchRequest], int], list[list[Resource]]]
"""The first results of each of these searches, as the reader sees them."""


def gather(request: SearchRequest, results: Sequence[Resource], look: Look, limit: int) -> tuple[list[Resource], bool]:
    """The resources to bring along, each once and none of the results; and whether there may be more of them."""
    known = {_reference(one) for one in results}
    found: list[Resource] = []
    fresh = list(results)
    for step in range(STEPS + 1):
        includes = [one for one in request.includes if one.iterate or step == 0]
        asked = list(_searches(includes, fresh, known)) if fresh else []
        if not asked:
            return found, False
        if step == STEPS:
            return found, True
        fresh = []
        for one in (resource for rows in look(asked, limit - len(found) + 1) for resource in rows):
            if _reference(one) not in known:
                known.add(_reference(one))
                fresh.append(one)
        found += fresh
        if len(found) > limit:
            return found[:limit], True
    return found, False


def _searches(includes: Iterable[Include], fresh: Sequence[Resource], known: set[str]) -> Iterator[SearchRequest]:
    """One search for each type that is referred to, and one for each reversed include."""
    ids: dict[str, dict[str, None]] = {}
    for include in includes:
        if include.reverse:
            targets = (include.target,) if include.target else include.param.targets
            wanted = [ReferenceValue((_reference(one),)) for one in fresh if one["resourceType"] in targets]
            if wanted:
                yield _search(include.param.base, include.param.code, wanted)
        else:
            for type, id in _referred(include, fresh):
                if f"{type}/{id}" not in known:
                    ids.setdefault(type, {})[id] = None
    for type, named in ids.items():
        yield _search(type, "_id", [TokenValue(None, id) for id in named])


def _referred(include: Include, fresh: Iterable[Resource]) -> Iterator[tuple[str, str]]:
    """Types and ids that these resources refer to by an include's parameter."""
    for one in fresh:
        if one["resourceType"] == include.param.base:
            for (target,) in values(one, include.param):
                type, id = split_reference(target)
                if (
                    include.target in ("", type)
                    and ID.fullmatch(id)
                    and type != builtin.FILE
                    and parameter(type, "_id")
                ):
                    yield type, id


def _search(type: str, code: str, wanted: Sequence[ReferenceValue | TokenValue]) -> SearchRequest:
    param = parameter(type, code)
    assert param is not None
    return SearchRequest(type, (Condition(param, "", tuple(wanted)),))


def _reference(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"
