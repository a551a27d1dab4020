"""The benchmarks can be believed: what they load is what the store would write, and what they say is what they saw."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from inbox import fhir
from inbox.fhir import reindex, rows
from inbox.fhir.types import Resource
from inbox.models import Practice
from tests.bench import loading, measure, report
from tests.bench.data import LONG, UNREAD, USUAL, Clinic
from tests.bench.operations import O11, Operation, wrong

SMALL = 4_600


@pytest.fixture(scope="module")
def clinic() -> Clinic:
    return Clinic(SMALL)


def some(clinic: Clinic) -> list[Resource]:
    """Everybody, two threads with their messages, and some read marks."""
    threads = [clinic.middle, clinic.usual[-1]]
    inside = [one for thread in threads for one in (thread.header(), *map(thread.message, range(thread.messages)))]
    return [
        *(one.resource for one in clinic.people),
        *inside,
        *(one.receipt(clinic.probe, unread=True) for one in threads),
    ]


def stored(practice: Practice) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of a practice, resources named by their type and id instead of their number."""
    found = {}
    for model, fields in loading.FIELDS.items():
        by = "" if model is loading.models.Resource else "resource__"
        names = [name for name in fields if name not in ("id", "practice", "resource")]
        kept = model._default_manager.filter(**{f"{by}practice": practice}).exclude(**{f"{by}type": "Organization"})
        found[model.__name__] = sorted(kept.values_list(f"{by}type", f"{by}fhir_id", *names), key=str)
    return found


@pytest.mark.django_db
def test_a_set_holds_exactly_the_rows_that_the_store_writes(practice: Practice, clinic: Clinic) -> None:
    there, here = fhir.create_practice("there", "There"), fhir.create_practice("here", "Here")
    stamped = [{"meta": {"lastUpdated": rows.instant(rows.micros("2024-01-01"))}, **one} for one in some(clinic)]
    fhir.bulk_load(there, stamped)
    made: loading.Rows = {model.__name__: [] for model in loading.FIELDS}
    for position, one in enumerate(some(clinic)):
        loading.rows_of(here.pk, 1_000_000 + position, one, made)
    with connection.cursor() as cursor:
        loading.insert(cursor, made)
    assert stored(here) == stored(there)
    assert stored(here)["Resource"]
    assert reindex.rebuild() == 0


@pytest.mark.django_db
def test_a_row_that_the_store_would_write_otherwise_is_found(practice: Practice, clinic: Clinic) -> None:
    fhir.bulk_load(practice, [clinic.people[0].resource])
    loading.check(1_000)
    loading.models.StringIndex.objects.all().delete()
    with pytest.raises(AssertionError):
        loading.check(1_000)


def test_the_probe_sees_the_same_at_every_size(clinic: Clinic) -> None:
    large = Clinic(100_000)
    assert [one.header() for one in clinic.usual] == [one.header() for one in large.usual]
    assert clinic.middle.message(3) == large.middle.message(3)
    assert (clinic.long.messages, large.long.messages) == (USUAL, LONG)
    newest = {one.id for one in sorted(large.threads[:400], key=lambda one: -one.last)[:20]}
    assert newest == {one.id for one in clinic.usual[-20:]}


@pytest.mark.parametrize("size", [SMALL, 100_000])
def test_a_set_has_exactly_as_many_communications_as_it_says(size: int) -> None:
    clinic = Clinic(size)
    order = clinic.order()
    assert len(order) == size
    assert [time for time, _, _ in order] == sorted(time for time, _, _ in order)
    assert sum(one["status"] == "requested" for one in clinic.receipts()) == UNREAD
    assert len({one.id for one in clinic.threads}) == len(clinic.threads)


# What is asked and what is said of it


def bundle(matches: int, included: int = 0, **more: Any) -> bytes:
    entries = [{"search": {"mode": "match"}}] * matches + [{"search": {"mode": "include"}}] * included
    return json.dumps({"resourceType": "Bundle", "entry": entries, **more}).encode()


def test_an_answer_with_another_number_of_results_or_another_total_is_wrong() -> None:
    facts: Any = SimpleNamespace(headers=400)
    total = next(one for one in O11 if one.id == "total")
    assert wrong(total, facts, bundle(20, 5, total=400)) == ""
    assert wrong(total, facts, bundle(19, 6, total=400)) == "19 results instead of 20"
    assert wrong(total, facts, bundle(20, total=399)) == "a total of 399 instead of 400"
    assert wrong(total, facts, bundle(20, total=200), part=True) == ""


def asked(milliseconds: float, spread: float = 0.1) -> measure.Asked:
    """Samples around a median."""
    nothing: Any = None
    times = [milliseconds / 1_000 * (1 + spread * (place - 100) / 100) for place in range(201)]
    return measure.Asked(nothing, nothing, times)


def test_a_ratio_has_an_interval_that_is_wider_with_fewer_samples() -> None:
    value, low, high = measure.ratio(asked(12).times, asked(10).times)
    assert low < value < high
    assert value == pytest.approx(1.2)
    few, many = asked(12).times[::20], asked(10).times[::20]
    assert measure.ratio(few, many)[2] - measure.ratio(few, many)[1] > high - low


@pytest.mark.parametrize(("most", "held"), [(10, True), (12.5, True), (12.95, False), (15, False)])
def test_growth_is_judged_by_the_upper_end_of_what_it_may_be(most: float, held: bool) -> None:
    operation = Operation("x", "x", "/x", growth=1.3)
    assert report.growth(operation, asked(most), asked(10))["held"] is held


def test_ours_counts_as_faster_only_when_that_is_sure() -> None:
    assert report.against(asked(10), asked(12))["held"]
    assert not report.against(asked(10), asked(10))["held"]
    assert not report.against(asked(10), asked(8))["held"]


def test_requests_are_written_for_people() -> None:
    written = {one.id: one.shown() for one in O11}
    assert written["read"] == "Communication/id"
    assert written["oldest"] == "Communication?part-of=Communication/X&_sort=sent&_count=50"
    assert "{" not in "".join(written.values())


# The document


def test_the_table_of_the_document_is_made_from_the_saved_result() -> None:
    result = json.loads(report.SAVED.read_text(encoding="utf-8"))
    text = report.DOCUMENT.read_text(encoding="utf-8")
    assert report.with_table(text, result) == text
    assert [one["id"] for one in result["operations"]][: len(O11)] == [one.id for one in O11]


def test_what_missed_its_target_is_said() -> None:
    result = json.loads(report.SAVED.read_text(encoding="utf-8"))
    result["drift"], result["comparisons"] = 1.0, []
    for one in result["operations"]:
        one.pop("growth", None)
        one.pop("against", None)
    assert report.missed(result) == []
    slow = {"ratio": 2.0, "interval": [1.9, 2.1], "limit": 1.3, "held": False}
    result["operations"][1] |= {"growth": slow, "against": {"held": False}}
    result["comparisons"] = [{**slow, "name": "one against another"}]
    result["drift"] = 1.5
    assert len(report.missed(result)) == 4
