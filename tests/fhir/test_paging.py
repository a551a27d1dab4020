"""Paging by keyset: every row that was there at the start is seen once, whatever is added meanwhile."""

import base64
import json
from collections.abc import Callable

import pytest

from inbox import fhir
from inbox.fhir import outcome, rows
from inbox.fhir.repository import Repository
from inbox.fhir.types import Params, Resource
from inbox.models import Practice

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]


def message(number: int, **more: object) -> Resource:
    return {
        "resourceType": "Communication",
        "id": f"m{number:03d}",
        "status": "in-progress",
        "recipient": [{"reference": "Patient/homer"}],
        "sent": f"2026-01-{1 + number // 5:02d}",
        **more,
    }


@pytest.fixture
def fifty(practice: Practice) -> set[str]:
    """Fifty messages, five of each moment: every page border falls among equal keys."""
    stamps = [{"lastUpdated": f"2026-01-{1 + number // 5:02d}T00:00:00Z"} for number in range(50)]
    fhir.bulk_load(practice, [message(number, meta=stamps[number]) for number in range(50)])
    return {f"m{number:03d}" for number in range(50)}


def pages(repo: Repository, params: Params, between: Callable[[], object] = lambda: None) -> list[list[str]]:
    """The ids of every page; something may happen between two of them."""
    found, cursor = [], ""
    while True:
        page = repo.search("Communication", [*params, ("_cursor", cursor)] if cursor else params)
        found.append([one["id"] for one in page.resources])
        if not page.next:
            return found
        cursor = page.next
        between()


SORTS = ["-_lastUpdated", "_lastUpdated", "-sent", "sent", "_id", "-_id"]
DRIVERS: list[Params] = [[], [("recipient", "Patient/homer")], [("recipient", "Patient/homer,Patient/x")]]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("size", [1, 7, 10, 50])
def test_pages_join_to_the_whole(embedded: Repository, fifty: set[str], sort: str, driver: Params, size: int) -> None:
    params = [*driver, ("_sort", sort)]
    (whole,) = pages(embedded, [*params, ("_count", "100")])
    found = pages(embedded, [*params, ("_count", str(size))])
    assert [id for page in found for id in page] == whole
    assert set(whole) == fifty
    assert [len(page) for page in found[:-1]] == [size] * (len(found) - 1)
    assert 0 < len(found[-1]) <= size


@pytest.mark.parametrize("sort", SORTS)
def test_rows_that_come_while_paging_take_none_away_and_repeat_none(
    repo: Repository, fifty: set[str], sort: str, practice: Practice
) -> None:
    added: list[str] = []

    def add() -> None:
        numbers = (100 + len(added), 101 + len(added))
        fhir.system(practice.pk).apply([])
        fhir.bulk_load(practice, [message(number, sent=f"2026-01-0{1 + number % 9}") for number in numbers])
        added.extend(f"m{number}" for number in numbers)

    found = [id for page in pages(repo, [("_sort", sort), ("_count", "7")], add) for id in page]
    assert len(found) == len(set(found))
    assert fifty <= set(found)
    assert set(found) <= fifty | set(added)


def test_rows_that_go_while_paging_take_none_of_the_others_away(
    repo: Repository, fifty: set[str], practice: Practice
) -> None:
    left = sorted(fifty)
    system = fhir.system(practice.pk)
    found = [
        id for page in pages(repo, [("_count", "7")], lambda: system.delete("Communication", left.pop())) for id in page
    ]
    assert len(found) == len(set(found))
    assert set(left) <= set(found)


def test_an_exact_total_and_an_empty_page(repo: Repository, fifty: set[str]) -> None:
    total = repo.search("Communication", [("_total", "accurate"), ("_count", "3")])
    assert (total.total, len(total.resources)) == (50, 3)
    assert repo.search("Communication", [("_count", "3")]).total is None
    only = repo.search("Communication", [("_count", "0")])
    assert (only.total, only.resources, only.next) == (50, [], "")
    summary = repo.search("Communication", [("_summary", "count")])
    assert (summary.total, summary.resources) == (50, [])


def test_without_a_count_a_page_is_limited_and_goes_on(repo: Repository, fifty: set[str], practice: Practice) -> None:
    fhir.bulk_load(practice, [message(100)])
    page = repo.search("Communication", [])
    assert len(page.resources) == 50
    assert page.next


def token(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


BROKEN = [
    "x",
    "%%%",
    "ünï",
    "e30",
    "W10",
    "W" * 9_999,
    base64.urlsafe_b64encode(b"[" * 9_000).decode(),
    token([1]),
    token([1, 2, 3]),
    token([None, 1]),
    token([1.5, 1]),
    token([True, 1]),
    token([1, True]),
    token([2**70, 1]),
    token([1, 2**70]),
    token(["a\x00", 1]),
    token(["\ud800", 1]),
    token({"a": 1, "b": 2}),
]


@pytest.mark.parametrize("cursor", BROKEN)
@pytest.mark.parametrize("sort", ["-_lastUpdated", "_id", "-sent"])
def test_a_damaged_cursor_is_refused(embedded: Repository, fifty: set[str], cursor: str, sort: str) -> None:
    with pytest.raises(outcome.Invalid) as error:
        embedded.search("Communication", [("_sort", sort), ("_cursor", cursor)])
    assert error.value.expression == ["_cursor"]


def test_the_cursor_of_another_order_is_refused(repo: Repository, fifty: set[str]) -> None:
    by_id = repo.search("Communication", [("_sort", "_id"), ("_count", "2")]).next
    by_time = repo.search("Communication", [("_count", "2")]).next
    for sort, cursor in (("_id", by_time), ("sent", by_id)):
        with pytest.raises(outcome.Invalid):
            repo.search("Communication", [("_sort", sort), ("_cursor", cursor)])


def test_order_and_pages_survive_a_clock_that_steps_back(
    repo: Repository, practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F22: an hour back in the middle skips and repeats nothing."""
    system, times = fhir.system(practice.pk), iter([5, 6, 7, 1, 2, 3, 5, 6])
    for number, hour in enumerate(times):
        monkeypatch.setattr(rows, "now", lambda: rows.micros("2026-01-01") + hour * 3_600_000_000)  # noqa: B023
        system.update(message(number))
    found = [id for page in pages(repo, [("_count", "3")]) for id in page]
    assert sorted(found) == [f"m{number:03d}" for number in range(8)]
