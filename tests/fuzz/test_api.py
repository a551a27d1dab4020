"""Requests at random: every answer is one that the documents know, and nobody gets what is not theirs."""

import json
import re
from typing import Any

import pytest

from inbox.models import Practice, Version
from inbox.models import Resource as Row
from tests.api.conftest import Api

from . import asking, judges, values, world
from .asking import FHIR, PATCH, Ask
from .conftest import Asker, every, undone
from .good import GOOD
from .values import Dice, dumped

pytestmark = pytest.mark.django_db(databases="__all__")

BAD_TOKENS = (
    "", " ", "null", "undefined", "1-", "Bearer", "a" * 43, "é" * 43, "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "\0",
)  # fmt: skip
WRITES = ("POST", "PUT", "PATCH", "DELETE")


def test_what_requests_are_made_from_is_itself_right(machine: Asker, charlie: Asker) -> None:
    """Else all that is asked would be refused at once, and nothing be tested."""
    for one in GOOD:
        body = dumped({name: value for name, value in one.items() if name != "id"})
        create = Ask("POST", f"/{one['resourceType']}", body)
        assert 201 in [who.ask(create)[0].status_code for who in (machine, charlie)], one


@pytest.mark.postgres
def test_whatever_a_machine_asks_is_answered_and_what_was_stored_can_be_stored_again(machine: Asker) -> None:
    def check(plan: list[Ask]) -> None:
        for ask in plan:
            answer, body = machine.ask(ask)
            if answer.status_code == 201 and body and answer["Content-Type"].startswith(FHIR):
                kept(machine, json.loads(body))

    every(asking.plan, 350, check)


def kept(machine: Asker, created: dict[str, Any]) -> None:
    """Check that what was created is there, and is the same after it was sent back."""
    if "meta" not in created:
        return  # an outcome that was asked for instead
    place = f"/{created['resourceType']}/{created['id']}"
    answer, body = machine.ask(Ask("GET", place, headers=(("Accept", FHIR),)))
    assert answer.status_code == 200, (place, body)
    again, _ = machine.ask(Ask("PUT", place, body))
    versions = [one["ETag"].removeprefix("W/") for one in (answer, again)]
    assert (again.status_code, versions[0]) == (200, versions[1]), (place, body)


def test_whatever_a_clinician_asks_is_answered(alice: Asker) -> None:
    def check(plan: list[Ask]) -> None:
        for ask in plan:
            alice.ask(ask)

    every(asking.plan, 200, check)


def test_nothing_but_metadata_is_told_without_a_token(clinic: Practice) -> None:
    nobody = Asker(Api(""))

    def check(example: tuple[str, Ask]) -> None:
        token, ask = example
        before = Version.objects.count()
        named = (*ask.headers, ("Authorization", f"Bearer {token}"))
        answer, body = nobody.ask(Ask(ask.method, ask.path, ask.body, ask.kind, named))
        assert Version.objects.count() == before
        if re.match(r"/metadata(\?|$)", ask.path):
            return
        # In which form to answer is settled before who asks.
        assert answer.status_code in (401, 406), (answer.status_code, body)
        if answer.status_code == 401 and ask.method != "HEAD":
            assert body == nobody.ask(Ask("GET", "/Patient"))[1]

    every(lambda dice: (dice.one(BAD_TOKENS), asking.ask(dice)), 200, check)


def test_who_may_only_read_changes_nothing(sam: Asker) -> None:
    def check(ask: Ask) -> None:
        before = Version.objects.count(), Row.objects.count()
        answer, body = sam.ask(ask)
        assert (Version.objects.count(), Row.objects.count()) == before, (answer.status_code, body)
        if ask.method != "POST":
            assert answer.status_code >= 400, (answer.status_code, body)

    every(lambda dice: asking.ask(dice, WRITES), 250, check)


def test_what_is_hidden_answers_like_what_never_was(charlie: Asker) -> None:
    def make(dice: Dice) -> Ask:
        """What is asked about the open thread is mostly asked about the hidden one instead."""
        found = asking.ask(dice)
        return found if dice.once_in(3) else found.about("open-", world.HIDDEN)

    def check(ask: Ask) -> None:
        answers = []
        for one in (ask, ask.about(world.HIDDEN, world.UNUSED)):
            with undone():
                answer, body = charlie.ask(one)
            judges.silent(one, body, answer)
            answers.append(judges.told(answer, body.replace(world.UNUSED.encode(), world.HIDDEN.encode())))
        assert answers[0] == answers[1]

    every(make, 600, check)


def test_what_was_deleted_is_gone(machine: Asker, charlie: Asker) -> None:
    def check(resource: dict[str, Any]) -> None:
        answer, body = machine.ask(Ask("POST", f"/{resource.get('resourceType', 'Patient')}", dumped(resource)))
        if answer.status_code != 201:
            return
        type, id = resource["resourceType"], json.loads(body)["id"]
        place, patch = f"/{type}/{id}", b'[{"op": "add", "path": "/language", "value": "en"}]'
        assert [machine.ask(Ask("DELETE", place))[0].status_code for _ in range(2)] == [200, 200]
        assert machine.ask(Ask("GET", place))[0].status_code == 410
        assert machine.ask(Ask("PATCH", place, patch, PATCH))[0].status_code == 410
        history = json.loads(machine.ask(Ask("GET", f"{place}/_history"))[1])
        assert history["entry"][0]["request"]["method"] == "DELETE"
        if type != "Binary":
            found = json.loads(machine.ask(Ask("GET", f"/{type}?_id={id}&_total=accurate"))[1])
            assert (found["total"], "entry" in found) == (0, False)
        assert charlie.ask(Ask("GET", place))[0].status_code in (403, 404, 410)

    every(values.resource, 100, check)
