"""What a search brings along, and which part of each resource it shows."""

from typing import Any

import pytest

from inbox import fhir
from inbox.fhir import includes
from inbox.fhir.repository import Page, Repository
from inbox.fhir.types import Resource
from inbox.models import Practice

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]

SUBSETTED = "SUBSETTED"


def to(*references: str) -> list[Resource]:
    return [{"reference": one} for one in references]


def communication(id: str, **more: Any) -> Resource:
    return {"resourceType": "Communication", "id": id, "status": "in-progress", **more}


def message(id: str, thread: str, sender: str, **more: Any) -> Resource:
    return communication(id, partOf=to(f"Communication/{thread}"), sender=to(sender)[0], **more)


TEXT = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}
RESOURCES = [
    communication(
        "h1",
        subject=to("Patient/homer")[0],
        recipient=to("Patient/homer", "Practitioner/alice", "Practitioner/bob"),
        topic={"text": "Labs"},
        text=TEXT,
    ),
    communication("h2", subject=to("Patient/homer")[0], recipient=to("Practitioner/alice"), about=to("Patient/homer")),
    message("m1", "h1", "Practitioner/alice", sent="2026-01-01", payload=[{"contentString": "a"}]),
    message("m2", "h1", "Patient/homer", sent="2026-01-02", payload=[{"contentString": "b"}]),
    message("m3", "h2", "Practitioner/bob", sent="2026-01-03", inResponseTo=to("Communication/m2")),
    communication("away", sender={"reference": "https://x.org/Practitioner/9"}, recipient=[{"display": "Nobody"}]),
    {"resourceType": "Task", "id": "t1", "status": "requested", "intent": "order", "focus": to("Communication/h1")[0]},
    {
        "resourceType": "Patient",
        "id": "kid",
        "active": True,
        "gender": "female",
        "deceasedBoolean": False,
        "birthDate": "2015-01-01",
        "_birthDate": {"id": "b"},
        "text": TEXT,
        "generalPractitioner": to("Practitioner/alice"),
        "contact": [{"gender": "male"}],
    },
]


@pytest.fixture(autouse=True)
def stored(practice: Practice) -> None:
    fhir.bulk_load(practice, RESOURCES)


def search(repo: Repository, query: str, type: str = "Communication") -> Page:
    return repo.search(type, [(name, value) for name, _, value in (part.partition("=") for part in query.split("&"))])


def ids(page: Page) -> tuple[list[str], list[str]]:
    """The ids of the results, and the references of what came along in alphabetic order."""
    along = [f"{one['resourceType']}/{one['id']}" for one in page.included]
    assert len(along) == len(set(along))
    return [one["id"] for one in page.resources], sorted(along)


CASES = [
    ("_id=m1&_include=Communication:sender", "m1", "Practitioner/alice"),
    ("_id=m2&_include=Communication:sender:Practitioner", "m2", ""),
    ("_id=m2&_include=Communication:sender:Patient", "m2", "Patient/homer"),
    ("_id=h1&_include=Communication:recipient", "h1", "Patient/homer Practitioner/alice Practitioner/bob"),
    ("_id=h1&_include=Communication:recipient:Practitioner", "h1", "Practitioner/alice Practitioner/bob"),
    (
        "_id=h1&_include=Communication:recipient&_include=Communication:subject:Patient&_include=Communication:sender",
        "h1",
        "Patient/homer Practitioner/alice Practitioner/bob",
    ),
    ("_id=m1&_include=Communication:part-of", "m1", "Communication/h1"),
    ("_id=away&_include=Communication:sender&_include=Communication:recipient", "away", ""),
    ("_id=none&_include=Communication:sender", "", ""),
    # a result is no include
    ("_id=h1,m1&_include=Communication:part-of", "h1 m1", ""),
    # against the reference
    ("_id=h1&_revinclude=Communication:part-of", "h1", "Communication/m1 Communication/m2"),
    (
        "_id=h1&_revinclude=Communication:part-of&_revinclude=Task:focus",
        "h1",
        "Communication/m1 Communication/m2 Task/t1",
    ),
    ("_id=h1&_revinclude=Task:focus:Communication", "h1", "Task/t1"),
    ("_id=h1,m1&_revinclude=Communication:part-of", "h1 m1", "Communication/m2"),
    (
        "_id=h2&_revinclude=Communication:part-of&_include=Communication:recipient",
        "h2",
        "Communication/m3 Practitioner/alice",
    ),
    # again from what came along, and only where that is asked for
    ("_id=h2&_revinclude=Communication:part-of&_include=Communication:sender", "h2", "Communication/m3"),
    (
        "_id=h2&_revinclude=Communication:part-of&_include:iterate=Communication:sender",
        "h2",
        "Communication/m3 Practitioner/bob",
    ),
    ("_id=m3&_include:iterate=Communication:part-of", "m3", "Communication/h2"),
    (
        "_id=m1&_include=Communication:part-of&_include:iterate=Communication:subject:Patient",
        "m1",
        "Communication/h1 Patient/homer",
    ),
]


