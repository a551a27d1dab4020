"""Searches that mean harm, or are merely enormous: a clear refusal, at once; and how results are ordered."""

import time
from typing import Any

import pytest

from inbox import fhir
from inbox.fhir import outcome
from inbox.fhir.repository import Repository
from inbox.fhir.search import parse
from inbox.fhir.types import Params, Resource
from inbox.models import Practice

LONG = "x" * 1_000_000
HOSTILE: list[tuple[str, Params]] = [
    ("too many values", [("_id", ",".join(["a"] * 60_000))]),
    ("too many dates", [("sent", ",".join(["2026"] * 200))]),
    ("a long number of parameters", [("recipient", "Patient/1")] * 101),
    ("too many links", [("subject.name", "x")] * 11),
    ("too many includes", [("_include", "Communication:sender")] * 100),
    ("_has inside _has", [("_has:Communication:part-of:_has:Task:focus:_id", "1")]),
    ("_has inside a chain", [("part-of:Communication._has:Task:focus:_id", "1")]),
    ("a chain inside _has", [("_has:Task:focus:owner:Practitioner.name", "x")]),
    ("a chain of two steps", [("part-of:Communication.part-of:Communication.subject", "Patient/1")]),
    ("a chain of a thousand steps", [("part-of." * 1_000 + "subject", "Patient/1")]),
    ("SQL in a sort key", [("_sort", "body;drop table inbox_resource")]),
    ("SQL in a chain", [("subject.name'); drop table inbox_resource; --", "x")]),
    ("a thousand sort keys", [("_sort", ",".join(["sent"] * 1_000))]),
    ("a long parameter", [(LONG, "x")]),
    ("a long modifier", [(f"subject:{LONG}", "x")]),
    ("a long chain", [(f"subject.{LONG}", "x")]),
    ("a long include", [("_include", f"Communication:{LONG}")]),
    ("a long element", [("_elements", LONG)]),
    ("a million elements", [("_elements", "id," * 1_000_000)]),
    ("a long reference", [("subject", f"Patient/{LONG}")]),
    ("a long date", [("sent", LONG)]),
    ("a long count", [("_count", "9" * 1_000_000)]),
    ("a count in other digits", [("_count", "٣")]),
    ("a long cursor", [("_cursor", LONG)]),
    ("escapes without end", [("sent", "\\," * 500_000)]),
    ("everything", [("_include", "*")]),
]


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize(("what", "params"), HOSTILE, ids=[one for one, _ in HOSTILE])
def test_what_means_harm_is_refused_at_once(practice: Practice, what: str, params: Params) -> None:
    repo = fhir.system(practice.pk)
    start = time.process_time()
    with pytest.raises(outcome.Invalid) as error:
        repo.search("Communication", params)
    assert time.process_time() - start < 1
    assert error.value.status == 400
    assert error.value.expression
    assert len(str(error.value.outcome())) < 1_000


HUGE: list[tuple[str, Params]] = [
    ("a long code", [("category", LONG)]),
    ("a long identifier", [("identifier", f"urn:x|{LONG}")]),
    ("a long word", [("category:text", LONG)]),
    ("a long url", [("instantiates-uri", f"https://x.org/{LONG}")]),
    ("thousands of ids", [("_id", ",".join(f"a{number}" for number in range(20_000)))]),
    ("thousands of ids twice", [("_id", ",".join(f"a{number}" for number in range(20_000)))] * 2),
    ("thousands of references", [("recipient", ",".join(f"Patient/a{number}" for number in range(20_000)))]),
    ("thousands of identifiers", [("identifier", ",".join(f"urn:x|a{number}" for number in range(5_000)))]),
    ("many parameters", [("recipient", f"Patient/{number}") for number in range(99)]),
    ("a hundred words", [("category:text", ",".join(f"w{number}" for number in range(100)))]),
    ("many links", [("part-of:Communication.subject", f"Patient/{number}") for number in range(10)]),
]


