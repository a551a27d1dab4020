"""Page tokens: sealed, good for one list alone, and true while a thousand rows are added."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox import fhir
from inbox.fhir import cursors, outcome
from inbox.fhir.repository import Repository
from inbox.fhir.types import Params, Resource
from inbox.models import Practice

from .conftest import back_end


def message(number: int, day: int) -> Resource:
    stamp = f"2026-01-{day:02d}T00:00:00Z"
    return {
        "resourceType": "Communication",
        "id": f"m{number:04d}",
        "meta": {"lastUpdated": stamp},
        "status": "in-progress",
        "recipient": [{"reference": "Patient/homer"}],
        "sent": stamp,
    }


PLACES = st.lists(st.integers(-(2**62), 2**62) | st.text(max_size=30), max_size=5)


@given(context=st.text(max_size=20), place=PLACES)
def test_a_place_comes_back_from_its_token(context: str, place: list[object]) -> None:
    token = cursors.encode(context, place)
    assert cursors.decode(context, token) == place
    assert token == cursors.encode(context, place)


@given(place=PLACES, at=st.integers(0, 200), other=st.sampled_from("AZaz09-_"))
def test_a_token_that_was_touched_is_refused(place: list[object], at: int, other: str) -> None:
    token = cursors.encode("here", place)
    at %= len(token)
    if token[at] == other:
        return
    touched = token[:at] + other + token[at + 1 :]
    same = base64.urlsafe_b64decode(touched + "=" * (-len(touched) % 4)) == base64.urlsafe_b64decode(
        token + "=" * (-len(token) % 4)
    )
    try:
        assert cursors.decode("here", touched) == place
        assert same, "only bits that base64 does not use may differ"
    except outcome.Invalid:
        assert not same


@pytest.mark.parametrize("token", ["", "x", "ünï", "AAAA", "A" * 22, "A" * 9_999, "%%%", "e30"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(outcome.Invalid) as error:
        cursors.decode("here", token)
    assert error.value.expression == ["_cursor"]


def test_a_token_is_good_for_its_own_list_alone() -> None:
    token = cursors.encode("1 Communication -sent", [5, 7])
    with pytest.raises(outcome.Invalid):
        cursors.decode("2 Communication -sent", token)


def test_another_key_opens_nothing(settings: Any) -> None:
    token = cursors.encode("here", [5, 7])
    settings.SECRET_KEY = "another"
    with pytest.raises(outcome.Invalid):
        cursors.decode("here", token)


def following(repo: Repository, params: Params) -> Iterator[list[str]]:
    """The ids of each page."""
    cursor: Params = []
    while True:
        page = repo.search("Communication", [*params, *cursor])
        yield [one["id"] for one in page.resources]
        if not page.next:
            return
        cursor = [("_cursor", page.next)]


@pytest.mark.django_db(databases="__all__")
@pytest.mark.postgres
@pytest.mark.parametrize("sort", ["-_lastUpdated", "sent", "status,-sent"])
def test_while_a_thousand_rows_are_added_all_that_were_there_are_seen_once(practice: Practice, sort: str) -> None:
    """Every page border falls among equal keys, and what is added falls on both sides of it."""
    repo = back_end("guarded", practice)
    fhir.bulk_load(practice, [message(2 * number, 5 + number // 50) for number in range(300)])
    seen: list[str] = []
    added = 0
    for ids in following(repo, [("_sort", sort), ("_count", "20")]):
        seen += ids
        if added < 1_000:
            fhir.bulk_load(practice, [message(2 * n + 1, 1 + n % 28) for n in range(added, added + 100)])
            added += 100
    assert added == 1_000
    assert len(seen) == len(set(seen))
    assert {f"m{2 * number:04d}" for number in range(300)} <= set(seen)


@pytest.mark.django_db(databases="__all__")
@pytest.mark.postgres
@pytest.mark.parametrize("sort", ["-_lastUpdated", "sent", "_id"])
def test_ac28_a_token_carries_no_id_and_no_number_in_clear(embedded: Repository, practice: Practice, sort: str) -> None:
    fhir.bulk_load(practice, [message(number, 5) for number in range(3)])
    token = embedded.search("Communication", [("_sort", sort), ("_count", "2")]).next
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert b"m000" not in raw
    assert b"2026" not in raw
    with pytest.raises(ValueError):
        json.loads(raw)
