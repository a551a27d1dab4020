"""Files over HTTP: raw and as JSON, in and out, whole and in parts, harmless in a browser."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from inbox.api import raw
from inbox.fhir.guard import Guarded
from inbox.fhir.repository import Content
from inbox.models import AuditEvent
from inbox.models import Content as Kept
from tests import clinic
from tests.api.conftest import Api, Connect, refused

pytestmark = pytest.mark.django_db(databases="__all__")

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 400
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
JSON = "application/fhir+json"
CLIENTS = {"Accept": "application/fhir+json, */*; q=0.1"}
"""What the JavaScript client sends with every FHIR call."""


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    place = {**settings.STORAGES["files"], "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "files": place}
    return tmp_path


@pytest.fixture
def homers(connect: Connect) -> Api:
    return connect("Patient/homer", "patient")


@pytest.fixture
def charlies(connect: Connect) -> Api:
    return connect("Practitioner/charlie", "clinician")


@pytest.fixture
def bobs(connect: Connect) -> Api:
    return connect("Practitioner/bob", "clinician")


def posted(api: Api, content: bytes = PDF, *, kind: str = "application/pdf", query: str = "", **headers: str) -> Any:
    """A raw upload; gives the Binary of the answer."""
    answer = api.post(f"/Binary{query}", content, kind=kind, **headers)
    assert answer.status_code == 201, answer.content
    return json.loads(answer.content)


def bytes_of(answer: HttpResponseBase) -> bytes:
    assert answer.streaming
    return b"".join(answer)  # type: ignore[arg-type]


def in_json(api: Api, id: str) -> Any:
    return json.loads(api.get(f"/Binary/{id}", **CLIENTS).content)


def carried(machine: Api, thread: str, *recipients: str, url: str) -> Any:
    """A message by alice that carries a file."""
    message = {
        "resourceType": "Communication",
        "status": "in-progress",
        "partOf": [{"reference": f"Communication/{thread}"}],
        "sender": {"reference": "Practitioner/alice"},
        "recipient": [{"reference": one} for one in recipients],
        "payload": [{"contentAttachment": {"url": url, "contentType": "application/pdf", "title": "Lab"}}],
    }
    answer = machine.post("/Communication", message)
    assert answer.status_code == 201, answer.content
    return json.loads(answer.content)


# In


def test_a_raw_upload_answers_with_the_binary_and_its_address(machine: Api) -> None:
    answer = machine.post("/Binary?_filename=lab.pdf", PDF, kind="application/pdf", **CLIENTS)
    found = json.loads(answer.content)
    assert answer.status_code == 201
    assert found == {
        "resourceType": "Binary",
        "id": found["id"],
        "meta": found["meta"],
        "contentType": "application/pdf",
        "url": f"Binary/{found['id']}",
    }
    assert answer["Location"].endswith(f"/fhir/R4/Binary/{found['id']}/_history/1")
    assert bytes_of(machine.get(f"/Binary/{found['id']}")) == PDF


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json", "text/csv"]
)
def test_any_type_of_content_is_taken_as_it_is(machine: Api, kind: str) -> None:
    content = b"a=1&b=%zz\r\n{}"
    answer = machine.get(f"/Binary/{posted(machine, content, kind=kind)['id']}")
    assert (answer["Content-Type"], bytes_of(answer)) == (kind, content)


def test_a_binary_in_json_is_the_same_and_comes_back_the_same(machine: Api) -> None:
    data = base64.b64encode(PDF).decode()
    sent = {"resourceType": "Binary", "contentType": "application/pdf", "data": data}
    created = json.loads(machine.post("/Binary", sent).content)
    read = in_json(machine, created["id"])
    assert {**sent, "id": created["id"], "meta": read["meta"]} == read
    assert bytes_of(machine.get(f"/Binary/{created['id']}")) == PDF
    again = machine.put(f"/Binary/{created['id']}", {**read, "url": created["url"]})
    assert (again.status_code, json.loads(again.content)["meta"]["versionId"]) == (200, "1")


@pytest.mark.parametrize(
    ("content", "kind", "query", "status", "id"),
    [
        (b"", "application/pdf", "", 400, "invalid"),
        (b"x" * 1001, "application/pdf", "", 413, "content-too-large"),
        (b"x", "nonsense", "", 400, "invalid"),
        (b"x", "application/pdf", "?name=lab.pdf", 400, "invalid"),
        (b"<Binary/>", "application/fhir+xml", "", 415, "unsupported-media-type"),
        (b"{", JSON, "", 400, "invalid"),
        (b'{"resourceType":"Patient"}', JSON, "", 400, "invalid"),
        (b'{"resourceType":"Binary","contentType":"text/plain","data":"a"}', JSON, "", 400, "invalid"),
        (b'{"resourceType":"Binary","contentType":"text/plain"}', JSON, "", 400, "invalid"),
    ],
)
def test_what_can_not_be_a_file_is_refused_and_leaves_nothing(
    machine: Api, folder: Path, settings: Any, content: bytes, kind: str, query: str, status: int, id: str
) -> None:
    settings.FHIR_MAX_BINARY_BYTES = 1000
    refused(machine.post(f"/Binary{query}", content, kind=kind), status, id)
    assert not Kept.objects.exists()
    assert [one for one in folder.rglob("*") if one.is_file()] == []


def test_an_upload_that_is_announced_as_too_large_is_not_read(machine: Api, settings: Any) -> None:
    settings.FHIR_MAX_BINARY_BYTES = 1000
    answer: Any = machine.client.generic(
        "POST",
        "/fhir/R4/Binary",
        b"x",
        content_type="text/plain",
        headers={"Authorization": f"Bearer {machine.token}"},
        CONTENT_LENGTH="5000",
    )
    refused(answer, 413, "content-too-large")


def test_a_file_is_replaced_raw_and_each_version_keeps_its_content(machine: Api) -> None:
    id = posted(machine, b"one", kind="text/plain", query="?_filename=one.txt")["id"]
    answer = machine.ask("PUT", f"/Binary/{id}?_filename=two.csv", b"two", kind="text/csv", If_Match='W/"1"')
    assert (answer.status_code, answer["ETag"]) == (200, 'W/"2"')
    refused(
        machine.ask("PUT", f"/Binary/{id}", b"three", kind="text/csv", If_Match='W/"1"'), 412, "precondition-failed"
    )
    first, second = (machine.get(f"/Binary/{id}/_history/{one}") for one in "12")
    assert (bytes_of(first), first["Content-Type"]) == (b"one", "text/plain")
    assert (bytes_of(second), second["Content-Type"]) == (b"two", "text/csv")
    assert "two.csv" in second["Content-Disposition"]
    refused(machine.get(f"/Binary/{id}/_history/3"), 404, "not-found")
    refused(machine.ask("PUT", "/Binary/none", b"x", kind="text/csv"), 404, "not-found")


def test_a_deleted_file_is_gone(machine: Api) -> None:
    id = posted(machine)["id"]
    assert machine.delete(f"/Binary/{id}").status_code == 200
    refused(machine.get(f"/Binary/{id}"), 410, "gone")


def test_what_a_file_belongs_to_is_said_by_a_header_and_must_be_known(
    machine: Api, charlies: Api, alice: Guarded
) -> None:
    thread = clinic.start(alice, "Practitioner/bob")
    found = posted(machine, X_Security_Context=f"Communication/{thread}")
    assert found["securityContext"] == {"reference": f"Communication/{thread}"}
    hidden = charlies.post("/Binary", PDF, kind="application/pdf", X_Security_Context=f"Communication/{thread}")
    random = str(uuid4())
    none = charlies.post("/Binary", PDF, kind="application/pdf", X_Security_Context=f"Communication/{random}")
    assert hidden.status_code == none.status_code == 400
    assert hidden.content.replace(thread.encode(), b"") == none.content.replace(random.encode(), b"")
    refused(machine.post("/Binary", PDF, kind="application/pdf", X_Security_Context="nonsense"), 400, "invalid")


@pytest.mark.parametrize("query", ["", "?contentType=text/plain", "?_id=x"])
def test_ac46_files_are_not_searched(machine: Api, homers: Api, query: str) -> None:
    for api in (machine, homers):
        refused(api.get(f"/Binary{query}"), 400, "invalid")
    answer = machine.post("/Binary", b"x", kind="text/plain", If_None_Exist="contentType=text/plain")
    refused(answer, 400, "invalid")


# Out


@pytest.mark.parametrize(
    ("accept", "form", "json_wanted"),
    [
        ("*/*", "", False),
        ("", "", False),
        ("application/fhir+json, */*; q=0.1", "", True),
        ("application/fhir+json", "", True),
        ("application/json", "", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", False),
        ("application/pdf, application/fhir+json;q=0.5", "", False),
        ("application/*", "", False),
        ("*/*", "json", True),
        ("application/fhir+json", "application/pdf", False),
    ],
)
def test_json_is_for_those_who_ask_for_it(accept: str, form: str, json_wanted: bool) -> None:
    assert raw.as_resource(accept, form, "application/pdf") is json_wanted


def test_a_json_file_is_not_taken_for_its_resource() -> None:
    assert not raw.as_resource("application/json", "", "application/json; charset=utf-8")
    assert raw.as_resource("application/fhir+json", "", "application/json")


def test_a_form_that_a_file_does_not_have_is_not_acceptable(machine: Api) -> None:
    id = posted(machine)["id"]
    refused(machine.get(f"/Binary/{id}", Accept="image/png"), 406, "not-acceptable")
    refused(machine.get(f"/Binary/{id}?_format=xml"), 406, "not-acceptable")


@pytest.mark.parametrize(
    ("content", "kind", "served", "disposition"),
    [
        (PDF, "application/pdf", "application/pdf", "inline"),
        (PNG, "image/png", "image/png", "inline"),
        (b"GIF89a/*", "image/gif", "image/gif", "inline"),
        (b"\xff\xd8\xff\xe0", "image/jpeg", "image/jpeg", "inline"),
        (b"RIFF\0\0\0\nWEBPVP8 ", "image/webp", "image/webp", "inline"),
        (b"<script>", "text/plain; charset=utf-8", "text/plain; charset=utf-8", "inline"),
        (b"<script>", "text/html", "text/html", "attachment"),
        (b"<svg/>", "image/svg+xml", "image/svg+xml", "attachment"),
        (b"<x/>", "application/xml", "application/xml", "attachment"),
        (b"<x/>", "application/xhtml+xml", "application/xhtml+xml", "attachment"),
        (b"<html>", "image/png", "application/octet-stream", "attachment"),
        (b"<html>", "application/pdf", "application/octet-stream", "attachment"),
        (b"<html>", "IMAGE/PNG", "application/octet-stream", "attachment"),
    ],
)
def test_ac47_ac48_nothing_runs_in_a_browser(
    machine: Api, content: bytes, kind: str, served: str, disposition: str
) -> None:
    answer = machine.get(f"/Binary/{posted(machine, content, kind=kind)['id']}")
    assert bytes_of(answer) == content
    assert answer["Content-Type"] == served
    assert answer["Content-Disposition"] == disposition
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert "private" in answer["Cache-Control"]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("lab.pdf", 'inline; filename="lab.pdf"'),
        ("Gr%C3%B6%C3%9Fe.pdf", "inline; filename*=utf-8''Gr%C3%B6%C3%9Fe.pdf"),
        ("..%5C..%5Cx.pdf", 'inline; filename="x.pdf"'),
        ("a%0D%0ASet-Cookie:%20x=1", 'inline; filename="aSet-Cookie: x=1"'),
        ("%22%3E%3Cimg src=x%3E.png", 'inline; filename="\\">\\<img src=x>.png"'.replace("\\<", "<")),
        ("x" * 300 + ".pdf", f'inline; filename="{"x" * 116}.pdf"'),
    ],
)
def test_ac49_a_name_is_given_back_and_splits_no_header(machine: Api, name: str, header: str) -> None:
    id = posted(machine, query=f"?_filename={name.replace(' ', '%20')}")["id"]
    assert machine.get(f"/Binary/{id}")["Content-Disposition"] == header


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=100-199", 206, 100, 200),
        ("bytes=100000-", 206, 100_000, len(PDF)),
        ("bytes=-10", 206, len(PDF) - 10, len(PDF)),
        ("bytes=102000-999999999", 206, 102_000, len(PDF)),
        ("bytes=-999999999", 200, 0, len(PDF)),
        ("bytes=0-", 200, 0, len(PDF)),
        ("bytes=0-1,5-6", 200, 0, len(PDF)),
        ("bytes=9-5", 200, 0, len(PDF)),
        ("bytes=-", 200, 0, len(PDF)),
        ("lines=0-1", 200, 0, len(PDF)),
    ],
)
def test_ac45_a_part_of_a_file_is_that_part(machine: Api, asked: str, status: int, start: int, end: int) -> None:
    answer = machine.get(f"/Binary/{posted(machine)['id']}", Range=asked)
    assert (answer.status_code, bytes_of(answer)) == (status, PDF[start:end])
    assert answer["Content-Length"] == str(end - start)
    if status == 206:
        assert answer["Content-Range"] == f"bytes {start}-{end - 1}/{len(PDF)}"


@pytest.mark.parametrize("asked", [f"bytes={len(PDF)}-", "bytes=999999999-", "bytes=-0"])
def test_a_part_that_there_is_not_is_refused(machine: Api, asked: str) -> None:
    answer = machine.get(f"/Binary/{posted(machine)['id']}", Range=asked)
    refused(answer, 416, "invalid")
    assert answer["Content-Range"] == f"bytes */{len(PDF)}"


def test_a_part_of_another_version_is_the_whole(machine: Api) -> None:
    id = posted(machine)["id"]
    tag = machine.get(f"/Binary/{id}")["ETag"]
    assert tag == '"1"'
    assert machine.get(f"/Binary/{id}", Range="bytes=0-1", If_Range=tag).status_code == 206
    assert machine.get(f"/Binary/{id}", Range="bytes=0-1", If_Range='"0"').status_code == 200


def test_ac45_who_has_it_already_is_told_so(machine: Api) -> None:
    id = posted(machine)["id"]
    for accept in ("*/*", JSON):
        first = machine.get(f"/Binary/{id}", Accept=accept)
        again = machine.get(f"/Binary/{id}", Accept=accept, If_None_Match=first["ETag"])
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
        assert "Accept" in first["Vary"]


def test_ac45_head_is_get_without_the_bytes(machine: Api) -> None:
    id = posted(machine)["id"]
    answer = machine.ask("HEAD", f"/Binary/{id}", None)
    assert (answer.status_code, answer.content, answer["Content-Length"]) == (200, b"", str(len(PDF)))
    part = machine.ask("HEAD", f"/Binary/{id}", None, Range="bytes=0-9")
    assert (part.status_code, part["Content-Length"]) == (206, "10")


# Who


def test_ac41_ac45_a_hidden_file_answers_like_one_that_never_was(
    machine: Api, homers: Api, bobs: Api, nobody: Api, alice: Guarded
) -> None:
    id, none = posted(machine)["id"], str(uuid4())
    asked: list[tuple[str, str, dict[str, str]]] = [
        ("GET", "", {}),
        ("GET", "", CLIENTS),
        ("HEAD", "", {}),
        ("GET", "", {"Range": "bytes=0-1"}),
        ("GET", "", {"If-None-Match": '"1"'}),
        ("GET", "/_history/1", {}),
        ("GET", "/_history", {}),
        ("PUT", "", {"Content-Type": "text/plain"}),
        ("PUT", "", {"Content-Type": JSON}),
        ("DELETE", "", {}),
    ]
    for method, tail, headers in asked:
        for api in (homers, bobs, nobody):
            hidden, absent = (
                api.ask(method, f"/Binary/{one}{tail}", _file(one), kind=headers.get("Content-Type", JSON), **headers)
                for one in (id, none)
            )
            assert hidden.status_code == absent.status_code in ((401,) if api is nobody else (403, 404))
            assert hidden.content.replace(id.encode(), none.encode()) == absent.content
            assert _telling(hidden) == _telling(absent)


def _file(id: str) -> Any:
    return {"resourceType": "Binary", "id": id, "contentType": "text/plain", "data": "aGk="}


def _telling(answer: HttpResponse) -> dict[str, str]:
    """The headers but for those that count requests."""
    return {name: value for name, value in answer.items() if not name.startswith("RateLimit")}


def test_a_message_opens_its_file_to_its_readers(machine: Api, homers: Api, bobs: Api, alice: Guarded) -> None:
    thread = clinic.start(alice, "Practitioner/bob", "Patient/homer")
    file = posted(machine, query="?_filename=lab.pdf")
    assert [api.get(f"/{file['url']}").status_code for api in (machine, homers, bobs)] == [200, 404, 404]
    message = carried(machine, thread, "Patient/homer", url=file["url"])
    assert [api.get(f"/{file['url']}").status_code for api in (machine, homers, bobs)] == [200, 200, 404]
    assert in_json(homers, file["id"])["securityContext"] == {"reference": f"Communication/{message['id']}"}


def test_reading_a_file_is_in_the_audit_trail(machine: Api) -> None:
    id = posted(machine)["id"]
    machine.get(f"/Binary/{id}", Range="bytes=0-1")
    found = AuditEvent.objects.using("audit").filter(type="Binary", fhir_id=id, interaction="read")
    assert [one.outcome for one in found] == ["0"]


def test_a_lost_content_is_not_found(machine: Api, folder: Path) -> None:
    id = posted(machine)["id"]
    (folder / Kept.objects.get().key).unlink()
    refused(machine.get(f"/Binary/{id}"), 404, "not-found")
    refused(machine.get(f"/Binary/{id}", **CLIENTS), 404, "not-found")


def test_a_file_in_a_bundle_is_stored_like_any_other(machine: Api) -> None:
    file = {"resourceType": "Binary", "contentType": "text/plain", "data": base64.b64encode(b"hello").decode()}
    entry = {"resource": file, "request": {"method": "POST", "url": "Binary"}}
    answer = machine.post("", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    id = json.loads(answer.content)["entry"][0]["resource"]["id"]
    assert bytes_of(machine.get(f"/Binary/{id}")) == b"hello"


def test_on_asgi_a_file_is_streamed_and_not_gathered(tmp_path: Path, rf: Any) -> None:
    """Django would gather what is not asynchronous; the server sends each piece as it is read."""
    place = tmp_path / "file"
    place.write_bytes(PDF)
    opened = place.open("rb")
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    headers = {"ETag": '"1"', "Last-Modified": ""}
    content = Content(lambda: opened, len(PDF))
    answer: Any = raw.answer(ASGIRequest(scope, rf), "application/pdf", content, headers)
    assert answer.is_async

    async def gathered(pieces: AsyncIterator[bytes]) -> list[bytes]:
        return [one async for one in pieces]

    found = asyncio.run(gathered(answer))
    assert b"".join(found) == PDF
    assert max(map(len, found)) <= raw.CHUNK
    assert opened.closed