@pytest.mark.django_db(databases="__all__")
@pytest.mark.postgres
@pytest.mark.parametrize(("what", "params"), HUGE, ids=[one for one, _ in HUGE])
def test_what_is_merely_enormous_finds_what_there_is(embedded: Repository, what: str, params: Params) -> None:
    start = time.process_time()
    assert embedded.search("Communication", params).resources == []
    assert embedded.search("Communication", [*params, ("_summary", "count")]).total == 0
    assert time.process_time() - start < 3


def test_limits_are_settings(settings: Any) -> None:
    settings.FHIR_MAX_COUNT = 10
    assert parse("Task", "_count=10").count == 10
    with pytest.raises(outcome.Invalid, match="0 to 10"):
        parse("Task", "_count=11")
    settings.FHIR_MAX_COUNT = 5_000
    assert parse("Task", "_count=5000").count == 5_000


# Order


def patient(id: str, **more: Any) -> Resource:
    return {"resourceType": "Patient", "id": id, **more}


PATIENTS = [
    patient("a", name=[{"family": "Zoe"}, {"family": "adams"}], gender="male", birthDate="1990"),
    patient("b", name=[{"family": "Ábel"}], gender="female", birthDate="1980"),
    patient("c", name=[{"family": "Brown"}], gender="male", birthDate="1980"),
    patient("d", gender="female", birthDate="2000"),
    patient("e", name=[{"family": "brown"}], birthDate="1970"),
]
ORDERS = [
    ("family", "b a c e d"),
    ("-family", "a e c b d"),
    ("gender,family", "b d a c e"),
    ("-gender,family", "a c b d e"),
    ("gender,-birthdate", "d b a c e"),
    ("birthdate,_id", "e b c a d"),
    ("birthdate,-_id", "e c b a d"),
    ("-birthdate,-_id", "d a c b e"),
    ("family,gender,-_id", "b a c e d"),
    ("family,-birthdate", "b a c e d"),
    ("name,-_lastUpdated", "b a e c d"),
    ("_id", "a b c d e"),
]


@pytest.mark.django_db(databases="__all__")
@pytest.mark.postgres
def test_several_keys_of_any_type_give_one_order_page_by_page(embedded: Repository, practice: Practice) -> None:
    fhir.system(practice.pk).delete("Patient", "homer")
    for one in PATIENTS:
        fhir.bulk_load(practice, [one])
    for sort, wanted in ORDERS:
        for size in (1, 2, 5):
            found: list[str] = []
            cursor: Params = []
            while True:
                page = embedded.search("Patient", [("_sort", sort), ("_count", str(size)), *cursor])
                found += [one["id"] for one in page.resources]
                if not page.next:
                    break
                cursor = [("_cursor", page.next)]
            assert found == wanted.split(), (sort, size)


@pytest.mark.django_db(databases="__all__")
@pytest.mark.postgres
def test_statuses_and_urls_give_an_order_too(embedded: Repository, practice: Practice) -> None:
    for id, status, uri in (("x", "stopped", "urn:2"), ("y", "completed", ""), ("z", "in-progress", "urn:1")):
        one = {"resourceType": "Communication", "id": id, "status": status}
        fhir.bulk_load(practice, [{**one, "instantiatesUri": [uri]} if uri else one])
    for sort, wanted in (
        ("status", "y z x"),
        ("-status", "x z y"),
        ("instantiates-uri", "z x y"),
        ("-instantiates-uri", "x z y"),
    ):
        found = [one["id"] for one in embedded.search("Communication", [("_sort", sort)]).resources]
        assert found == wanted.split(), sort


@pytest.mark.django_db(databases="__all__")
def test_only_what_an_index_orders_has_a_newest(embedded: Repository) -> None:
    targets = ["Communication/h1"]
    for sort in ("_id", "category", "sent,_id"):
        with pytest.raises(outcome.Invalid):
            embedded.newest("Communication", [("_sort", sort)], per="part-of", targets=targets)
