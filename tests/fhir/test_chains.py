"""Searching through references: chains of one step, `_has`, `:identifier`, and the words of codes."""

from typing import Any

import pytest

from inbox import fhir
from inbox.fhir import outcome
from inbox.fhir.repository import Repository
from inbox.fhir.search import matches, parse
from inbox.fhir.types import Params, Resource
from inbox.models import Practice

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]


def to(type: str, *ids: str) -> list[Resource]:
    return [{"reference": f"{type}/{id}"} for id in ids]


def communication(id: str, **more: Any) -> Resource:
    return {"resourceType": "Communication", "id": id, "status": "in-progress", **more}


def task(id: str, **more: Any) -> Resource:
    return {"resourceType": "Task", "id": id, "status": "requested", "intent": "order", **more}


MRN = {"system": "urn:mrn", "value": "7"}
LAB = {"text": "Lab results", "coding": [{"system": "urn:c", "code": "lab", "display": "Labor"}]}
PEOPLE: list[Resource] = [
    {"resourceType": "Patient", "id": "ana", "active": True, "name": [{"family": "Núñez"}], "identifier": [MRN]},
    {"resourceType": "Patient", "id": "ben", "active": False, "name": [{"text": "Ben"}], "birthDate": "1980"},
    {"resourceType": "Patient", "id": "cat", "generalPractitioner": to("Practitioner", "bob")},
    {"resourceType": "RelatedPerson", "id": "dad", "patient": to("Patient", "ben")[0], "name": [{"text": "Núria"}]},
]
THREADS = [
    communication("h1", subject=to("Patient", "ana")[0], recipient=to("Patient", "ana"), category=[LAB]),
    communication("h2", subject=to("Patient", "ben")[0], recipient=to("RelatedPerson", "dad"), status="completed"),
    communication("h3", subject={"type": "Patient", "identifier": MRN}, recipient=to("Practitioner", "bob")),
    communication("h4", subject=to("Patient", "cat")[0]),
    communication("m1", partOf=to("Communication", "h1"), sender=to("Practitioner", "bob")[0], sent="2026-01-01"),
    communication("m2", partOf=to("Communication", "h1"), sender=to("Patient", "ana")[0], sent="2026-01-02"),
    communication("m3", partOf=to("Communication", "h2"), sender=to("RelatedPerson", "dad")[0], sent="2026-01-03"),
    communication("m4", partOf=to("Communication", "h1", "h2"), sent="2026-01-04"),
    communication("other", subject={"reference": "https://x.org/Patient/ana"}),
    task("t1", focus=to("Communication", "h1")[0], owner=to("Practitioner", "bob")[0], code=LAB),
    task("t2", focus=to("Communication", "h2")[0], status="completed"),
]

