"""A remote server that is away, slow, confused or hostile: nothing is lost, nothing happens twice, nothing leaks."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.test import Client as Browser

from inbox.fhir import audit, capability, outcome, remote_http
from inbox.fhir.client import Client
from inbox.fhir.guard import Guarded
from inbox.fhir.remote_http import Away, Server
from inbox.fhir.remote_token import Credentials, Tokens
from inbox.fhir.types import Actor, Resource
from inbox.services import messages, participants, threads
from tests import clinic
from tests.remote.peer import Peer
from tests.views.conftest import Visit, visit

__all__ = ["visit"]

pytestmark = pytest.mark.django_db(databases="__all__")

BASE = "http://fhir.example/R4"
PATIENT = {"resourceType": "Patient", "id": "1", "meta": {"versionId": "7", "lastUpdated": "2026-01-01T00:00:00Z"}}
Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without the pauses between them."""
    monkeypatch.setattr(remote_http, "PAUSE", 0.0)


class Script:
    """A server that answers one request after the other as it is told; the last answer repeats."""

    def __init__(self, *answers: httpx.Response | Exception | Handler) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)


def server(script: Script, credentials: Credentials | None = None) -> Server:
    return Server(BASE, credentials or Credentials(), transport=httpx.MockTransport(script))


def ok(body: Resource | None = None, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=body or PATIENT, headers={k.replace("_", "-"): v for k, v in headers.items()})


AWAY = [
    httpx.ConnectError("refused"),
    httpx.ReadTimeout("slow"),
    httpx.RemoteProtocolError("half an answer"),
    httpx.Response(500, text="<html>"),
    httpx.Response(502),
    httpx.Response(503, headers={"Retry-After": "1"}),
    httpx.Response(504),
    httpx.Response(429),
    httpx.Response(200, text='{"resourceType": "Pat'),
    httpx.Response(200, text="[]"),
    httpx.Response(200, text="<html>Sign in to the hotel's network</html>"),
]


@pytest.mark.parametrize("answer", AWAY, ids=str)
def test_a_read_is_tried_again_and_then_says_so(answer: httpx.Response | Exception) -> None:
    once = Script(answer, ok())
    assert server(once).get("Patient/1").body == PATIENT
    always = Script(answer)
    with pytest.raises(outcome.Busy) as error:
        server(always).get("Patient/1")
    assert error.value.status == 503
    assert 1 <= error.value.retry_after <= 10  # type: ignore[attr-defined]
    assert len(always.asked) == 3


@pytest.mark.parametrize("answer", AWAY[:5], ids=str)
def test_a_write_is_repeated_only_where_that_is_harmless(answer: httpx.Response | Exception) -> None:
    plain = Script(answer, ok(status=201))
    with pytest.raises(Away):
        server(plain).send("POST", "Patient", PATIENT)
    assert len(plain.asked) == 1
    for condition in ({"if_match": "7"}, {"if_none_exist": "identifier=a|b"}):
        guarded = Script(answer, ok(status=201))
        assert server(guarded).send("POST", "Patient", PATIENT, **condition).status == 201
        assert len(guarded.asked) == 2


def test_a_long_wait_is_told_and_not_waited_for() -> None:
    script = Script(httpx.Response(503, headers={"Retry-After": "120"}))
    with pytest.raises(Away) as error:
        server(script).get("Patient/1")
    assert (error.value.retry_after, len(script.asked)) == (120, 1)


