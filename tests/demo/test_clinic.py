"""The demo clinic as its files describe it."""

import filecmp
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from inbox.demo import clinic, generate
from inbox.fhir.validate import problems
from inbox.services import derived, vocabulary

NOW = datetime(2031, 7, 9, 12, 30, tzinfo=UTC)
Resource = dict[str, Any]


@cache
def everything() -> dict[str, list[Resource]]:
    return clinic.resources(NOW)


def of_type(type: str, practice: str = "springfield") -> list[Resource]:
    return [one for one in everything()[practice] if one["resourceType"] == type]


def threads(practice: str = "springfield") -> dict[str, Resource]:
    found = of_type("Communication", practice)
    return {f"Communication/{one['id']}": one for one in found if "partOf" not in one}


def messages(practice: str = "springfield") -> list[Resource]:
    return [one for one in of_type("Communication", practice) if "partOf" in one]


def codes(resource: Resource) -> set[str]:
    return {coding["code"] for category in resource.get("category", []) for coding in category["coding"]}


def references(resource: Resource, element: str = "recipient") -> list[str]:
    return [one["reference"] for one in resource.get(element, [])]


def test_the_committed_files_are_what_the_generator_makes(tmp_path: Path) -> None:
    generate.main(tmp_path)
    names = [name for names in clinic.FILES.values() for name in names]
    assert filecmp.cmpfiles(tmp_path, clinic.FOLDER, names, shallow=False) == (names, [], [])


@pytest.mark.parametrize("practice", clinic.FILES)
def test_every_resource_is_valid_and_refers_to_what_is_there(practice: str) -> None:
    there = {f"{one['resourceType']}/{one['id']}" for one in everything()[practice]}
    assert len(there) == len(everything()[practice])
    for resource in everything()[practice]:
        assert problems(resource) == []
    text = json.dumps(everything()[practice])
    assert {part.split('"')[0] for part in text.split('"reference": "')[1:]} <= there


def test_it_is_as_large_as_promised() -> None:
    roles = [one["code"][0]["coding"][0]["code"] for one in of_type("PractitionerRole")]
    assert (len(roles), len(set(roles))) == (12, 4)
    assert len(of_type("Patient")) == 60
    assert len(threads()) == 400
    assert 2000 <= len(messages()) <= 3000
    sent = sorted(one["sent"] for one in messages())
    assert timedelta(days=170) < moment(sent[-1]) - moment(sent[0]) < timedelta(days=190)


def test_the_clinic_is_of_today_on_any_day_and_never_of_tomorrow() -> None:
    for hour in (0, 9, 23):
        now = NOW.replace(hour=hour)
        newest = max(moment(one["meta"]["lastUpdated"]) for one in clinic.resources(now)["springfield"])
        assert now - timedelta(days=1) < newest <= now


def test_dates_without_a_time_stay_and_text_is_left_alone() -> None:
    text = '{"birthDate":"1956-05-12","sent":"2026-02-28T10:00:00Z","text":"on 2026-02-28T10:00:00Z we met"}'
    moved = clinic.shifted(text, 2)
    assert json.loads(moved) == {
        "birthDate": "1956-05-12",
        "sent": "2026-03-02T10:00:00Z",
        "text": "on 2026-02-28T10:00:00Z we met",
    }


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_walkthrough_has_its_three_messages_and_a_reply_to_one_of_them() -> None:
    header = threads()["Communication/homer-simpson-lab-tests"]
    told = [one for one in messages() if references(one, "partOf") == ["Communication/homer-simpson-lab-tests"]]
    assert header["topic"]["text"] == "Homer Simpson April 10th lab tests"
    assert sorted(references(header)) == ["Patient/homer-simpson", "Practitioner/doctor-alice-smith"]
    assert header["sender"] == {"reference": "Practitioner/doctor-alice-smith", "display": "Dr. Alice Smith"}
    assert len(told) == 4
    assert [references(one, "inResponseTo") for one in told] == [[], [], [], [f"Communication/{told[2]['id']}"]]


def test_headers_and_messages_have_the_shapes_of_the_inbox() -> None:
    for header in [*threads().values(), *threads("shelbyville").values()]:
        assert "payload" not in header
        assert header["status"] in ("in-progress", "completed")
        assert header["sender"]["reference"] in references(header)
    for message in messages():
        header = threads()[references(message, "partOf")[0]]
        assert message["status"] == "in-progress"
        assert message["payload"][0]["contentString"].strip()
        assert (message["topic"], message.get("subject")) == (header["topic"], header.get("subject"))
        assert message["recipient"]
        assert message["sender"]["reference"] not in references(message)
        assert {*references(message), message["sender"]["reference"]} <= set(references(header))
        assert "event" in codes(message) or codes(header) <= codes(message)


def test_internal_notes_reach_staff_only_and_leave_the_header_where_it_was() -> None:
    notes = [one for one in messages() if "internal" in codes(one)]
    assert len(notes) > 50
    assert all(reference.startswith("Practitioner/") for note in notes for reference in references(note))
    for id, header in threads().items():
        open_to_all = [one["sent"] for one in messages() if references(one, "partOf") == [id] and one not in notes]
        assert header["meta"]["lastUpdated"] == max(open_to_all)


def test_read_marks_are_named_and_shaped_as_the_inbox_does() -> None:
    tasks = of_type("Task")
    for task in tasks:
        thread, owner = task["focus"]["reference"], task["owner"]["reference"]
        assert task["id"] == derived.receipt_id(thread.partition("/")[2], owner)
        assert task["code"] == vocabulary.receipt_code()
        assert task.get("for") == threads()[thread].get("subject")
        assert owner in references(threads()[thread])
    unread = Counter(task["owner"]["reference"] for task in tasks if task["status"] == "requested")
    assert unread["Practitioner/doctor-alice-smith"] == 9
    assert unread["Practitioner/nurse-bob-miller"] == 12
    assert unread["Patient/homer-simpson"] == 1


def test_the_people_of_the_logins_take_part_and_exist_under_the_ids_that_are_documented() -> None:
    shares = Counter(reference for header in threads().values() for reference in references(header))
    assert shares["Patient/homer-simpson"] == 8
    assert 100 <= shares["Practitioner/doctor-alice-smith"] <= 140
    assert 130 <= shares["Practitioner/nurse-bob-miller"] <= 180
    there = {id: {f"{one['resourceType']}/{one['id']}" for one in found} for id, found in everything().items()}
    for login in clinic.logins():
        assert set(login["profiles"]) <= there[login["practice"]]


def test_there_are_closed_threads_team_threads_and_answers_to_one_message() -> None:
    closed = [one for one in threads().values() if one["status"] == "completed"]
    team = [one for one in threads().values() if "subject" not in one]
    assert 200 < len(closed) < 350
    assert len(team) > 10
    assert sum("inResponseTo" in one for one in messages()) > 50
    assert {"closed", "added"} <= {code for one in messages() if "event" in codes(one) for code in codes(one)}
