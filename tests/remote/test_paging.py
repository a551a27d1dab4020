"""Pages of a search on a remote server: every row once, in exact order, whatever the server makes of ties."""

import base64
import json
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from inbox.fhir import capability, outcome, remote_cursor
from inbox.fhir.client import Client
from inbox.fhir.guard import Guarded
from inbox.fhir.remote_cursor import Key
from inbox.fhir.remote_http import Server
from inbox.fhir.remote_token import Credentials
from inbox.fhir.types import Actor, Params, Resource
from tests.remote.peer import Peer

pytestmark = pytest.mark.django_db(databases="__all__")


def message(number: int, **more: object) -> Resource:
    """Five messages of each moment, and every seventh without a time of its own."""
    sent = {} if number % 7 == 0 else {"sent": f"2026-01-{1 + number // 5:02d}T10:00:00+02:00"}
    return {
        "resourceType": "Communication",
        "status": "in-progress",
        "identifier": [{"system": "urn:number", "value": str(number)}],
        "recipient": [{"reference": "Patient/homer"}, {"reference": "Practitioner/alice"}],
        "payload": [{"contentString": str(number)}],
        **sent,
        **more,
    }


@pytest.fixture
def app(peer: Peer) -> Server:
    return Server(peer.url, Credentials(peer.token_url, peer.client_id, peer.client_secret))


@pytest.fixture
def forty(alice: Guarded, app: Server) -> list[str]:
    """The ids of forty messages, as another app wrote them."""
    entries = [
        {"resource": message(number), "request": {"method": "POST", "url": "Communication"}} for number in range(40)
    ]
    answer = app.bundle({"resourceType": "Bundle", "type": "transaction", "entry": entries}, repeat=False)
    return [one["resource"]["id"] for one in answer]


def pages(repo: Guarded | Client, params: Params) -> Iterator[list[Resource]]:
    cursor = ""
    while True:
        page = repo.search("Communication", [*params, ("_cursor", cursor)] if cursor else params)
        yield page.resources
        if not page.next:
            return
        cursor = page.next


@pytest.mark.parametrize("sort", ["-_lastUpdated", "_lastUpdated", "-sent", "sent", "_id", "-_id"])
def test_pages_join_to_the_whole_in_the_order_that_was_asked_for(alice: Guarded, forty: list[str], sort: str) -> None:
    params = [("recipient", "Patient/homer"), ("_sort", sort), ("_count", "7")]
    found = [one for page in pages(alice, params) for one in page]
    assert sorted(one["id"] for one in found) == sorted(forty)
    key = Key("Communication", sort.removeprefix("-"), sort.startswith("-"))
    assert found == sorted(found, key=key.place, reverse=key.descending)


def test_rows_that_come_while_paging_take_none_away(alice: Guarded, app: Server, forty: list[str]) -> None:
    seen: list[str] = []
    for page in pages(alice, [("recipient", "Patient/homer"), ("_sort", "-sent"), ("_count", "7")]):
        seen += [one["id"] for one in page]
        app.send("POST", "Communication", message(100, sent="2026-01-03T08:00:00Z"))
    assert len(seen) == len(set(seen))
    assert set(forty) <= set(seen)


def test_a_total_is_exact_and_a_page_without_one_has_none(alice: Guarded, forty: list[str]) -> None:
    params = [("recipient", "Patient/homer"), ("status:not", "preparation")]
    assert alice.search("Communication", [*params, ("_total", "accurate"), ("_count", "3")]).total == 40
    assert alice.search("Communication", [*params, ("_count", "0")]).total == 40
    assert alice.search("Communication", [*params, ("_count", "3")]).total is None


def test_other_peoples_drafts_are_neither_found_nor_counted(alice: Guarded, app: Server, forty: list[str]) -> None:
    app.send("POST", "Communication", message(1, status="preparation", sender={"reference": "Practitioner/bob"}))
    params = [("recipient", "Patient/homer"), ("_count", "100")]
    found = alice.search("Communication", [*params, ("_total", "accurate")])
    assert (len(found.resources), found.total) == (40, 40)