CASES = [
    # a chain: what a reference leads to, of whatever type it may be, or of one
    ("subject.name=nunez", "h1"),
    ("subject:Patient.name=nunez", "h1"),
    ("subject:Patient.name:exact=Núñez", "h1"),
    ("subject:Patient.name:contains=e", "h1 h2"),
    ("subject:Group.code=x", ""),
    ("subject.name=nobody", ""),
    ("subject.name=nunez,ben", "h1 h2"),
    ("recipient.name=nu", "h1 h2"),
    ("recipient:Patient.name=nu", "h1"),
    ("subject.identifier=urn:mrn|7", "h1"),
    ("subject._id=ana,cat", "h1 h4"),
    ("subject:Patient._id:not=ana", "h2 h4"),
    ("subject:Patient.active=true", "h1"),
    ("subject:Patient.active:not=true", "h2 h4"),
    ("subject:Patient.active:missing=true", "h4"),
    ("subject:Patient.birthdate=lt2000", "h2"),
    ("subject:Patient.general-practitioner=Practitioner/bob", "h4"),
    ("subject:Patient.general-practitioner=bob", "h4"),
    ("subject:Patient._lastUpdated=gt2020", "h1 h2 h4"),
    ("subject:Patient._lastUpdated=lt2020", ""),
    ("part-of:Communication.subject=Patient/ana", "m1 m2 m4"),
    ("part-of:Communication.subject=Patient/ana&_sort=-sent", "m4 m2 m1"),
    ("part-of:Communication.subject=Patient/ana,Patient/ben", "m1 m2 m3 m4"),
    ("part-of:Communication.status=completed", "m3 m4"),
    ("part-of:Communication.category:text=labor", "m1 m2 m4"),
    ("part-of:Communication.subject=Patient/nobody", ""),
    # several hold together, with conditions and with each other
    ("part-of:Communication.subject=Patient/ana&sender=Practitioner/bob", "m1"),
    ("part-of=Communication/h2&part-of:Communication.subject=Patient/ana", "m4"),
    ("part-of:Communication.subject=Patient/ana&part-of:Communication.subject=Patient/ben", "m4"),
    ("sender=Practitioner/bob&part-of:Communication.status=completed", ""),
    ("status=completed&subject.name=ben", "h2"),
    ("status:not=completed&subject.name=ben", ""),
    # _has: what refers to it
    ("_has:Communication:part-of:_id:not=null", "h1 h2"),
    ("_has:Communication:part-of:_id:not=null&part-of:missing=true&status:not=completed", "h1"),
    ("_has:Communication:part-of:_id=m3", "h2"),
    ("_has:Communication:part-of:sender=Patient/ana", "h1"),
    ("_has:Communication:part-of:sender=Practitioner/nobody", ""),
    ("_has:Communication:part-of:sent=ge2026-01-03", "h1 h2"),
    ("_has:Communication:part-of:sent=2026-01-03", "h2"),
    ("_has:Communication:part-of:sender:missing=true", "h1 h2"),
    ("_has:Task:focus:owner=Practitioner/bob", "h1"),
    ("_has:Task:focus:status=completed", "h2"),
    ("_has:Task:focus:code=urn:c|lab", "h1"),
    ("_has:Task:focus:code:text=lab res", "h1"),
    ("_has:Task:focus:owner=Practitioner/bob&_has:Communication:part-of:sender=Patient/ana", "h1"),
    ("_has:Task:focus:owner=Practitioner/bob&subject.name=ben", ""),
    ("recipient=Patient/ana&_has:Task:focus:owner=Practitioner/bob", "h1"),
    ("_id=h1,h2&_has:Task:focus:status=completed", "h2"),
    # what a reference names by an identifier, and the words of codes
    ("subject:identifier=urn:mrn|7", "h3"),
    ("subject:identifier=7", "h3"),
    ("patient:identifier=urn:mrn|", "h3"),
    ("subject:identifier=|7", ""),
    ("category:text=LAB", "h1"),
    ("category:text=lab results", "h1"),
    ("category:text=results", ""),
]


@pytest.fixture
def stored(practice: Practice) -> set[str]:
    """The ids of the Communications."""
    fhir.bulk_load(practice, [*PEOPLE, *THREADS])
    return {one["id"] for one in THREADS if one["resourceType"] == "Communication"}


def found(repo: Repository, query: str, type: str = "Communication") -> list[str]:
    params: Params = [(name, value) for name, _, value in (part.partition("=") for part in query.split("&"))]
    page = repo.search(type, params)
    total = repo.search(type, [*params, ("_summary", "count")]).total
    assert total == len(page.resources), query
    return [one["id"] for one in page.resources]


def test_every_link_leads_to_exactly_what_it_should(embedded: Repository, stored: set[str]) -> None:
    """One test for all cases, as making the data takes longer than searching it."""
    wrong = []
    for query, wanted in CASES:
        ids = found(embedded, query)
        if sorted(ids) != sorted(wanted.split()) or ("_sort" in query and ids != wanted.split()):
            wrong.append((query, ids))
    assert wrong == []


