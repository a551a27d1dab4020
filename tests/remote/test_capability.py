"""What a remote server lacks is found before it matters, said plainly, and done another way or refused."""

import logging
from typing import Any

import httpx
import pytest

from inbox import fhir
from inbox.fhir import capability, outcome
from inbox.fhir.capability import Capability
from inbox.fhir.client import Client
from inbox.fhir.remote_http import Server
from inbox.fhir.remote_token import Credentials
from inbox.fhir.types import Actor, Resource
from tests.remote.peer import Peer

pytestmark = pytest.mark.django_db(databases="__all__")


def statement(*resources: Resource, system: tuple[str, ...] = ("transaction", "batch"), **more: Any) -> Resource:
    rest = {"mode": "server", "interaction": [{"code": one} for one in system], "resource": list(resources)}
    return {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [rest], **more}


def of_type(type: str, **more: Any) -> Resource:
    codes = [{"name": one} for one in capability.NEEDED.get(type, ())]
    interactions = [{"code": one} for one in ("read", "search-type", "create", "update", "history-instance")]
    return {"type": type, "interaction": interactions, "searchParam": codes, "conditionalCreate": True, **more}


WHOLE = [of_type(type) for type in capability.NEEDED]


def missing(found: Capability) -> list[str]:
    return [one.missing for one in found.notes()]


def test_a_whole_server_lacks_only_what_no_statement_can_promise() -> None:
    found = capability.parse(statement(*WHOLE, software={"name": "Example", "version": "7"}))
    assert (found.software, found.fhir_version, found.writes) == ("Example 7", "4.0.1", True)
    assert missing(found) == ["conditional references"]


def test_a_server_that_says_nothing_is_taken_at_its_word_and_tried() -> None:
    found = capability.parse(
        {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [{"mode": "server"}]}
    )
    assert found.writes
    assert found.searches("Communication", "part-of")
    assert missing(found) == ["conditional references", "a list of what it can do"]


LESS = [
    ({"system": ("batch",)}, "transactions", False),
    ({"fhirVersion": "5.0.0"}, "FHIR R4 (it says 5.0.0)", False),
    ({"fhirVersion": None}, "FHIR R4 (it says nothing)", False),
    ({"system": ("transaction",)}, "batches", True),
]


@pytest.mark.parametrize(("less", "what", "writes"), LESS)
def test_without_what_writing_needs_nothing_is_written(less: Any, what: str, writes: bool) -> None:
    found = capability.parse(statement(*WHOLE, **less))
    assert what in missing(found)
    assert found.writes is writes


def test_what_a_type_lacks_is_named() -> None:
    poor = of_type("Communication", conditionalCreate=False, versioning="no-version")
    poor["searchParam"] = [one for one in poor["searchParam"] if one["name"] not in ("part-of", "_lastUpdated")]
    poor["interaction"] = [{"code": "read"}]
    found = capability.parse(statement(poor, *WHOLE[1:2]))
    assert missing(found) == [
        "conditional references",
        "search of Communication by part-of",
        "history of Communication",
        "conditional create of Communication",
        "versions of Communication",
        "PractitionerRole",
    ]


@pytest.mark.parametrize("shape", [{}, {"rest": 5}, {"rest": [None]}, {"rest": [{"resource": [{"type": 5}, {}, 7]}]}])
def test_a_statement_of_any_shape_is_read(shape: Resource) -> None:
    assert isinstance(capability.parse(shape).notes(), list)


def test_what_is_missing_is_logged_once_and_plainly(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        capability.parse(statement(*WHOLE, system=("batch",))).log("https://fhir.example/R4")
    assert "it has no transactions: nothing is written to this server; reading works" in caplog.text
    assert [one.levelname for one in caplog.records] == ["WARNING", "WARNING", "ERROR"]


def test_a_server_without_transactions_is_only_read() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(404, json={})

    known = capability.parse(statement(*WHOLE, system=("batch",)))
    server = Server("http://fhir.example/R4", Credentials(), transport=httpx.MockTransport(answer))
    client = Client(Actor(1, "Practitioner/alice"), server, lambda: known)
    with pytest.raises(outcome.Unprocessable, match="no transactions"):
        client.create({"resourceType": "Patient"})
    assert [one.method for one in asked if one.method != "GET"] == []


def test_the_state_of_the_server_is_there_for_administrators(remote: Peer, settings: Any) -> None:
    status = fhir.remote_status()
    assert status is not None
    assert (status.base, status.problem, status.writes) == (remote.url, "", True)
    assert [one.missing for one in status.notes] == ["conditional references", "a list of what it can do"]
    settings.FHIR_BASE_URL = "http://127.0.0.1:9/fhir"
    gone = fhir.remote_status()
    assert gone is not None
    assert (gone.problem, gone.writes, gone.notes) == (
        "The FHIR server does not answer; try again in a moment.",
        False,
        (),
    )
    settings.FHIR_BASE_URL = ""
    assert fhir.remote_status() is None
    assert fhir.remote_problem() == ""
