"""`Schedule/x/$find`: the free slots of a period, as whoever asks may see them."""

import json
from typing import Any

import pytest
from django.http import HttpResponse

from inbox.fhir.store import Store
from tests.api.conftest import Api, Connect, outcome_of

pytestmark = pytest.mark.django_db(databases="__all__")

DAY = "2026-12-01"


@pytest.fixture(autouse=True)
def slots(system: Store) -> None:
    """alice's schedule: free at 9, 10 and 11, busy at 12, free the day after; and one of bob's."""
    for name in ("alice", "bob"):
        actor = [{"reference": f"Practitioner/{name}"}]
        system.update({"resourceType": "Schedule", "id": name, "actor": actor})
    for id, start, status, schedule in (
        ("nine", f"{DAY}T09:00:00Z", "free", "alice"),
        ("ten", f"{DAY}T10:00:00Z", "free", "alice"),
        ("eleven", f"{DAY}T11:00:00Z", "free", "alice"),
        ("twelve", f"{DAY}T12:00:00Z", "busy", "alice"),
        ("tomorrow", "2026-12-02T09:00:00Z", "free", "alice"),
        ("bobs", f"{DAY}T09:00:00Z", "free", "bob"),
    ):
        times = {"start": start, "end": start.replace(":00:00", ":30:00")}
        reference = {"reference": f"Schedule/{schedule}"}
        system.update({"resourceType": "Slot", "id": id, "schedule": reference, "status": status, **times})


def ids(answer: HttpResponse) -> list[str]:
    assert answer.status_code == 200, answer.content
    (parameter,) = json.loads(answer.content)["parameter"]
    bundle = parameter["resource"]
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "searchset")
    return [one["resource"]["id"] for one in bundle.get("entry", [])]


def parameters(**values: Any) -> dict[str, Any]:
    given = [{"name": name, "valueDateTime": value} for name, value in values.items()]
    return {"resourceType": "Parameters", "parameter": given}


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (f"{DAY}T00:00:00Z", f"{DAY}T23:59:59Z", ["nine", "ten", "eleven"]),
        (f"{DAY}T09:00:00Z", f"{DAY}T10:00:00Z", ["nine"]),
        (f"{DAY}T10:00:00+01:00", f"{DAY}T12:00:00+01:00", ["nine", "ten"]),
        (DAY, DAY, ["nine", "ten", "eleven"]),
        (DAY, "2026-12-02", ["nine", "ten", "eleven", "tomorrow"]),
        ("2027-01-01", "2027-01-02", []),
    ],
)
def test_the_free_slots_that_begin_in_the_period_are_found(
    machine: Api, start: str, end: str, found: list[str]
) -> None:
    assert ids(machine.post("/Schedule/alice/$find", parameters(start=start, end=end))) == found
    query = f"start={start}&end={end}".replace("+", "%2B")
    assert ids(machine.get(f"/Schedule/alice/$find?{query}")) == found


def test_others_than_free_ones_are_found_by_status(machine: Api) -> None:
    assert ids(machine.get(f"/Schedule/alice/$find?start={DAY}&end={DAY}&status=busy")) == ["twelve"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "start=2026-12-01",
        "start=soon&end=2026-12-01",
        "start=2026-12-02&end=2026-12-01T00:00:00Z",
        "start=0001&end=9999",
        "start=2026&end=%00",
    ],
)
def test_a_period_that_is_none_is_refused(machine: Api, query: str) -> None:
    answer = machine.get(f"/Schedule/alice/$find?{query}")
    assert answer.status_code == 400
    assert outcome_of(answer)["issue"][0]["expression"][0] in ("start", "end")


def test_what_is_not_understood_is_refused(machine: Api) -> None:
    period = f"start={DAY}&end={DAY}"
    assert machine.get(f"/Schedule/alice/$find?{period}&colour=red").status_code == 400
    assert machine.get(f"/Schedule/alice/$find?{period}&start={DAY}").status_code == 400
    assert machine.get(f"/Schedule/alice/$find?{period}&status=nice").status_code in (200, 400)
    assert machine.post("/Schedule/alice/$find", {"resourceType": "Parameters", "parameter": ["x"]}).status_code == 400
    assert machine.post("/Schedule/alice/$find", {"resourceType": "Slot"}).status_code == 400


def test_what_is_hidden_is_not_there(connect: Connect, machine: Api) -> None:
    clinician = connect("Practitioner/alice", "clinician")
    period = f"start={DAY}&end={DAY}"
    assert clinician.get(f"/Schedule/alice/$find?{period}").status_code == 200
    hidden = clinician.get(f"/Schedule/bob/$find?{period}")
    nowhere = clinician.get(f"/Schedule/nobody/$find?{period}")
    assert (hidden.status_code, hidden.content) == (404, nowhere.content)
    assert connect("Patient/homer", "patient").get(f"/Schedule/alice/$find?{period}").status_code == 403
    assert ids(machine.get(f"/Schedule/bob/$find?{period}")) == ["bobs"]


def test_more_slots_than_one_answer_holds_are_refused_and_not_cut(machine: Api, settings: Any) -> None:
    settings.FHIR_MAX_COUNT = 3
    assert machine.get(f"/Schedule/alice/$find?start={DAY}&end={DAY}").status_code == 200
    assert machine.get(f"/Schedule/alice/$find?start={DAY}&end=2026-12-02").status_code == 422
