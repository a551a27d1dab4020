"""What is asked, of which servers, and what each answer has to be: a wrong answer is not timed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from .sets import Facts

PAGE = 20
"""Entries of a page of the list."""
THREADS = dict.fromkeys(("usual", "middle", "long"), "X")
SHORT = {**THREADS, "message": "id", "probe": "me", "patient": "P", "identifier": "system|value", "page": PAGE}
"""How requests are written for people."""


@dataclass(frozen=True)
class Operation:
    """One request: `path` with `{names}` of facts in it.

    `matches` says how many results the first page must have. `growth` is how much slower the median may be with the
    most data than with the least, `tail` the same for the 95th percentile; 0 where there is no limit. `peer`: the
    server of others is asked too. `page` requests are for HTML, by the session of a person.
    """

    id: str
    name: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    matches: Callable[[Facts], int] | None = None
    total: Callable[[Facts], int] | None = None
    growth: float = 1.3
    tail: float = 0
    peer: bool = True
    page: bool = False
    only: Callable[[Facts], bool] = lambda facts: True

    def url(self, facts: Facts) -> str:
        """The address for one data set."""
        names = {**vars(facts), "page": PAGE}
        text = urlencode([(name, value.format(**names)) for name, value in self.params], quote_via=quote)
        return self.path.format(**names) + (f"?{text}" if text else "")

    def shown(self) -> str:
        """The request as people write it."""
        query = "&".join(f"{name}={value}" for name, value in self.params).format(**SHORT)
        return self.path.removeprefix("/fhir/R4/").format(**SHORT) + (f"?{query}" if query else "")


FHIR = "/fhir/R4/Communication"
NEWEST = (("_sort", "-_lastUpdated"), ("_count", "{page}"))
MINE = (("recipient", "{probe}"), ("part-of:missing", "true"))


def search(id: str, name: str, *params: tuple[str, str], **more: Any) -> Operation:
    return Operation(id, name, FHIR, params, **more)


def messages(id: str, name: str, thread: str, sort: str, **more: Any) -> Operation:
    return search(id, name, ("part-of", f"Communication/{{{thread}}}"), ("_sort", sort), ("_count", "50"), **more)


O11 = (
    Operation("read", "one message", FHIR + "/{message}", tail=1.5),
    messages("thread", "messages of a thread of 10", "usual", "sent", matches=lambda f: f.usual_messages),
    messages("oldest", "first 50 messages of a thread of 60", "middle", "sent", matches=lambda f: 50, peer=False),
    messages("newest", "last 50 messages of a thread of 60", "middle", "-sent", matches=lambda f: 50, peer=False),
    messages(
        "long",
        "last 50 messages of a thread of 10 000",
        "long",
        "-sent",
        matches=lambda f: 50,
        peer=False,
        only=lambda f: f.long_messages > 1_000,
    ),
    search("list", "thread list", *MINE, *NEWEST, matches=lambda f: PAGE),
    search(
        "list-messages",
        "thread list with all messages",
        *MINE,
        *NEWEST,
        ("_revinclude", "Communication:part-of"),
        matches=lambda f: PAGE,
    ),
    search(
        "open",
        "open threads",
        *MINE,
        ("status:not", "completed,entered-in-error"),
        *NEWEST,
        matches=lambda f: PAGE,
    ),
    search("identifier", "one message by identifier", ("identifier", "{identifier}"), matches=lambda f: 1),
    search("subject", "everything about a patient", ("subject", "{patient}"), *NEWEST, matches=lambda f: PAGE),
    search(
        "chain",
        "messages of a patient's threads",
        ("part-of:Communication.subject", "{patient}"),
        *NEWEST,
        matches=lambda f: PAGE,
    ),
    search(
        "has",
        "threads that have a message",
        ("part-of:missing", "true"),
        ("_has:Communication:part-of:_id:not", "null"),
        *NEWEST,
        matches=lambda f: PAGE,
    ),
    search(
        "total",
        "thread list with the exact total (400)",
        *MINE,
        *NEWEST,
        ("_total", "accurate"),
        matches=lambda f: PAGE,
        total=lambda f: f.headers,
    ),
    search(
        "total-many",
        "all I received, with the exact total",
        ("recipient", "{probe}"),
        *NEWEST,
        ("_total", "accurate"),
        matches=lambda f: PAGE,
        total=lambda f: f.received,
        growth=0,
        peer=False,
    ),
)
"""The FHIR operations."""

O3 = (Operation("page", "HTML page of a thread of 60", "/threads/{middle}/", page=True, peer=False),)
"""Opening a thread."""

EMPTY = Operation("empty", "nothing", "/healthz", peer=False)
"""What a request costs that does nothing."""


@dataclass(frozen=True)
class Comparison:
    """How much longer an operation may take than another one of the same server, with the most data."""

    name: str
    one: str
    other: str
    limit: float


COMPARISONS = (
    Comparison("50 messages of a thread of 10 000, against 50 of a thread of 60", "long", "newest", 1.2),
    Comparison("50 messages as FHIR, against the HTML page of the same thread", "newest", "page", 2.0),
)

OPERATIONS: dict[str, tuple[Operation, ...]] = {"O3": O3, "O11": O11}


def wrong(operation: Operation, facts: Facts, content: bytes, *, part: bool = False) -> str:
    """What is wrong with an answer that came with status 200; empty when nothing is.

    `part`: the server has a part of the data set, so that totals are others.
    """
    if operation.matches is None:
        return ""
    bundle = json.loads(content)
    found = sum(one.get("search", {}).get("mode", "match") == "match" for one in bundle.get("entry", []))
    if found != operation.matches(facts):
        return f"{found} results instead of {operation.matches(facts)}"
    if operation.total and not part and bundle.get("total") != operation.total(facts):
        return f"a total of {bundle.get('total')} instead of {operation.total(facts)}"
    return ""
