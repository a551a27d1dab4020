"""Real threads on a real database: what several people do at once happens once, wholly, or is refused cleanly."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from inbox import fhir
from inbox.fhir import outcome
from inbox.fhir.store import Store
from inbox.models import Practice
from inbox.services import messages, participants, receipts, threads
from tests import clinic, invariants
from tests.concurrency.together import errors, together

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.postgres]

ALICE, BOB, HOMER = "Practitioner/alice", "Practitioner/bob", "Patient/homer"
POLICIES = {ALICE: "clinician", BOB: "clinician", HOMER: "patient"}


def somebody(practice: Practice, who: str) -> Any:
    return clinic.connect(practice, who, POLICIES[who])


@pytest.fixture
def thread(practice: Practice) -> str:
    """alice, bob and homer."""
    return clinic.start(somebody(practice, ALICE), BOB)


def sending(practice: Practice, who: str, thread: str, text: str, client_id: str) -> Callable[[], Any]:
    return lambda: messages.send(somebody(practice, who), thread, text=text, client_id=client_id)


def said(practice: Practice, thread: str) -> list[str]:
    repo = somebody(practice, ALICE)
    items = messages.page(repo, threads.get(repo, thread)).items
    return [item.text for item in items if item.kind == "message"]


def assert_clean(answers: list[Any]) -> None:
    """Whatever was refused was refused in our own words."""
    for error in errors(answers):
        assert isinstance(error, outcome.Busy | outcome.Stale | outcome.Conflict), repr(error)


def test_one_send_twenty_times_at_once_is_one_message(practice: Practice, thread: str) -> None:
    """F02."""
    answers = together([sending(practice, HOMER, thread, "Once", str(UUID))] * 20)
    assert_clean(answers)
    sent = [one for one in answers if isinstance(one, messages.Item)]
    assert sent
    assert len({one.id for one in sent}) == 1
    assert said(practice, thread) == ["Hello", "Once"]
    invariants.check()


UUID = uuid4()


def test_one_start_ten_times_at_once_is_one_thread(practice: Practice) -> None:
    form: dict[str, Any] = {"patient": HOMER, "people": [BOB], "topic": "Labs", "tags": [], "text": "Hello"}
    answers = together([lambda: threads.start(somebody(practice, ALICE), client_id=str(UUID), **form)] * 10)
    assert_clean(answers)
    assert len({one for one in answers if isinstance(one, str)}) == 1
    assert [row.title for row in threads.page(somebody(practice, ALICE), threads.ListFilter()).rows] == ["Labs"]
    invariants.check()


def test_everybody_writes_at_once_and_all_is_there(practice: Practice, thread: str) -> None:
    texts = [(who, f"{who} {number}") for who in POLICIES for number in range(5)]
    answers = together([sending(practice, who, thread, text, str(uuid4())) for who, text in texts])
    assert errors(answers) == []
    assert sorted(said(practice, thread)) == sorted(["Hello", *(text for _, text in texts)])
    header = fhir.system(practice.pk).read("Communication", thread)
    assert int(header["meta"]["versionId"]) <= 2 + len(texts)
    invariants.check()


def test_of_two_edits_from_one_form_one_wins_and_the_other_is_told(practice: Practice, thread: str) -> None:
    """F14."""
    form = threads.get(somebody(practice, ALICE), thread).participants_version
    new = "Practitioner/charlie"
    answers = together(
        [
            lambda: participants.add(somebody(practice, ALICE), thread, new, seen=form),
            lambda: participants.remove(somebody(practice, BOB), thread, HOMER, seen=form),
        ]
    )
    (loser,) = errors(answers)
    assert isinstance(loser, participants.Changed)
    now = [one.reference for one in threads.get(somebody(practice, ALICE), thread).people]
    assert [one.reference for one in loser.people] == now
    assert now in ([ALICE, HOMER, BOB, new], [ALICE, BOB])
    invariants.check()


def test_an_edit_of_participants_meets_messages_and_a_closing(practice: Practice, thread: str) -> None:
    form = threads.get(somebody(practice, ALICE), thread).participants_version
    calls = [sending(practice, who, thread, f"{number}", str(uuid4())) for number in range(4) for who in (BOB, HOMER)]
    edit = lambda: participants.add(somebody(practice, ALICE), thread, "Practitioner/charlie", seen=form)  # noqa: E731
    answers = together([*calls, edit, lambda: threads.close(somebody(practice, BOB), thread)])
    for error in errors(answers):
        assert isinstance(error, messages.Closed), repr(error)
    assert len(said(practice, thread)) == 1 + 8 - len(errors(answers))
    found = threads.get(somebody(practice, ALICE), thread)
    assert found.closed
    assert "Practitioner/charlie" in [one.reference for one in found.people]
    invariants.check()


def test_who_leaves_while_others_write_receives_nothing_after(practice: Practice, thread: str) -> None:
    calls = [sending(practice, who, thread, f"{number}", str(uuid4())) for number in range(4) for who in (ALICE, HOMER)]
    answers = together([*calls, lambda: participants.leave(somebody(practice, BOB), thread)])
    assert errors(answers) == []
    assert len(said(practice, thread)) == 9
    assert receipts.unread_count(somebody(practice, BOB)) == 0
    invariants.check()


def test_reading_while_others_write_loses_no_mark(practice: Practice, thread: str) -> None:
    """F31: whoever read before the last message has it unread; whoever read after it has not."""
    bob = lambda: receipts.mark_read(somebody(practice, BOB), thread)  # noqa: E731
    calls = [sending(practice, HOMER, thread, f"{number}", str(uuid4())) for number in range(6)]
    answers = together([*calls, bob, bob, bob])
    assert_clean(answers)
    receipts.mark_read(somebody(practice, BOB), thread)
    assert receipts.unread_count(somebody(practice, BOB)) == 0
    sending(practice, HOMER, thread, "last", str(uuid4()))()
    assert receipts.unread_count(somebody(practice, BOB)) == 1
    invariants.check()


def test_of_many_updates_from_one_version_one_wins(practice: Practice) -> None:
    patient = fhir.system(practice.pk).read("Patient", "homer")

    def update(number: int) -> Callable[[], Any]:
        changed = {**patient, "birthDate": f"19{number:02d}-01-01"}
        return lambda: Store(somebody(practice, ALICE).actor).update(changed, if_match="1")

    answers = together([update(number) for number in range(10, 18)])
    assert_clean(answers)
    assert len(errors(answers)) == 7
    assert fhir.system(practice.pk).read("Patient", "homer")["meta"]["versionId"] == "2"
    invariants.check()


def test_a_new_id_that_many_write_at_once_is_one_resource(practice: Practice) -> None:
    ned = {"resourceType": "Patient", "id": "ned", "active": True}
    answers = together([lambda: fhir.system(practice.pk).update(ned)] * 8)
    assert_clean(answers)
    assert fhir.system(practice.pk).read("Patient", "ned")["meta"]["versionId"] == "1"
    invariants.check()


@pytest.mark.parametrize("attempt", range(5))
def test_what_is_deleted_while_others_refer_to_it_leaves_nothing_dangling(practice: Practice, attempt: int) -> None:
    system = fhir.system(practice.pk)
    system.update({"resourceType": "Patient", "id": "ned", "active": True})
    message = {"resourceType": "Communication", "status": "in-progress", "subject": {"reference": "Patient/ned"}}
    calls: list[Callable[[], Any]] = [lambda: Store(somebody(practice, ALICE).actor).create(message)] * 3
    answers = together([*calls, lambda: fhir.system(practice.pk).delete("Patient", "ned")])
    referring = system.search("Communication", [("subject", "Patient/ned")]).resources
    if system.raw("Patient", "ned") is None:
        assert referring == []
        assert all(isinstance(one, outcome.UnknownReference) for one in answers[:3])
    else:
        assert isinstance(answers[3], outcome.Conflict)
        assert referring
    invariants.check()


# Conditions

LISA: dict[str, Any] = {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "lisa"}]}
HERS = "identifier=urn:x|lisa"
OPEN = {"resourceType": "AccessPolicy", "resource": [{"resourceType": "Patient"}]}


def found(practice: Practice) -> list[dict[str, Any]]:
    return fhir.system(practice.pk).search("Patient", [("identifier", "urn:x|lisa")]).resources


@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize("how", ["create", "update", "bundle"])
def test_one_condition_twenty_times_at_once_is_one_resource(practice: Practice, how: str, guarded: bool) -> None:
    actor = somebody(practice, ALICE).actor
    entry = {"resource": LISA, "request": {"method": "POST", "url": "Patient", "ifNoneExist": HERS}}

    def write() -> Any:
        repo = fhir.connect(actor, OPEN) if guarded else Store(actor)
        if how == "create":
            return repo.create(LISA, if_none_exist=HERS).created
        if how == "update":
            return repo.update(LISA, where=HERS).created
        answer = repo.transaction({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
        return answer["entry"][0]["response"]["status"] == "201"

    answers = together([write] * 20)
    assert errors(answers) == []
    assert sorted(answers) == [False] * 19 + [True]
    (one,) = found(practice)
    assert one["meta"]["versionId"] == "1"
    invariants.check()


def test_a_delete_and_updates_by_one_condition_leave_one_or_none(practice: Practice) -> None:
    store = Store(somebody(practice, ALICE).actor)
    store.create(LISA)
    update = lambda: Store(store.actor).update(LISA, where=HERS)  # noqa: E731
    delete = lambda: Store(store.actor).delete("Patient", "", where=HERS)  # noqa: E731
    answers = together([update, delete, update, delete, update, delete])
    assert errors(answers) == []
    assert len(found(practice)) <= 1
    invariants.check()


def test_patches_of_different_elements_at_once_all_stay(practice: Practice) -> None:
    actor = somebody(practice, ALICE).actor
    values = {"active": True, "gender": "male", "birthDate": "1980-01-01", "deceasedBoolean": False, "language": "en"}

    def patch(name: str) -> Callable[[], Any]:
        operation = {"op": "add", "path": f"/{name}", "value": values[name]}
        return lambda: fhir.connect(actor, OPEN).patch("Patient", "homer", [operation])

    assert errors(together([patch(name) for name in values])) == []
    homer = fhir.system(practice.pk).read("Patient", "homer")
    assert {name: homer[name] for name in values} == values
    invariants.check()


def test_of_many_patches_for_one_version_one_wins(practice: Practice) -> None:
    actor = somebody(practice, ALICE).actor

    def patch(number: int) -> Callable[[], Any]:
        operation = {"op": "add", "path": "/birthDate", "value": f"19{number:02d}-01-01"}
        return lambda: fhir.connect(actor, OPEN).patch("Patient", "homer", [operation], if_match="1")

    answers = together([patch(number) for number in range(10, 18)])
    assert len([one for one in errors(answers) if isinstance(one, outcome.Stale)]) == 7
    assert fhir.system(practice.pk).read("Patient", "homer")["meta"]["versionId"] == "2"
    invariants.check()
