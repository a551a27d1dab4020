"""No search, however asked, gives a row or a number that the policy hides: SQL against the same rules in memory."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox.fhir import builtin, outcome, searchparams
from inbox.fhir.guard import Guarded
from inbox.fhir.policy import hides
from inbox.fhir.search import matches, parse
from inbox.fhir.types import Params, Resource

from .conftest import Clinic
from .judges import person
from .world import ALICE, BART, BEFORE, BOB, CHARLIE, HOMER, MARGE_BART, MARGE_HOMER, NED, PEOPLE, RECEIPT, note, ref

pytestmark = pytest.mark.django_db(databases="__all__")
T = "Communication/"
WHO = [name for name in PEOPLE if name != "nobody"]
PERSONS = [ALICE, BOB, CHARLIE, HOMER, NED, BART, MARGE_HOMER, MARGE_BART, "Patient/none", "homer"]
THREADS = [T + one for one in ("T1", "T2", "T3", "TK", "TM", "TX", "none")]
CODES = ["internal", "patient-only", "none", "https://clinic.example/codes|internal", "https://clinic.example/codes|"]


def some(values: list[str]) -> st.SearchStrategy[str]:
    """One value or several that mean any of them."""
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True).map(",".join)


def condition(codes: dict[str, list[str]]) -> st.SearchStrategy[tuple[str, str]]:
    """A parameter with values of its own, negated, or asked for as missing."""

    def of(code: str) -> st.SearchStrategy[tuple[str, str]]:
        plain = st.tuples(st.sampled_from([code, code, f"{code}:not"]), some(codes[code]))
        missing = st.tuples(st.just(f"{code}:missing"), st.sampled_from(["true", "false"]))
        return st.one_of(plain, plain, missing) if code != "_id" else plain

    return st.sampled_from(sorted(codes)).flatmap(of)


ASKED: dict[str, dict[str, list[str]]] = {
    "Communication": {
        "recipient": PERSONS,
        "sender": PERSONS,
        "subject": PERSONS,
        "patient": [HOMER, NED, BART],
        "part-of": THREADS,
        "status": ["in-progress", "completed", "preparation", "entered-in-error", "on-hold", "stopped"],
        "category": CODES,
        "identifier": ["42", "https://clinic.example/sent|42", "x"],
        "encounter": ["Encounter/visit", "Encounter/none"],
        "_id": ["T1", "T2", "m1", "m2", "m8", "d1", "d-homer", "stray", "TX", "v1", "none"],
    },
    "Task": {
        "owner": PERSONS,
        "focus": THREADS,
        "subject": [HOMER, NED],
        "performer": ["nurse", "doctor", "none", "https://clinic.example/codes|nurse"],
        "code": [RECEIPT, "answer", "none"],
        "status": ["requested", "accepted", "completed", "draft", "cancelled", "in-progress"],
        "priority": ["routine", "stat"],
        "_id": ["p1", "p2", "r1", "rr-homer", "rr-bob", "o2", "none"],
    },
    "Patient": {"active": ["true", "false"], "gender": ["male", "female"], "_id": ["homer", "ned", "bart"]},
    "RelatedPerson": {"patient": [HOMER, NED, BART], "active": ["true", "false"]},
    "CareTeam": {"subject": [HOMER, NED, BART], "status": ["active", "inactive"], "participant": [ALICE, BOB]},
    "DocumentReference": {"patient": [HOMER, NED], "status": ["current"], "security-label": ["internal", "none"]},
    "Provenance": {"target": [T + "T2", "Task/r1", HOMER], "agent": [ALICE, CHARLIE]},
    "Slot": {"schedule": ["Schedule/of-alice", "Schedule/of-bob"], "status": ["busy-unavailable", "free"]},
    "Encounter": {"participant": [ALICE, BOB], "status": ["planned", "finished"]},
    "Practitioner": {"active": ["true", "false"], "identifier": ["alice", "x"]},
}
SORTS = ["_lastUpdated", "-_lastUpdated", "_id", "-_id"]


@st.composite
def searches(draw: st.DrawFn) -> tuple[str, str, Params, str, int]:
    """Who, which type, which parameters, in which order, how many on a page."""
    type = draw(st.sampled_from([*ASKED, "Communication", "Communication", "Communication", "Task"]))
    asked = draw(st.lists(condition(ASKED[type]), max_size=3))
    if draw(st.booleans()):
        asked.append(("_lastUpdated", draw(st.sampled_from(["le", "gt", "ge", "lt"])) + "2026-06-01"))
    sorts = [*SORTS, "sent", "-sent"] if type == "Communication" else SORTS
    return draw(st.sampled_from(WHO)), type, asked, draw(st.sampled_from(sorts)), draw(st.sampled_from([1, 2, 7, 1000]))


def expected(guard: Guarded, type: str, params: Params, rows: list[Resource]) -> list[str] | None:
    """The ids of what the entries admit that hide nothing of what is asked by; None where there is no such entry."""
    request = parse(type, params)
    codes = [*(one.param.code for one in request.conditions), *(code for code, _ in request.sort)]
    asked = {element for code in codes for element in searchparams.elements(type, code)}
    entries = [e for e in guard.policy.allowing(type, "search") if not any(hides(e.hidden, one) for one in asked)]
    if not entries:
        return None
    profiles = guard.actor.profiles
    open = [one for one in rows if builtin.draft_visible(one, profiles) and matches(request, one)]
    return sorted(one["id"] for one in open if any(guard._admits(entry, one) for entry in entries))


def pages(connect: Callable[[], Guarded], type: str, params: Params, size: int) -> list[Resource]:
    found: list[Resource] = []
    cursor: Params = []
    while True:
        page = connect().search(type, [*params, *cursor, ("_count", str(size))])
        assert len(page.resources) <= size
        found += page.resources
        if not page.next:
            return found
        cursor = [("_cursor", page.next)]


def test_every_search_finds_what_the_rules_admit_and_nothing_else(clinic: Clinic) -> None:
    rows = {practice: {type: clinic.all_of(type, practice) for type in ASKED} for practice in (1, 2)}

    @settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(searches())
    def check(asked: tuple[str, str, Params, str, int]) -> None:
        who, type, params, sort, size = asked
        connect = clinic[who].connect
        if not connect().may("search", type):
            assert clinic[who].finds(type, *params) == 403
            return
        wanted = expected(connect(), type, [*params, ("_sort", sort)], rows[PEOPLE[who][0]][type])
        if wanted is None:
            assert clinic[who].finds(type, *params, ("_sort", sort)) == 400
            return
        found = [one["id"] for one in pages(connect, type, [*params, ("_sort", sort)], size)]
        assert sorted(found) == wanted
        total = connect().search(type, [*params, ("_sort", sort), ("_summary", "count")]).total
        assert total == len(wanted)
        assert found == [one["id"] for one in pages(connect, type, [*params, ("_sort", sort)], 1000)]

    check()


@pytest.mark.parametrize("who", WHO)
def test_a_search_shows_of_a_row_what_reading_it_shows(clinic: Clinic, who: str) -> None:
    for type in ASKED:
        if not clinic[who].connect().may("search", type):
            continue
        for one in pages(clinic[who].connect, type, [], 1000):
            assert one == clinic[who].read(f"{type}/{one['id']}")


@pytest.mark.parametrize("who", WHO)
def test_sql_and_memory_admit_the_same(clinic: Clinic, who: str) -> None:
    for type in ASKED:
        for one in clinic.all_of(type, PEOPLE[who][0]):
            guard = clinic[who].connect()
            assert guard.admits(one) == (clinic[who].reads(f"{type}/{one['id']}") == 200), one["id"]


HIDING: list[Params] = [
    [],
    [("subject", HOMER)],
    [("part-of", T + "T1")],
    [("category", "internal")],
    [("category:not", "patient-only")],
    [("_id", "m2,new-note")],
    [("identifier", "42")],
    [("identifier", "https://clinic.example/sent|42"), ("part-of:missing", "false")],
    [("sent", "ge2026-01-01")],
    [("sender", ALICE)],
    [("recipient", BOB)],
    [("status", "in-progress"), ("_sort", "-sent")],
    [("_lastUpdated", "ge2026-01-02")],
]


@pytest.mark.parametrize("params", HIDING, ids=str)
@pytest.mark.parametrize("who", ["homer", "marge", "charlie", "ned"])
def test_a_note_changes_no_answer_of_who_may_not_read_it(clinic: Clinic, who: str, params: Params) -> None:
    def answers() -> list[Any]:
        guard = clinic[who].connect()
        asked: list[Params] = [
            params,
            [*params, ("_total", "accurate"), ("_count", "3")],
            [*params, ("_summary", "count")],
        ]
        found: list[Any] = [guard.search("Communication", one) for one in asked]
        newest = guard.newest("Communication", [("_sort", "-sent")], per="part-of", targets=[T + "T1", T + "T2"])
        return [*found, newest, guard.may("read", "Communication", written), clinic[who].finds("Task")]

    sent = {"identifier": [{"system": "https://clinic.example/sent", "value": "42"}], "sent": "2026-11-01T00:00:00Z"}
    written = note("T1", BOB, id="new-note", **sent)
    before = answers()
    clinic.put(written)
    clinic.put({**written, "priority": "stat"})
    assert answers() == before
    assert "new-note" in clinic["bob"].search("Communication")


def test_the_store_in_memory_computes_what_the_real_one_does(clinic: Clinic) -> None:
    for who in WHO:
        real, memory = (one.connect() for one in (clinic[who], person(who, clinic.policies[PEOPLE[who][3]])))
        for name in ("profile", "profiles", "patient", "patients", "roles", "contacts", "poolThreads"):
            assert sorted(real.parameters.values(name)) == sorted(memory.parameters.values(name)), (who, name)


@pytest.mark.parametrize("type", ["Encounter/visit", "Encounter/visit-bob"])
def test_a_reference_in_a_hidden_field_is_not_known_by_it(clinic: Clinic, type: str) -> None:
    mine = {"partOf": [ref(T + "T1")], "sender": ref(HOMER), "subject": ref(HOMER), "recipient": [ref(ALICE)]}
    body = {"resourceType": "Communication", "status": "in-progress", **mine, "payload": [{"contentString": "x"}]}
    with pytest.raises(outcome.UnknownReference):
        clinic["homer"].create({**body, "encounter": ref(type)})
    assert clinic["homer"].creates(body) == 201


def test_a_list_with_a_value_that_is_ruled_out_is_ruled_out(clinic: Clinic) -> None:
    both = {"encounter": [ref("Encounter/visit"), ref("Encounter/visit-bob")]}
    clinic.change("DocumentReference/letter", context=both)
    policy = {"criteria": "DocumentReference?encounter:not=Encounter/visit-bob", "resourceType": "DocumentReference"}
    charlie = clinic.person({"resourceType": "AccessPolicy", "resource": [policy]}, CHARLIE)
    assert charlie.reads("DocumentReference/letter") == 404
    assert charlie.finds("DocumentReference", ("encounter", "Encounter/visit")) == []
    asked = [("encounter", "Encounter/visit"), ("encounter", "Encounter/visit-bob")]
    assert clinic["supervisor"].finds("DocumentReference", *asked) == ["letter"]


@pytest.mark.parametrize("sort", ["_id", "_lastUpdated"])
def test_a_row_without_a_status_is_found_where_a_status_is_ruled_out(clinic: Clinic, sort: str) -> None:
    found = clinic["alice"].search("CareTeam", ("status:not", "active"), ("_sort", sort))
    assert found == ["homer-old-team", "homer-some-team"]
    assert clinic["alice"].search("CareTeam", ("status:not", "active"), ("status", "inactive")) == ["homer-old-team"]


def test_the_world_is_old_enough(clinic: Clinic) -> None:
    assert clinic.current(T + "m1")["meta"]["lastUpdated"].startswith(BEFORE[:10])