def token(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


DAMAGED = ["x", "%%%", "ünï", "e30", "W" * 9_999, token([1]), token([1, 2]), token([1.5, "a"]), token([True, "a"])]
DAMAGED += [token([2**70, "a"]), token([1, "a b"]), token([1, "a", 2]), token({"a": 1, "b": 2}), token([None, "a"])]


@pytest.mark.parametrize("text", DAMAGED)
@pytest.mark.parametrize("code", ["_lastUpdated", "_id", "sent"])
def test_a_damaged_cursor_is_refused(text: str, code: str) -> None:
    with pytest.raises(outcome.Invalid) as error:
        remote_cursor.decode(text, Key("Communication", code, descending=True))
    assert error.value.expression == ["_cursor"]


def test_the_cursor_of_another_order_is_refused() -> None:
    by_id, by_time = remote_cursor.encode(("abc", "abc")), remote_cursor.encode((5, "abc"))
    for text, code in ((by_id, "sent"), (by_time, "_id")):
        with pytest.raises(outcome.Invalid):
            remote_cursor.decode(text, Key("Communication", code, descending=True))


# Servers that do less


class Least:
    """A server of a few rows that knows no parameter, pages by two, and gives ties in whatever order it likes."""

    def __init__(self, rows: list[Resource]) -> None:
        self.rows = rows
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        start = int(request.url.params.get("page", "0"))
        entries = [{"resource": one} for one in self.rows[start : start + 2]]
        next = [{"relation": "next", "url": str(request.url.copy_set_param("page", start + 2))}]
        link = next if start + 2 < len(self.rows) else []
        return httpx.Response(200, json={"resourceType": "Bundle", "type": "searchset", "entry": entries, "link": link})


def least(rows: list[Resource], **statement: object) -> tuple[Client, Least]:
    handler = Least(rows)
    server = Server("http://fhir.example/R4", Credentials(), transport=httpx.MockTransport(handler))
    known = capability.parse({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", **statement})
    return Client(Actor(1, "Practitioner/alice"), server, lambda: known), handler


def row(second: int, **more: object) -> Resource:
    return message(
        1, id=str(uuid4()), meta={"versionId": "1", "lastUpdated": f"2026-01-01T00:00:{second:02d}Z"}, **more
    )


def test_whatever_a_server_finds_too_much_is_taken_out() -> None:
    wanted = [row(50 - number) for number in range(5)]
    others = [row(50 - number, recipient=[{"reference": "Patient/bart"}]) for number in range(5)]
    mixed = [one for pair in zip(wanted, others, strict=True) for one in pair]
    client, _ = least(mixed)
    params = [("recipient", "Patient/homer"), ("_count", "3")]
    found = [one["id"] for page in pages(client, params) for one in page]
    assert found == [one["id"] for one in wanted]


def test_ties_at_the_end_of_a_page_are_read_to_their_end() -> None:
    same = [row(7) for _ in range(9)]
    client, _ = least([row(9), *same, row(3)])
    found = [one["id"] for page in pages(client, [("_count", "2")]) for one in page]
    assert found[1:10] == sorted((one["id"] for one in same), reverse=True)
    assert len(found) == 11


def test_a_search_that_would_read_everything_is_refused_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inbox.fhir.remote_search.MOST", 4)
    client, handler = least([row(one % 60) for one in range(50)])
    with pytest.raises(outcome.Unprocessable, match="narrow it down"):
        client.search("Communication", [("_sort", "received")])
    assert len(handler.asked) == 3


def test_a_parameter_that_a_server_does_not_declare_is_judged_here() -> None:
    declared = {"type": "Communication", "searchParam": [{"name": "status", "type": "token"}]}
    client, handler = least([row(1), row(2, recipient=[])], rest=[{"mode": "server", "resource": [declared]}])
    found = client.search("Communication", [("recipient", "Patient/homer"), ("status", "in-progress")])
    assert len(found.resources) == 1
    assert handler.asked == ["GET /R4/Communication"]


def test_without_batches_every_question_goes_alone() -> None:
    client, handler = least([row(1)], rest=[{"mode": "server", "interaction": [{"code": "transaction"}]}])
    client.newest("Communication", [], per="part-of", targets=["Communication/1", "Communication/2"])
    assert handler.asked == ["GET /R4/Communication"] * 2