def test_every_include_brings_exactly_what_it_should(embedded: Repository) -> None:
    wrong = []
    for query, results, along in CASES:
        page = search(embedded, query)
        found = ids(page)
        if (sorted(found[0]), found[1]) != (sorted(results.split()), sorted(along.split())) or page.warnings:
            wrong.append((query, found, page.warnings))
    assert wrong == []


def test_includes_start_from_other_types_too(embedded: Repository) -> None:
    page = search(embedded, "_id=t1&_include=Task:focus&_revinclude:iterate=Communication:part-of", "Task")
    assert ids(page) == (["t1"], ["Communication/h1", "Communication/m1", "Communication/m2"])
    page = search(embedded, "_id=homer&_revinclude=Communication:subject", "Patient")
    assert ids(page) == (["homer"], ["Communication/h1", "Communication/h2"])


def test_what_comes_along_is_whole(embedded: Repository) -> None:
    (alice,) = search(embedded, "_id=m1&_include=Communication:sender").included
    assert alice == embedded.read("Practitioner", "alice")


def test_includes_follow_the_results_of_the_page_alone(embedded: Repository) -> None:
    first = search(embedded, "part-of=Communication/h1&_sort=sent&_count=1&_include=Communication:sender")
    assert ids(first) == (["m1"], ["Practitioner/alice"])
    second = embedded.search(
        "Communication",
        [
            ("part-of", "Communication/h1"),
            ("_sort", "sent"),
            ("_count", "1"),
            ("_include", "Communication:sender"),
            ("_cursor", first.next),
        ],
    )
    assert ids(second) == (["m2"], ["Patient/homer"])
    assert ids(search(embedded, "part-of=Communication/h1&_count=0&_include=Communication:sender")) == ([], [])


def test_a_total_counts_results_alone(embedded: Repository) -> None:
    page = search(embedded, "part-of=Communication/h1&_include=Communication:sender&_total=accurate")
    assert (page.total, len(page.included)) == (2, 2)


def test_reaching_the_limit_is_said(embedded: Repository, settings: Any) -> None:
    query = "_id=h1&_include=Communication:recipient"
    settings.FHIR_MAX_INCLUDES = 3
    assert (len(search(embedded, query).included), search(embedded, query).warnings) == (3, [])
    settings.FHIR_MAX_INCLUDES = 2
    page = search(embedded, query)
    assert len(page.included) == 2
    assert "2 resources at most" in page.warnings[0]
    page = search(embedded, "_id=h1&_revinclude=Communication:part-of&_include:iterate=Communication:sender")
    assert len(page.included) == 2
    assert page.warnings


def test_going_on_and_on_comes_to_an_end(embedded: Repository, practice: Practice) -> None:
    chain = [communication(f"c{n}", partOf=to(f"Communication/c{n + 1}")) for n in range(9)]
    fhir.bulk_load(practice, [*chain, communication("c9", partOf=to("Communication/c0"))])
    page = search(embedded, "_id=c0&_include:iterate=Communication:part-of")
    assert len(page.included) == includes.STEPS
    assert "5 steps away" in page.warnings[0]
    ring = [communication(f"r{n}", partOf=to(f"Communication/r{(n + 1) % 3}")) for n in range(3)]
    fhir.bulk_load(practice, ring)
    page = search(embedded, "_id=r0&_include:iterate=Communication:part-of&_revinclude:iterate=Communication:part-of")
    assert ids(page) == (["r0"], ["Communication/r1", "Communication/r2"])


