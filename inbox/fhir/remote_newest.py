"""For each of several targets its newest row on a remote server: one batch of short searches."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlencode

from . import remote_cursor, searchparams
from .remote_reads import Reads, matched
from .remote_search import Search
from .scope import Found
from .search import SearchRequest, parse
from .types import Resource

FEW = 10
"""Rows that are asked for at first: the newest ones may be hidden from who asks."""


def newest(search: Search, reads: Reads, per: str, targets: Sequence[str]) -> dict[str, Found]:
    """The first row for each target, in the order of the search; a target with none is left out."""
    key = remote_cursor.key(search.request)
    order = next(iter(key.asked(None)))
    narrowed = {one: _narrowed(search.request, per, one) for one in targets}
    asked = [
        f"{search.request.type}?{urlencode([*search.sent(narrowed[one].conditions), *order, ('_count', str(FEW))])}"
        for one in targets
    ]
    loose = _without_key(search, per, targets) if key.sent else {}
    found: dict[str, Found] = {}
    for target, bundle in zip(targets, reads.ask(asked), strict=True):
        one = replace(search, request=narrowed[target])
        rows = [reads.note(row) for row in matched(bundle or {})]
        seen = [row for row in [*rows, *loose.get(target, [])] if one.wanted(row)]
        if seen:
            best = (max if key.descending else min)(seen, key=key.place)
            found[target] = one.judge.found(best, one.scope)
        elif len(rows) >= FEW:
            found |= _whole(one, target)
    return found


def _whole(search: Search, target: str) -> dict[str, Found]:
    """The slow way, for a target whose newest rows are all hidden."""
    rows = replace(search, request=replace(search.request, count=1)).page().rows
    return {target: rows[0]} if rows else {}


def _without_key(search: Search, per: str, targets: Sequence[str]) -> dict[str, list[Resource]]:
    """The rows that have no `sent`, of all targets together; the embedded store orders them by other times."""
    either = _narrowed(search.request, per, ",".join(targets))
    params = [*search.sent(either.conditions), ("sent:missing", "true"), ("_count", "200")]
    found: dict[str, list[Resource]] = {}
    for page in search.source.pages(search.request.type, params):
        for row in page:
            for target in targets:
                if any(found_ == target for _, found_ in searchparams.references(row, per)):
                    found.setdefault(target, []).append(row)
    return found


def _narrowed(request: SearchRequest, per: str, target: str) -> SearchRequest:
    condition = parse(request.type, [(per, target)]).conditions
    return replace(request, conditions=(*request.conditions, *condition), cursor="", count=None, total=False)
