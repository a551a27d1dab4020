"""The hot statements take their rows from an index in order, however many threads somebody has."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from inbox import fhir
from inbox.fhir.guard import Guarded
from inbox.models import Practice
from inbox.services import messages, receipts, threads
from inbox.services.threads import ListFilter, Thread
from tests import clinic, plans, volume

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]

HEAVY, LIGHT = 600, 30
LONG = 1_000
PAGE = 60
"""More rows than any page has, and far fewer than there are."""


@dataclass
class World:
    """heavy has twenty times as many threads as light; one thread of light's is long; sam sees all."""

    heavy: Guarded
    light: Guarded
    sam: Guarded
    homer: Guarded
    long: Thread
    middle: str


@pytest.fixture(params=["as it is", "analysed"])
def world(request: pytest.FixtureRequest, practice: Practice) -> World:
    fhir.bulk_load(practice, [clinic.person(f"Practitioner/{name}", name) for name in ("heavy", "light")])
    volume.threads(practice, "heavy", ["Practitioner/bob", "Practitioner/heavy", "Patient/homer"], count=HEAVY)
    volume.threads(practice, "light", ["Practitioner/bob", "Practitioner/light"], count=LIGHT)
    volume.threads(practice, "long", ["Practitioner/bob", "Practitioner/light"], count=1, messages=LONG)
    with connection.cursor() as cursor:
        if request.param == "analysed" or connection.vendor == "postgresql":
            cursor.execute("ANALYZE")
        if connection.vendor == "postgresql":
            # So few rows are read whole in no time; `Plan.read` tells when an index is read whole instead.
            cursor.execute("SET LOCAL enable_seqscan = off")
    heavy, light = (clinic.connect(practice, f"Practitioner/{name}", "clinician") for name in ("heavy", "light"))
    long, middle = threads.get(light, "long-00000"), ""
    for _ in range(LONG // 100):
        middle = messages.page(light, long, before=middle).older
    sam = clinic.connect(practice, "Practitioner/sam", "supervisor")
    return World(heavy, light, sam, clinic.connect(practice, "Patient/homer", "patient"), long, middle)


def newest_of(repo: Guarded) -> Callable[[], object]:
    found = [f"Communication/{row.id}" for row in threads.page(repo, ListFilter()).rows]
    return lambda: messages.newest(repo, found)


def marks_of(repo: Guarded) -> Callable[[], object]:
    found = [f"Communication/{row.id}" for row in threads.page(repo, ListFilter()).rows]
    return lambda: receipts.unread_among(repo, found)


HOT: list[tuple[str, Callable[[World], Callable[[], object]], str]] = [
    ("my open threads", lambda w: lambda: _headers(w.heavy, "open"), "reference_status"),
    ("my closed threads", lambda w: lambda: _headers(w.heavy, "closed"), "reference_status"),
    ("a patient's open threads", lambda w: lambda: _headers(w.homer, "open"), "reference_status"),
    ("all open threads", lambda w: lambda: _headers(w.sam, "open"), "resource_status"),
    ("all closed threads", lambda w: lambda: _headers(w.sam, "closed"), "resource_status"),
    ("newest messages", lambda w: lambda: messages.page(w.light, w.long), "reference_sent"),
    ("older messages", lambda w: lambda: messages.page(w.light, w.long, before=w.middle), "reference_sent"),
    ("previews", lambda w: newest_of(w.heavy), "reference_sent"),
    ("other threads of a patient", lambda w: lambda: threads.of_patient(w.heavy, "Patient/homer"), "reference_updated"),
]
LOOK_UPS: list[tuple[str, Callable[[World], Callable[[], object]], str]] = [
    ("unread badge", lambda w: lambda: threads.unread_count(w.light), "reference_status"),
    ("what was sent under a client id", lambda w: lambda: _sent_before(w.heavy), "token_code"),
    ("marks of a page of threads", lambda w: marks_of(w.light), "reference_updated"),
    ("one thread", lambda w: lambda: threads.get(w.heavy, "heavy-00001"), "resource_identity"),
]


def _headers(repo: Guarded, status: str) -> object:
    params = threads._list_params(repo, ListFilter(status=status), threads.default_scope(repo))
    assert params is not None
    found = repo.search("Communication", params).resources
    assert len(found) == 25
    return found


def _sent_before(repo: Guarded) -> object:
    return messages._sent_before(repo, "heavy-00001", str(uuid4()))


def test_lists_and_messages_come_from_an_index_in_their_order(world: World) -> None:
    for name, call, index in HOT:
        for plan in plans.of(call(world)):
            assert index in plan.indexes, (name, plan.text)
            assert not plan.scanned, (name, plan.text)
            assert plan.sorted <= (4 * PAGE if connection.vendor == "postgresql" else 0), (name, plan.text)
            assert plan.read <= 20 * PAGE, (name, plan.read, plan.text)


def test_look_ups_use_their_index(world: World) -> None:
    for name, call, index in LOOK_UPS:
        for plan in plans.of(call(world)):
            assert index in _names(plan), (name, plan.text)
            assert not plan.scanned, (name, plan.text)


NEWEST = ("_sort", "-_lastUpdated")
INCLUDES = [("_include", "Communication:recipient"), ("_revinclude", "Communication:part-of")]
LINKED: list[tuple[str, list[tuple[str, str]]]] = [
    ("sam", [("part-of:Communication._id", "light-00001"), NEWEST]),
    ("sam", [("part-of:Communication.subject", "Patient/none"), NEWEST]),
    ("light", [("part-of:Communication.subject", "Patient/none"), ("_sort", "sent")]),
    ("sam", [("sender.name", "nobody"), NEWEST]),
    ("sam", [("subject:Patient.active", "true"), NEWEST]),
    ("sam", [("_has:Task:focus:owner", "Practitioner/light"), NEWEST]),
    ("light", [("_has:Task:focus:owner", "Practitioner/light"), NEWEST]),
    ("sam", [("_has:Communication:part-of:_id:not", "null"), ("part-of:missing", "true"), NEWEST]),
    ("heavy", [("_has:Communication:part-of:_id:not", "null"), ("part-of:missing", "true"), NEWEST]),
    ("heavy", [("recipient", "Practitioner/heavy"), ("part-of:Communication.subject", "Patient/none"), NEWEST]),
    ("sam", [("subject:identifier", "urn:mrn|1"), NEWEST]),
    ("sam", [("category:text", "nothing"), NEWEST]),
    ("heavy", [("recipient", "Practitioner/heavy"), ("part-of:missing", "true"), NEWEST, *INCLUDES]),
]


def _found(world: World, who: str, params: list[tuple[str, str]]) -> Callable[[], object]:
    return lambda: getattr(world, who).search("Communication", [*params, ("_count", "25")])


def test_a_link_is_looked_up_from_the_side_where_there_is_less(world: World) -> None:
    for who, params in LINKED:
        for plan in plans.of(_found(world, who, params)):
            assert not plan.scanned, (who, params, plan.text)
            assert plan.read <= 20 * PAGE, (who, params, plan.read, plan.text)


def test_headers_and_messages_of_somebody_come_in_order_without_sorting_all(world: World) -> None:
    for plan in plans.of(_found(world, "sam", [("recipient", "Practitioner/heavy"), NEWEST])):
        assert "reference_updated" in plan.indexes, plan.text
        assert plan.sorted <= (4 * PAGE if connection.vendor == "postgresql" else 0), plan.text
        assert plan.read <= 20 * PAGE, plan.text


def _names(plan: plans.Plan) -> set[str]:
    """Of unique constraints SQLite calls the index by a name of its own."""
    return {*plan.indexes, *(["resource_identity"] if "sqlite_autoindex_inbox_resource_1" in plan.indexes else [])}


def test_every_statement_of_the_pages_finds_its_rows_by_an_index(world: World) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: threads.page(world.heavy, ListFilter()),
        lambda: threads.page(world.heavy, ListFilter(scope="all", tag="lab-results", patient="Patient/homer")),
        lambda: threads.page(world.light, ListFilter(unread=True)),
        lambda: threads.page(world.sam, ListFilter()),
        lambda: receipts.mark_read(world.light, "light-00001"),
    ]
    for call in calls:
        for plan in plans.of(call):
            assert not plan.scanned, plan.text