@pytest.mark.parametrize(
    ("query", "queries"),
    [
        ("_id=h1,h2,m1", 1),
        ("_id=h1,h2,m1&_total=accurate", 2),
        ("_id=h1,h2,m1&_include=Communication:recipient", 2),
        ("_id=h1&_revinclude=Communication:part-of", 2),
        ("_id=h1&_revinclude=Communication:part-of&_include=Communication:recipient&_include=Communication:subject", 2),
        ("_id=h1&_revinclude=Communication:part-of&_include:iterate=Communication:sender", 3),
    ],
)
def test_the_statements_of_a_search_are_counted(
    embedded: Repository, query: str, queries: int, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(queries):
        search(embedded, query)


def test_an_unknown_parameter_is_left_out_only_where_that_is_asked_for(embedded: Repository) -> None:
    page = embedded.search("Communication", [("nonsense", "1"), ("_id", "m1"), ("subject.foo", "x")], lenient=True)
    assert [one["id"] for one in page.resources] == ["m1"]
    assert page.warnings == [
        'Unknown search parameter "nonsense" for Communication',
        'Unknown search parameter "foo" for what "subject" refers to',
    ]
    with pytest.raises(Exception, match="nonsense"):
        embedded.search("Communication", [("nonsense", "1"), ("_id", "m1")])
    with pytest.raises(Exception, match="yesterday"):
        embedded.search("Communication", [("sent", "yesterday")], lenient=True)


# Parts of resources


def tags(resource: Resource) -> list[str]:
    return [one["code"] for one in resource["meta"].get("tag", [])]


@pytest.mark.parametrize(
    ("type", "query", "elements"),
    [
        ("Communication", "_id=m1&_elements=sent", {"status", "sent"}),
        ("Communication", "_id=m1&_elements=sent,payload", {"status", "sent", "payload"}),
        ("Communication", "_id=m1&_elements=id", {"status"}),
        ("Communication", "_id=m1&_summary=true", {"status", "partOf"}),
        ("Communication", "_id=h1&_summary=text", {"status", "text"}),
        ("Communication", "_id=h1&_summary=data", {"status", "subject", "recipient", "topic"}),
        ("Task", "_id=t1&_elements=focus", {"status", "intent", "focus"}),
        ("Patient", "_id=kid&_elements=birthDate", {"birthDate", "_birthDate"}),
        ("Patient", "_id=kid&_elements=deceased", {"deceasedBoolean"}),
        ("Patient", "_id=kid&_elements=deceasedBoolean,gender", {"deceasedBoolean", "gender"}),
        ("Patient", "_id=kid&_summary=true", {"active", "gender", "birthDate", "_birthDate", "deceasedBoolean"}),
    ],
)
def test_a_part_of_a_resource_is_shown_and_tagged(
    embedded: Repository, type: str, query: str, elements: set[str]
) -> None:
    (found,) = search(embedded, query, type).resources
    whole = embedded.read(type, found["id"])
    assert set(found) - {"resourceType", "id", "meta"} == elements
    assert {name: found[name] for name in elements} == {name: whole[name] for name in elements}
    assert tags(found) == [SUBSETTED]
    assert {**found["meta"], "tag": []} == {**whole["meta"], "tag": []}
    assert tags(whole) == []


def test_without_asking_resources_are_whole(embedded: Repository) -> None:
    for query in ("_id=h1", "_id=h1&_summary=false"):
        assert search(embedded, query).resources == [embedded.read("Communication", "h1")]


def test_a_part_still_leads_to_what_is_included(embedded: Repository) -> None:
    page = search(embedded, "_id=m1&_elements=sent&_include=Communication:sender")
    assert ids(page) == (["m1"], ["Practitioner/alice"])
    assert "sender" not in page.resources[0]
    assert tags(page.included[0]) == []
    page = search(embedded, "_id=m1&_summary=true&_include=Communication:sender")
    assert tags(page.included[0]) == [SUBSETTED]


def test_a_count_alone_has_no_resources(embedded: Repository) -> None:
    page = search(embedded, "part-of=Communication/h1&_summary=count&_include=Communication:sender")
    assert (page.total, page.resources, page.included) == (2, [], [])