@pytest.fixture
def silent() -> Iterator[str]:
    """A socket that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/fhir"


def test_a_server_that_never_answers_is_given_up(silent: str) -> None:
    with pytest.raises(Away):
        Server(silent, Credentials(), timeout=0.05).get("Patient/1")


# Addresses


ELSEWHERE = [
    "http://evil.example/R4/Patient/1",
    "https://fhir.example/R4/Patient/1",
    "http://fhir.example:81/R4/Patient/1",
    "http://fhir.example/R4x/Patient/1",
    "http://fhir.example/R4/../secret",
    "http://user@fhir.example/R4/Patient/1",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_no_other_address_is_ever_asked(address: str) -> None:
    redirect = Script(httpx.Response(302, headers={"Location": address}), ok())
    with pytest.raises(Away):
        server(redirect, Credentials(token="secret")).get("Patient/1")
    assert {str(one.url) for one in redirect.asked} == {f"{BASE}/Patient/1"}
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": PATIENT}]}
    paged = Script(ok({**bundle, "link": [{"relation": "next", "url": address}]}))
    client = client_of(paged)
    with pytest.raises(Away):
        client.search("Patient", [("_count", "50")])
    assert {one.url.host for one in paged.asked} == {"fhir.example"}
    assert {one.url.path for one in paged.asked} == {"/R4/Patient"}


def test_a_redirect_inside_the_base_is_followed_for_reads_alone() -> None:
    script = Script(httpx.Response(307, headers={"Location": f"{BASE}/Patient/2"}), ok())
    assert server(script).get("Patient/1").body == PATIENT
    written = Script(httpx.Response(307, headers={"Location": f"{BASE}/Patient/2"}), ok())
    with pytest.raises(Away):
        server(written).send("PUT", "Patient/1", PATIENT)
    assert len(written.asked) == 1


def client_of(script: Script, *, trusted: bool = False) -> Client:
    known = capability.parse({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"})
    return Client(Actor(1, "Practitioner/alice"), server(script), lambda: known, trusted=trusted)


# Tokens


CREDENTIALS = Credentials("http://fhir.example/token", "id", "secret")


def token_server(*lives: int) -> tuple[Script, list[str]]:
    """Tokens t1, t2 … that live so many seconds, and the tokens with which something else was asked."""
    used: list[str] = []
    given = iter(range(1, 99))

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            number = next(given)
            life = lives[min(number, len(lives)) - 1]
            return httpx.Response(200, json={"access_token": f"t{number}", "expires_in": life})
        used.append(request.headers["Authorization"].removeprefix("Bearer "))
        return httpx.Response(401, json={}) if used[-1] in refused else ok()

    refused: set[str] = set()
    script = Script(answer)
    script.refused = refused  # type: ignore[attr-defined]
    return script, used


def test_a_token_that_is_refused_in_the_middle_is_renewed_once() -> None:
    script, used = token_server(3600)
    one = server(script, CREDENTIALS)
    one.get("Patient/1")
    script.refused.add("t1")  # type: ignore[attr-defined]
    one.send("POST", "Patient", PATIENT)
    assert used == ["t1", "t1", "t2"]
    script.refused |= {f"t{number}" for number in range(99)}  # type: ignore[attr-defined]
    with pytest.raises(outcome.Busy):
        one.send("POST", "Patient", PATIENT)
    assert used[3:] == ["t2", "t3"]


def test_a_token_is_renewed_before_it_ends() -> None:
    time = [0.0]
    script, _ = token_server(600, 20)
    tokens = Tokens(httpx.Client(transport=httpx.MockTransport(script)), CREDENTIALS, clock=lambda: time[0])
    found = []
    for at in (0, 539, 541, 550, 552):
        time[0] = at
        found.append(tokens.current())
    assert found == ["t1", "t1", "t2", "t2", "t3"]


@pytest.mark.parametrize(
    "answer", [httpx.Response(400, json={}), httpx.Response(200, text="x"), httpx.ConnectError("")]
)
def test_without_a_token_nothing_is_sent_and_no_secret_is_told(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    script = Script(answer)
    with pytest.raises(outcome.Busy) as error:
        server(script, CREDENTIALS).send("POST", "Patient", PATIENT)
    assert {one.url.path for one in script.asked} == {"/token"}
    assert "secret" not in error.value.text + caplog.text + repr(CREDENTIALS)


def test_many_threads_ask_for_one_token() -> None:
    script, used = token_server(3600)
    one = server(script, CREDENTIALS)
    everybody = [threading.Thread(target=one.get, args=("Patient/1",)) for _ in range(8)]
    for each in everybody:
        each.start()
    for each in everybody:
        each.join()
    assert used == ["t1"] * 8


# What a server says


def test_the_text_of_the_server_reaches_whoever_can_use_it() -> None:
    refusal = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "invalid", "diagnostics": "No such code", "expression": ["Task.code"]}],
    }
    with pytest.raises(outcome.Unprocessable) as error:
        server(Script(ok(refusal, 422))).send("POST", "Task", {"resourceType": "Task"})
    assert (error.value.text, error.value.expression) == ("No such code", ["Task.code"])


@pytest.mark.parametrize("body", ["", "x", "[]", '{"issue": 5}', '{"issue": [null, {"details": 7, "expression": 1}]}'])
def test_an_error_of_any_shape_is_still_an_error(body: str) -> None:
    with pytest.raises(outcome.NotFound):
        server(Script(httpx.Response(404, text=body))).get("Patient/1")


def test_a_bundle_that_is_answered_with_fewer_entries_is_no_success() -> None:
    script = Script(ok({"resourceType": "Bundle", "type": "transaction-response", "entry": [{}]}))
    entries = [{"request": {"method": "DELETE", "url": f"Patient/{number}"}} for number in range(2)]
    with pytest.raises(Away):
        server(script).bundle({"resourceType": "Bundle", "type": "transaction", "entry": entries}, repeat=False)


# In the middle of something


@pytest.fixture
def thread(alice: Guarded) -> str:
    return clinic.start(alice, "Practitioner/bob")


def another_app(peer: Peer) -> Server:
    return Server(peer.url, Credentials(peer.token_url, peer.client_id, peer.client_secret))


@pytest.fixture
def meanwhile(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[Resource], Resource]], None]:
    """Let another app change a resource at the last moment before the next write goes out."""

    def between(path: str, change: Callable[[Resource], Resource]) -> None:
        real, app = audit.record_sent, another_app(peer)

        def sent(*arguments: Any) -> None:
            monkeypatch.setattr(audit, "record_sent", real)
            app.send("PUT", path, change(app.get(path).body))
            real(*arguments)

        monkeypatch.setattr(audit, "record_sent", sent)

    return between


def test_a_lost_race_is_judged_again(alice: Guarded, thread: str, meanwhile: Any) -> None:
    """The other change is kept, and so is ours, each made from what was there."""
    meanwhile(f"Communication/{thread}", lambda one: {**one, "topic": {"text": "Renamed"}})
    threads.close(alice, thread)
    header = alice.read("Communication", thread)
    assert (header["status"], header["topic"]) == ("completed", {"text": "Renamed"})


def test_a_right_that_is_lost_in_the_last_moment_is_lost(bob: Guarded, thread: str, meanwhile: Any) -> None:
    header = bob.read("Communication", thread)
    meanwhile(
        f"Communication/{thread}",
        lambda one: {**one, "recipient": [each for each in one["recipient"] if "bob" not in each["reference"]]},
    )
    with pytest.raises(outcome.NotFound):
        bob.update({**header, "topic": {"text": "Mine now"}})


def test_an_update_that_names_its_version_is_never_made_of_another(alice: Guarded, thread: str, meanwhile: Any) -> None:
    header = alice.read("Communication", thread)
    meanwhile(f"Communication/{thread}", lambda one: {**one, "topic": {"text": "Renamed"}})
    with pytest.raises(outcome.Stale):
        alice.update({**header, "topic": {"text": "Mine"}}, if_match=header["meta"]["versionId"])
    assert alice.read("Communication", thread)["topic"] == {"text": "Renamed"}


def test_people_who_change_at_the_same_moment_are_asked(alice: Guarded, thread: str, meanwhile: Any) -> None:
    seen = threads.get(alice, thread).participants_version
    meanwhile(f"Communication/{thread}", lambda one: {**one, "recipient": one["recipient"][:2]})
    with pytest.raises(participants.Changed):
        participants.add(alice, thread, "Practitioner/charlie", seen=seen)


# Pages


@pytest.fixture
def homer_online(visit: Visit) -> Browser:
    return visit("homer")


def test_a_page_without_its_server_says_when_to_come_back_and_keeps_the_text(
    homer_online: Browser, thread: str, settings: Any
) -> None:
    assert homer_online.get(f"/threads/{thread}/").status_code == 200
    settings.FHIR_BASE_URL = "http://127.0.0.1:9/fhir/R4"
    settings.FHIR_TOKEN_URL = ""
    for path in ("/threads/", f"/threads/{thread}/"):
        page = homer_online.get(path)
        assert (page.status_code, page["Retry-After"]) == (503, "10")
    typed = {"text": "A long text that took me an hour", "client_id": str(uuid4()), "kind": "reply", "seen": ""}
    page = homer_online.post(f"/threads/{thread}/messages/", typed)
    assert (page.status_code, page["Retry-After"]) == (503, "10")
    assert b"A long text that took me an hour" in page.content
    assert homer_online.get("/readyz").status_code == 503
    assert homer_online.get("/healthz").status_code == 200
    assert homer_online.get("/accounts/login/").status_code in (200, 302)


def test_what_was_sent_without_an_answer_is_there_once_after_a_retry(
    homer: Guarded, thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server took the message and the answer was lost: the same send again finds it."""
    real = Server._followed

    def lost(self: Server, method: str, *arguments: Any) -> httpx.Response:
        answer = real(self, method, *arguments)
        if method == "POST" and "/Communication" in arguments[0]:
            raise Away()
        return answer

    id = str(uuid4())
    with monkeypatch.context() as patch:
        patch.setattr(Server, "_followed", lost)
        with pytest.raises(outcome.Busy):
            messages.send(homer, thread, text="Once", client_id=id)
    messages.send(homer, thread, text="Once", client_id=id)
    found = homer.search("Communication", [("part-of", f"Communication/{thread}")]).resources
    assert sorted(messages.text_of(one) for one in found) == ["Hello", "Once"]


def test_the_third_answer_that_fails_leaves_no_half_a_page(
    alice: Guarded, thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, count = Server._followed, [0]

    def third(self: Server, *arguments: Any) -> httpx.Response:
        count[0] += 1
        return httpx.Response(500, text=json.dumps({})) if count[0] >= 3 else real(self, *arguments)

    monkeypatch.setattr(Server, "_followed", third)
    with pytest.raises(outcome.Busy):
        threads.page(alice, threads.ListFilter(scope="mine"))
    assert count[0] >= 3