# How much work it is: counted in SQLite's own steps, so that no clock is needed


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL does not count its steps; its plans are above")
def test_a_list_costs_the_same_however_many_threads_there_are(world: World) -> None:
    heavy = plans.steps(lambda: threads.page(world.heavy, ListFilter()))
    light = plans.steps(lambda: threads.page(world.light, ListFilter()))
    assert 0 < heavy < 1.5 * light


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL does not count its steps; its plans are above")
def test_a_search_by_a_link_costs_what_it_finds(world: World) -> None:
    bound = 2 * plans.steps(lambda: threads.page(world.heavy, ListFilter()))
    for who, params in LINKED:
        _found(world, who, params)()
        assert 0 < plans.steps(_found(world, who, params)) < bound, (who, params)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL does not count its steps; its plans are above")
def test_a_list_of_five_hundred_ids_costs_what_it_finds(world: World) -> None:
    def found(size: int) -> int:
        ids = ",".join(f"heavy-{number:05d}" for number in range(size))
        return plans.steps(_found(world, "heavy", [("_id", ids), ("part-of:missing", "true"), NEWEST]))

    found(60)
    assert found(500) < 12 * found(60)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL does not count its steps; its plans are above")
def test_a_page_costs_the_same_at_any_depth(world: World) -> None:
    newest = plans.steps(lambda: messages.page(world.light, world.long))
    older = plans.steps(lambda: messages.page(world.light, world.long, before=world.middle))
    assert 0 < older < 1.2 * newest
    cursor = ""
    for _ in range(HEAVY // 25 // 2):
        cursor = threads.page(world.heavy, ListFilter(cursor=cursor)).next
    first = plans.steps(lambda: threads.page(world.heavy, ListFilter()))
    deep = plans.steps(lambda: threads.page(world.heavy, ListFilter(cursor=cursor)))
    assert 0 < deep < 1.3 * first
