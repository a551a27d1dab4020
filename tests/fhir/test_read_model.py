"""The read model: after any edits the index tables hold what a fresh extraction gives, no row more and none twice."""

import random
from typing import Any

import pytest

from inbox.fhir import outcome, rows
from inbox.fhir.guard import Guarded
from inbox.fhir.repository import Write
from inbox.fhir.store import Store
from inbox.fhir.types import Resource
from inbox.models import Practice, ReferenceIndex, Version
from tests import clinic, invariants
from tests.fhir.conftest import back_end

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]

STATUSES = ["in-progress", "completed", "entered-in-error", "stopped"]
PEOPLE = sorted(clinic.NAMES)


class Editor:
    """Somebody who makes, changes and deletes Communications at random, often several at once."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.chance = random.Random(seed)
        self.there: list[str] = []
        self.number = 0

    def step(self) -> None:
        writes = [self._write() for _ in range(self.chance.randint(1, 4))]
        once = list({write.id: write for write in writes}.values())
        try:
            self.store.apply(once)
        except (outcome.Conflict, outcome.UnknownReference):
            return
        deleted = {write.id for write in once if write.method == "DELETE"}
        self.there = sorted({*self.there, *(write.id for write in once)} - deleted)

    def _write(self) -> Write:
        kind = self.chance.random()
        if self.there and kind < 0.1:
            return Write("DELETE", "Communication", self.chance.choice(self.there))
        if self.there and kind < 0.6:
            id = self.chance.choice(self.there)
            kept = {"partOf": self.store.read("Communication", id).get("partOf")}
            return Write("PUT", "Communication", id, self._communication(id) | {k: v for k, v in kept.items() if v})
        self.number += 1
        return Write("PUT", "Communication", f"c{self.number}", self._communication(f"c{self.number}"))

    def _communication(self, id: str) -> Resource:
        some = self.chance.sample
        resource: dict[str, Any] = {"resourceType": "Communication", "id": id, "status": self.chance.choice(STATUSES)}
        resource["recipient"] = [{"reference": one} for one in some(PEOPLE, self.chance.randint(1, 4))]
        codes = some(["a", "b", "c", "internal"], self.chance.randint(0, 2))
        if codes:
            resource["category"] = [{"coding": [{"system": "urn:x", "code": one}]} for one in codes]
        if self.there and self.chance.random() < 0.5:
            resource |= {"partOf": [{"reference": f"Communication/{self.chance.choice(self.there)}"}]}
            resource |= {"payload": [{"contentString": "x"}], "sent": f"2026-01-{self.chance.randint(1, 28):02d}"}
        if self.chance.random() < 0.3:
            resource["identifier"] = [{"system": "urn:x", "value": str(self.chance.randint(1, 5))}]
        return resource


@pytest.mark.parametrize("seed", range(4))
def test_random_edits_leave_exactly_the_rows_of_what_is_there(practice: Practice, seed: int) -> None:
    store = back_end("store", practice)
    assert isinstance(store, Store)
    editor = Editor(store, seed)
    for _ in range(40):
        editor.step()
    assert editor.number > 20
    invariants.check()


def test_rows_that_did_not_change_are_not_written_again(practice: Practice, system: Store) -> None:
    header = {"resourceType": "Communication", "id": "h", "status": "in-progress"}
    people = [{"reference": one} for one in PEOPLE]
    system.update({**header, "recipient": people})
    before = set(ReferenceIndex.objects.filter(resource__fhir_id="h").values_list("pk", "target"))
    system.update({**header, "recipient": people[:-1], "status": "completed"})
    after = set(ReferenceIndex.objects.filter(resource__fhir_id="h").values_list("pk", "target"))
    assert after == {(pk, target) for pk, target in before if target != PEOPLE[-1]}


# Last activity alone


def test_a_version_that_moves_last_activity_alone_has_no_body_of_its_own(practice: Practice) -> None:
    alice = clinic.connect(practice, "Practitioner/alice", "clinician")
    thread = clinic.start(alice, "Practitioner/bob")
    bodies = list(Version.objects.filter(resource__fhir_id=thread).order_by("version").values_list("body", "activity"))
    assert [(body is None, activity != "") for body, activity in bodies] == [(False, False), (True, True)]


def test_such_versions_are_put_together_when_they_are_read(practice: Practice, system: Store) -> None:
    header = {"resourceType": "Communication", "id": "h", "status": "in-progress", "topic": {"text": "Labs"}}
    header["extension"] = [{"url": "urn:other", "valueString": "kept"}]
    written = []
    for minute, topic in enumerate(["Labs", "Labs", "Labs", "Blood", "Blood"]):
        moved = rows.with_activity(header, f"2026-01-01T00:0{minute}:00.000000Z")
        written.append(system.update({**moved, "topic": {"text": topic}}).resource)
    written.append(system.update(rows.with_activity({**header, "topic": {"text": "Blood"}}, "")).resource)
    stored = Version.objects.filter(resource__fhir_id="h").order_by("version").values_list("body", flat=True)
    assert [body is None for body in stored] == [False, True, True, False, True, False]
    assert system.history("Communication", "h") == written[::-1]
    for number, version in enumerate(written, 1):
        assert system.vread("Communication", "h", str(number)) == version
    assert system.read("Communication", "h") == written[-1]
    invariants.check()


def test_activity_on_top_of_a_deletion_starts_from_a_whole_body(practice: Practice, system: Store) -> None:
    header = {"resourceType": "Communication", "id": "h", "status": "in-progress"}
    moved = [rows.with_activity(header, f"2026-01-0{day}T00:00:00.000000Z") for day in (1, 2, 3)]
    system.update(moved[0])
    system.delete("Communication", "h")
    system.update(moved[1])
    last = system.update(moved[2]).resource
    assert system.vread("Communication", "h", "4") == last
    assert system.history("Communication", "h")[0] == last


def test_a_writer_neither_drops_the_last_activity_nor_makes_one_up(practice: Practice, alice: Guarded) -> None:
    thread = clinic.start(alice, "Patient/homer")
    store = Store(alice.actor)
    header = store.read("Communication", thread)
    assert rows.header_activity(header)
    without = {name: value for name, value in header.items() if name != "extension"}
    assert store.update(without).unchanged
    made_up = store.update(rows.with_activity({**header, "topic": {"text": "Blood"}}, "2099-01-01T00:00:00Z")).resource
    assert made_up is not None
    assert rows.header_activity(made_up) == rows.header_activity(header)