def test_links_start_from_every_type(embedded: Repository, stored: set[str]) -> None:
    assert found(embedded, "focus:Communication.subject=Patient/ana", "Task") == ["t1"]
    assert found(embedded, "owner.name=bob", "Task") == ["t1"]
    assert found(embedded, "_has:Communication:subject:status=completed", "Patient") == ["ben"]
    assert found(embedded, "_has:RelatedPerson:patient:name=nuria", "Patient") == ["ben"]
    assert found(embedded, "patient.name=ben", "RelatedPerson") == ["dad"]


def test_pages_of_a_linked_search_join_to_the_whole(embedded: Repository, stored: set[str]) -> None:
    for link in (("part-of:Communication.subject", "Patient/ana"), ("subject:Patient._id:not", "x")):
        for sort in ("_lastUpdated", "-sent", "_id"):
            asked: Params = [link, ("_sort", sort)]
            whole = [one["id"] for one in embedded.search("Communication", asked).resources]
            ids, cursor = [], [("_count", "1")]
            while cursor:
                page = embedded.search("Communication", [*asked, *cursor])
                ids += [one["id"] for one in page.resources]
                cursor = [("_count", "1"), ("_cursor", page.next)] if page.next else []
            assert ids == whole
            assert len(ids) == 3


def test_what_is_deleted_or_elsewhere_is_linked_to_nothing(
    embedded: Repository, stored: set[str], practice: Practice
) -> None:
    other = fhir.create_practice("shelbyville", "Shelbyville")
    fhir.bulk_load(other, [PEOPLE[0], communication("theirs", subject=to("Patient", "ana")[0])])
    system = fhir.system(practice.pk)
    assert found(embedded, "_has:Communication:part-of:_id=m3") == ["h2"]
    assert found(embedded, "subject.name=nunez") == ["h1"]
    system.delete("Communication", "m3")
    assert found(embedded, "_has:Communication:part-of:_id=m3") == []
    system.update({**PEOPLE[0], "name": [{"text": "Other"}]})
    assert found(embedded, "subject.name=nunez") == []


def test_the_newest_of_each_may_be_linked(embedded: Repository, stored: set[str]) -> None:
    params: Params = [("part-of:Communication.status", "completed"), ("_sort", "-sent")]
    newest = embedded.newest("Communication", params, per="part-of", targets=["Communication/h1", "Communication/h2"])
    assert {target: one["id"] for target, one in newest.items()} == {"Communication/h1": "m4", "Communication/h2": "m4"}
    params = [("_has:Task:focus:_id", "t9"), ("_sort", "-sent")]
    assert embedded.newest("Communication", params, per="part-of", targets=["Communication/h1"]) == {}


def test_one_resource_alone_can_not_answer_for_others() -> None:
    with pytest.raises(outcome.Invalid):
        matches(parse("Communication", "subject.name=x"), THREADS[0])
    assert matches(parse("Communication", "category:text=lab"), THREADS[0])
    assert matches(parse("Communication", "subject:identifier=urn:mrn|7"), THREADS[2])
    assert not matches(parse("Communication", "subject:identifier=urn:mrn|7"), THREADS[0])


def test_thousands_of_values_are_one_list(embedded: Repository, stored: set[str]) -> None:
    many = [f"x{number}" for number in range(5_000)]
    for name, prefix, wanted in (
        ("_id", "", "h1"),
        ("subject", "Patient/", "ana"),
        ("category", "", "lab"),
        ("category", "urn:c|", "lab"),
        ("category:not", "urn:c|", "lab"),
        ("part-of:Communication.subject", "Patient/", "ana"),
    ):
        few = embedded.search("Communication", [(name, prefix + wanted)]).resources
        assert few
        text = ",".join(prefix + one for one in [*many, wanted])
        assert embedded.search("Communication", [(name, text)]).resources == few, name


def test_a_search_is_one_statement_however_it_is_linked(
    embedded: Repository, stored: set[str], django_assert_num_queries: Any
) -> None:
    for query, _ in CASES:
        params: Params = [(name, value) for name, _, value in (part.partition("=") for part in query.split("&"))]
        with django_assert_num_queries(1):
            embedded.search("Communication", params)
