"""Bots through the API: who may call them, what goes in and comes out, and what a failure looks like."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpResponse

from inbox.bots import registry
from inbox.bots.registry import BotError
from inbox.fhir import outcome
from inbox.models import AccessPolicy, Practice
from tests.api.conftest import Api, Connect, outcome_of

pytestmark = pytest.mark.django_db(databases="__all__")

Make = Callable[..., None]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Registers a bot for the time of a test."""
    registry.every()
    monkeypatch.setattr(registry, "_bots", dict(registry._bots))

    def add(id: str, run: Any) -> None:
        registry.bot(id, name=id.title())(run)

    yield add


def said(answer: HttpResponse) -> tuple[int, str, bytes]:
    return answer.status_code, answer["Content-Type"], answer.content


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/fhir+json", b'{"resourceType":"Patient","active":true}'),
        ("application/json", b'{"a":[1,2.50,"x"]}'),
        ("application/json", b'"only a text"'),
        ("text/plain", b"Hello"),
        ("text/plain; charset=utf-8", "Grüße".encode()),
        ("text/plain; charset=utf-16", b"plain"),
        ("text/plain; charset=none-such", b"plain"),
        ("text/html", b"<script>alert(1)</script>"),
        ("x-application/hl7-v2+er7", b"MSH|^~\\&|\r"),
        ("application/x-www-form-urlencoded", b"a=1&b=2"),
        ("application/octet-stream", b"\x00\xff"),
    ],
)
def test_echo_answers_with_its_input_and_its_content_type(machine: Api, kind: str, body: bytes) -> None:
    answer = machine.post("/Bot/echo/$execute", body, kind=kind)
    assert said(answer) == (200, kind, body)
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("accept", ["*/*", "application/fhir+json, */*; q=0.1", "text/plain"])
def test_any_accept_header_gets_the_answer(machine: Api, accept: str) -> None:
    assert machine.post("/Bot/echo/$execute", b"hi", kind="text/plain", Accept=accept).content == b"hi"


def test_a_bot_is_called_by_its_identifier(machine: Api) -> None:
    address = "/Bot/$execute?identifier=https%3A%2F%2Ffhir-inbox.example%2Fbots%7Cecho"
    assert machine.post(address, b"hi", kind="text/plain").content == b"hi"
    assert machine.post("/Bot/$execute?identifier=echo", b"hi", kind="text/plain").content == b"hi"
    assert machine.post("/Bot/$execute?identifier=other%7Cecho", b"hi", kind="text/plain").status_code == 404
    assert machine.post("/Bot/$execute?identifier=nobody", b"hi", kind="text/plain").status_code == 404
    for query in ("", "?name=echo", "?identifier=echo&name=x"):
        assert machine.post(f"/Bot/$execute{query}", b"hi", kind="text/plain").status_code == 400


def test_text_is_answered_as_text_and_data_as_json(machine: Api, make: Make) -> None:
    make("text", lambda repo, given, kind: "done")
    make("data", lambda repo, given, kind: {"done": given["n"]})
    make("wrong", lambda repo, given, kind: {1, 2})
    assert machine.post("/Bot/wrong/$execute", {"n": 1}).status_code == 400
    make("raw", lambda repo, given, kind: b"\x00")
    assert said(machine.post("/Bot/text/$execute", {"n": 1})) == (200, "text/plain; charset=utf-8", b"done")
    assert said(machine.post("/Bot/data/$execute", {"n": 1})) == (200, "application/fhir+json", b'{"done":1}')
    assert said(machine.post("/Bot/raw/$execute", {"n": 1})) == (200, "application/octet-stream", b"\x00")


def test_a_bot_does_what_its_caller_may_and_no_more(machine: Api, make: Make) -> None:
    make("creates", lambda repo, given, kind: repo.create(given).resource)
    made = machine.post("/Bot/creates/$execute", {"resourceType": "Patient", "active": True})
    assert made.status_code == 200
    assert machine.get(f"/Patient/{json.loads(made.content)['id']}").status_code == 200
    refused = machine.post("/Bot/creates/$execute", {"resourceType": "AuditEvent"})
    assert refused.status_code in (400, 403)
    outcome_of(refused)


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (BotError("There is no such bed."), 400, "There is no such bed."),
        (ValueError("secret of homer"), 400, "The bot broken failed (ValueError)."),
        (outcome.NotFound(), 404, "Not found."),
        (outcome.Busy(), 503, "busy"),
    ],
)
def test_a_failure_is_an_outcome_without_a_traceback(
    machine: Api, make: Make, error: Exception, status: int, text: str
) -> None:
    def broken(repo: Any, given: Any, kind: str) -> None:
        raise error

    make("broken", broken)
    answer = machine.post("/Bot/broken/$execute", {})
    assert answer.status_code == status
    assert text in outcome_of(answer)["issue"][0]["details"]["text"]
    assert b"Traceback" not in answer.content
    assert b"homer" not in answer.content


def test_a_body_that_is_not_what_it_says_is_refused(machine: Api, settings: Any) -> None:
    assert machine.post("/Bot/echo/$execute", b"{", kind="application/json").status_code == 400
    assert machine.post("/Bot/echo/$execute", b"\xff", kind="text/plain").status_code == 400
    assert machine.post("/Bot/echo/$execute", b'"\\ud800"', kind="application/json").status_code == 400
    assert machine.post("/Bot/echo/$execute", b"[" * 100_000, kind="application/json").status_code == 400
    settings.FHIR_MAX_BODY_BYTES = 10
    assert machine.post("/Bot/echo/$execute", b"x" * 11, kind="text/plain").status_code == 413


def test_bots_are_listed_and_read_and_not_written(machine: Api) -> None:
    assert json.loads(machine.get("/Bot/echo").content)["identifier"] == [{"system": registry.SYSTEM, "value": "echo"}]
    for query, ids in (("", ["echo"]), ("?identifier=echo", ["echo"]), ("?_id=other", [])):
        found = json.loads(machine.get(f"/Bot{query}").content)
        assert [one["resource"]["id"] for one in found.get("entry", [])] == ids
    assert machine.get("/Bot?colour=red").status_code == 400
    bot = {"resourceType": "Bot", "id": "echo"}
    for answer in (machine.post("/Bot", bot), machine.put("/Bot/echo", bot), machine.delete("/Bot/echo")):
        assert answer.status_code == 405
        outcome_of(answer)
    assert machine.get("/Bot/other").status_code == 404


def test_who_has_no_bots_may_neither_see_nor_call_one(connect: Connect, nobody: Api, practice: Practice) -> None:
    clinician = connect("Practitioner/alice", "clinician")
    for api, status in ((clinician, 403), (nobody, 401)):
        for path in ("/Bot", "/Bot/echo", "/Bot/none"):
            assert api.get(path).status_code == status
        for path in ("/Bot/echo/$execute", "/Bot/none/$execute", "/Bot/$execute?identifier=echo"):
            assert api.post(path, b"hi", kind="text/plain").status_code == status


def test_a_policy_that_only_lists_bots_calls_none(connect: Connect, practice: Practice) -> None:
    row = AccessPolicy.objects.get(practice=practice, fhir_id="integration")
    listing = {"resourceType": "AccessPolicy", "resource": [{"resourceType": "Bot", "interaction": ["search"]}]}
    AccessPolicy.objects.filter(pk=row.pk).update(body=json.dumps(listing))
    assert connect("Practitioner/bob", "integration").post("/Bot/echo/$execute", b"x").status_code == 403
