"""Where a page of a remote search ends: the sort key and the id of its last row, as a question any server knows.

A date prefix with whole seconds asks for what comes after, a little more than needed, as servers keep times to
different precision; what was shown already is taken out here.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from . import outcome, rows, searchparams
from .primitives import ID
from .search import SearchRequest
from .types import Params, Resource

SECOND = 1_000_000
LARGEST = 2**62

Place = tuple[int | str, str]
"""The sort key and the id of a row."""


@dataclass(frozen=True)
class Key:
    """What a search is sorted by: `_lastUpdated`, `_id`, or a date parameter of the type."""

    type: str
    code: str
    descending: bool

    @property
    def trusted(self) -> bool:
        """Whether servers sort by it as we do, so that reading can stop early."""
        return self.code == "_lastUpdated" or self.sent

    @property
    def sent(self) -> bool:
        return self.type == "Communication" and self.code == "sent"

    def value(self, resource: Resource) -> int | str:
        """The key of a row, as the embedded store orders it: what has none comes last."""
        if self.code == "_id":
            return str(resource["id"])
        if self.code == "_lastUpdated":
            return _updated(resource)
        if self.sent:
            sent = resource.get("sent") or resource.get("received")
            return rows.micros(str(sent)) if sent else _updated(resource)
        parameter = searchparams.parameter(self.type, self.code)
        found = [int(row[0]) for row in searchparams.values(resource, parameter)] if parameter else []
        return min(found, default=-LARGEST if self.descending else LARGEST)

    def place(self, resource: Resource) -> Place:
        return self.value(resource), str(resource["id"])

    def is_after(self, resource: Resource, place: Place) -> bool:
        mine = self.place(resource)
        return mine < place if self.descending else mine > place

    def enough(self, found: Sequence[Resource], wanted: int, last: Resource) -> bool:
        """Whether the first `wanted` rows are among those found, when the server has read up to `last`."""
        if not self.trusted or len(found) < wanted:
            return False
        border = sorted((self.value(one) for one in found), reverse=self.descending)[wanted - 1]
        reached = self.value(last)
        return reached < border if self.descending else reached > border  # type: ignore[operator]

    def asked(self, after: Place | None) -> Iterator[Params]:
        """The order, and from where on, as parameters; twice where some rows have no value to sort by."""
        sign = "-" if self.descending else ""
        if self.code == "_id":
            yield []
        elif self.code == "_lastUpdated":
            yield [("_sort", f"{sign}_lastUpdated"), *self._from(after)]
        elif self.sent:
            yield [("_sort", f"{sign}sent"), ("sent:missing", "false"), *self._from(after)]
            yield [("sent:missing", "true")]
        else:
            yield [("_sort", f"{sign}{self.code}")]

    def _from(self, after: Place | None) -> Params:
        if after is None or not isinstance(after[0], int):
            return []
        second = after[0] // SECOND
        edge = (second + 2 if self.descending else second - 1) * SECOND
        return [(self.code, ("le" if self.descending else "ge") + rows.instant(edge)[:19] + "Z")]


def key(request: SearchRequest) -> Key:
    """The sort key of a search; `_lastUpdated`, newest first, when none is given."""
    if len(request.sort) > 1:
        raise outcome.Invalid("Sort by one key; ties are broken by the id.", expression="_sort")
    code, descending = request.sort[0] if request.sort else ("_lastUpdated", True)
    parameter = searchparams.parameter(request.type, code)
    if code != "_id" and (parameter is None or parameter.type != "date"):
        raise outcome.Invalid(f"A remote server does not sort by {code} for us; sort by a date.", expression="_sort")
    return Key(request.type, code, descending)


def _updated(resource: Resource) -> int:
    return rows.micros(str(resource.get("meta", {}).get("lastUpdated", "1970")))


def encode(place: Place) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def decode(token: str, key: Key) -> Place:
    """The place of a token; raises Invalid for a damaged one."""
    try:
        found = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        value, id = found if isinstance(found, list) else (None, None)
    except (ValueError, TypeError, binascii.Error, RecursionError):
        value, id = None, None
    right = isinstance(value, str) if key.code == "_id" else type(value) is int and abs(value) <= LARGEST
    if right and value is not None and isinstance(id, str) and ID.fullmatch(id):
        return value, id
    raise outcome.Invalid("This page link is damaged; start again from the first page.", expression="_cursor")
