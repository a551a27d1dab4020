"""Searches over HTTP: Bundles, pages that are complete while others write, and budgets."""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from inbox import fhir
from inbox.fhir.store import Store
from inbox.models import Practice
from tests.api.conftest import BASE, Api, refused

pytestmark = pytest.mark.django_db(databases="__all__")

SENT = "2026-11-21T12:00:00Z"


def patients(practice: Practice, start: int, count: int) -> set[str]:
    ids = {f"x{number:05d}" for number in range(start, start + count)}
    fhir.bulk_load(practice, [{"resourceType": "Patient", "id": id, "gender": "other"} for id in sorted(ids)])
    return ids


def page(api: Api, path: str) -> dict[str, Any]:
    answer = api.get(path)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = json.loads(answer.content)
    return found


def onward(bundle: dict[str, Any]) -> str:
    """The path of the next page, or nothing on the last one."""
    urls = [one["url"] for one in bundle["link"] if one["relation"] == "next"]
    parts = urlsplit(urls[0]) if urls else None
    return f"{parts.path.removeprefix(BASE)}?{parts.query}" if parts else ""


def test_a_searchset_has_matches_links_and_the_total_when_it_is_asked_for(machine: Api, practice: Practice) -> None:
    patients(practice, 0, 5)
    found = page(machine, "/Patient?gender=other&_count=2&_total=accurate")
    assert (found["type"], found["total"], len(found["entry"])) == ("searchset", 5, 2)
    entry = found["entry"][0]
    assert entry["fullUrl"].endswith(f"/fhir/R4/Patient/{entry['resource']['id']}")
    assert entry["search"] == {"mode": "match"}
    assert [one["relation"] for one in found["link"]] == ["self", "next"]
    assert "total" not in page(machine, "/Patient?gender=other")


@pytest.mark.parametrize("query", ["_summary=count", "_count=0"])
def test_a_count_alone_has_no_entries(machine: Api, practice: Practice, query: str) -> None:
    patients(practice, 0, 3)
    found = page(machine, f"/Patient?gender=other&{query}")
    assert (found["total"], "entry" in found) == (3, False)


def test_a_search_by_form_finds_what_one_by_address_finds(machine: Api, practice: Practice) -> None:
    patients(practice, 0, 3)
    form = "application/x-www-form-urlencoded"
    answer = machine.post("/Patient/_search?_count=2", b"gender=other&_total=accurate", kind=form)
    found = json.loads(answer.content)
    assert (answer.status_code, found["total"], len(found["entry"])) == (200, 3, 2)
    refused(machine.post("/Patient/_search", {"gender": "other"}), 415, "unsupported-media-type")


@pytest.mark.parametrize("sort", ["", "&_sort=_lastUpdated", "&_sort=_id", "&_sort=-_id"])
def test_following_the_links_while_a_thousand_are_added_gives_every_one_once(
    machine: Api, practice: Practice, sort: str
) -> None:
    there = patients(practice, 0, 300)
    path, seen, added = f"/Patient?gender=other&_count=50{sort}", [], 300
    while path:
        found = page(machine, path)
        seen += [one["resource"]["id"] for one in found.get("entry", [])]
        path = onward(found)
        if added < 1300:
            added += len(patients(practice, added, 200))
    assert there <= set(seen)
    assert len(seen) == len(set(seen))


def test_messages_of_one_moment_are_paged_by_their_ids(machine: Api, practice: Practice, system: Store) -> None:
    header = {"resourceType": "Communication", "id": "t", "status": "in-progress", "topic": {"text": "Hello"}}
    message = {"resourceType": "Communication", "status": "in-progress", "sent": SENT}
    part_of = [{"reference": "Communication/t"}]
    body = [{"contentString": "Hello"}]
    fhir.bulk_load(
        practice, [header, *({**message, "id": f"m{n}", "partOf": part_of, "payload": body} for n in range(25))]
    )
    path, seen = "/Communication?part-of=Communication/t&_sort=sent&_count=7", []
    while path:
        found = page(machine, path)
        seen += [one["resource"]["id"] for one in found.get("entry", [])]
        path = onward(found)
    assert sorted(seen) == sorted(f"m{n}" for n in range(25))


def test_what_a_search_brings_along_is_marked_as_such(machine: Api, practice: Practice) -> None:
    part_of = [{"reference": "Communication/t"}]
    header = {"resourceType": "Communication", "id": "t", "status": "in-progress", "topic": {"text": "Hello"},
              "subject": {"reference": "Patient/homer"}}  # fmt: skip
    message = {"resourceType": "Communication", "id": "m", "status": "in-progress", "partOf": part_of}
    fhir.bulk_load(practice, [header, message])
    query = "_id=t&_include=Communication:subject&_revinclude=Communication:part-of"
    found = page(machine, f"/Communication?{query}")
    modes = {
        f"{one['resource']['resourceType']}/{one['resource']['id']}": one["search"]["mode"] for one in found["entry"]
    }
    assert modes == {"Communication/t": "match", "Patient/homer": "include", "Communication/m": "include"}


def test_an_offset_leaves_out_what_came_before_and_the_next_page_goes_on_from_there(
    machine: Api, practice: Practice
) -> None:
    patients(practice, 0, 6)
    every = [one["resource"]["id"] for one in page(machine, "/Patient?gender=other&_sort=_id")["entry"]]
    found = page(machine, "/Patient?gender=other&_sort=_id&_count=2&_offset=1")
    assert [one["resource"]["id"] for one in found["entry"]] == every[1:3]
    found = page(machine, onward(found))
    assert [one["resource"]["id"] for one in found["entry"]] == every[3:5]
    assert "entry" not in page(machine, "/Patient?gender=other&_offset=6")
    refused(machine.get("/Patient?gender=other&_offset=1&_cursor=x"), 400, "invalid", "_offset")
