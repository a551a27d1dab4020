"""How many queries the FHIR API makes: few, and as many with three hundred threads as with three."""

import json
from collections.abc import Callable

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from inbox.models import Practice
from tests import volume
from tests.api.conftest import Api, Connect

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]

READ, SEARCH, INCLUDE = 3, 4, 1
NOT_COUNTED = ("BEGIN", "SAVEPOINT", "RELEASE", "COMMIT", "ROLLBACK", "INSERT INTO inbox_auditevent")
AUTHENTICATION = '"allauth_idp_oidc_token"'
PEOPLE = ["Practitioner/alice", "Practitioner/bob", "Patient/homer"]

MINE = "recipient=Practitioner/bob&part-of:missing=true&_sort=-_lastUpdated"
SEARCHES = {
    "messages": "part-of=Communication/t-00000&_sort=sent&_count=50",
    "newest messages": "part-of=Communication/t-00000&_sort=-sent&_count=50",
    "threads": f"{MINE}&_count=20",
    "open threads": f"{MINE}&status:not=completed,entered-in-error&_count=20",
    "threads with a message": "part-of:missing=true&_has:Communication:part-of:_id:not=null&_count=20",
    "identifier": "identifier=https://fhir-inbox.example/client-id|t-00000-m0",
    "patient": "subject=Patient/homer&_count=20",
    "threads of a patient": "part-of:Communication.subject=Patient/homer&_count=20",
    "exact total": f"{MINE}&_total=accurate&_count=20",
    "number": f"{MINE}&_summary=count",
}
INCLUDES = {
    "_revinclude=Communication:part-of": 1,
    "_include=Communication:recipient": 1,
    "_revinclude=Communication:part-of&_include=Communication:subject": 2,
    "_include=Communication:part-of&_include:iterate=Communication:subject": 2,
}
"""Includes, and how many there are."""


def queries(ask: Callable[[], HttpResponse]) -> list[str]:
    """What a request asks the database, without who asks, the audit and marks of transactions; it must succeed."""
    with CaptureQueriesContext(connection) as captured:
        answer = ask()
    assert answer.status_code == 200, answer.content
    asked = [query["sql"] for query in captured.captured_queries]
    assert sum(AUTHENTICATION in sql for sql in asked) == 1
    return [sql for sql in asked if AUTHENTICATION not in sql and not sql.startswith(NOT_COUNTED)]


def found(ask: Callable[[], HttpResponse]) -> int:
    """How much an answer holds."""
    resource = json.loads(ask().content)
    return len(resource.get("entry", [])) or resource.get("total", 0) if resource["resourceType"] == "Bundle" else 1


@pytest.fixture
def bob(connect: Connect) -> Api:
    """A clinician, who has asked before: what follows from a first request is over."""
    api = connect("Practitioner/bob", "clinician")
    api.get("/Practitioner/bob")
    return api


def grown(practice: Practice, ask: Callable[[], HttpResponse], budget: int) -> None:
    """A request finds something among 3 threads within its budget, and asks no more often among 300."""
    volume.threads(practice, "t", PEOPLE, count=3)
    few, before = queries(ask), found(ask)
    assert 0 < len(few) <= budget, "\n".join(few)
    assert before
    volume.threads(practice, "u", PEOPLE, count=297)
    many = queries(ask)
    assert len(many) == len(few), "\n".join(many)
    assert found(ask) >= before


def test_a_read_keeps_its_budget(practice: Practice, bob: Api) -> None:
    grown(practice, lambda: bob.get("/Communication/t-00000-m0"), READ)


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_keeps_its_budget(practice: Practice, bob: Api, name: str) -> None:
    grown(practice, lambda: bob.get(f"/Communication?{SEARCHES[name]}"), SEARCH)


@pytest.mark.parametrize("includes", INCLUDES)
def test_an_include_costs_one_query_more(practice: Practice, bob: Api, includes: str) -> None:
    plain = f"/Communication?{MINE}&_count=20"
    if "part-of&" in includes and "_revinclude" not in includes:
        plain = "/Communication?recipient=Practitioner/bob&part-of:missing=false&_count=20"
    volume.threads(practice, "t", PEOPLE, count=3)
    without = len(queries(lambda: bob.get(plain)))
    grown_by = len(queries(lambda: bob.get(f"{plain}&{includes}"))) - without
    assert 0 < grown_by <= INCLUDE * INCLUDES[includes]
    volume.threads(practice, "u", PEOPLE, count=297)
    assert len(queries(lambda: bob.get(f"{plain}&{includes}"))) == without + grown_by


def test_a_long_thread_costs_as_many_queries_as_a_short_one(practice: Practice, bob: Api) -> None:
    volume.threads(practice, "short", PEOPLE, count=1, messages=3)
    volume.threads(practice, "long", PEOPLE, count=1, messages=300)
    asked = [f"/Communication?part-of=Communication/{one}-00000&_sort=sent&_count=50" for one in ("short", "long")]
    few, many = (len(queries(lambda: bob.get(path))) for path in asked)  # noqa: B023
    assert few == many <= SEARCH


def test_a_write_and_its_read_receipts_cost_as_much_in_a_full_practice(practice: Practice, bob: Api) -> None:
    """Sending is bounded too: the budget is the one of the services."""
    volume.threads(practice, "t", PEOPLE, count=3)

    def sent(thread: str) -> int:
        message = {
            "resourceType": "Communication",
            "status": "in-progress",
            "partOf": [{"reference": f"Communication/{thread}"}],
            "sender": {"reference": "Practitioner/bob"},
            "recipient": [{"reference": one} for one in PEOPLE if one != "Practitioner/bob"],
            "payload": [{"contentString": "Hello"}],
        }
        with CaptureQueriesContext(connection) as captured:
            answer = bob.post("/Communication", message)
        assert answer.status_code == 201, answer.content
        asked = [query["sql"] for query in captured.captured_queries]
        return sum(AUTHENTICATION not in sql and not sql.startswith(NOT_COUNTED) for sql in asked)

    few = sent("t-00000")
    volume.threads(practice, "u", PEOPLE, count=297)
    assert few == sent("u-00000") <= 20
