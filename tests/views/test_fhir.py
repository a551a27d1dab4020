"""Show FHIR: what a reader sees of a resource and not a letter more, and what a page of it costs."""

import html
import json
import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client

from inbox.fhir import audit
from inbox.fhir.guard import Guarded
from inbox.fhir.store import Store
from inbox.models import AuditEvent, Practice
from inbox.services import messages, participants, threads
from tests import clinic

from .conftest import Visit
from .test_budgets import queries

pytestmark = pytest.mark.django_db(databases="__all__")

UNUSED = "00000000-0000-4000-8000-000000000000"
HOSTILE = '</code></pre><script>alert("1")</script><a href="javascript:alert(1)">\u202ethread'
VISIBLE = ("", "?format=json", "?with=1", "?all=1", "1/", "1/?format=json", "1/?with=1", "9/", "?with=9", "?with=x")
WAYS = [f"/record/{{type}}/{{id}}/{one}" for one in VISIBLE]


@pytest.fixture
def thread(alice: Guarded) -> str:
    return clinic.start(alice, "Practitioner/bob", topic="Quarantined topic", text="Only for those who take part")


@pytest.fixture
def message(alice: Guarded, thread: str) -> str:
    return messages.page(alice, threads.get(alice, thread)).newest_id


def record(id: str, rest: str = "", type: str = "Communication") -> str:
    return f"/record/{type}/{id}/{rest}"


def answer(client: Client, path: str) -> tuple[int, bytes]:
    """What an answer says, but for the tokens of its forms."""
    found = client.get(path)
    return found.status_code, re.sub(rb'value="[A-Za-z0-9]{64}"', b"", found.content)


def code(client: Client, path: str) -> str:
    """The JSON on a page, read back from what is printed."""
    found = client.get(path)
    assert found.status_code == 200, path
    shown = re.search(r'<code class="code__lines">(.*?)</code></pre>', found.content.decode(), re.DOTALL)
    assert shown, path
    return printed(shown[1])


def printed(markup: str) -> str:
    """What a browser prints of a piece of a page."""
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


def lines(page: str, element: str) -> list[str]:
    """The lines of a comparison that are marked as `ins` or `del`."""
    return [printed(one) for one in re.findall(rf"<{element} .*?</{element}>", page, re.DOTALL)]


def retract(repo: Guarded, id: str) -> None:
    """Take a message back."""
    body = {name: value for name, value in repo.read("Communication", id).items() if name != "payload"}
    repo.update({**body, "status": "entered-in-error"})


def test_the_page_shows_the_resource_and_leads_on(visit: Visit, alice: Guarded, thread: str, message: str) -> None:
    client = visit("alice")
    page = client.get(record(message)).content.decode()
    assert f'href="/record/Communication/{thread}/"' in page
    assert 'href="/record/Practitioner/bob/"' in page
    assert f"http://127.0.0.1:8000/fhir/R4/Communication/{message}" in page
    assert f'href="/record/Task/?focus=Communication/{message}"' in page
    assert f"part-of=Communication/{message}" not in page
    assert (
        f'href="/record/Communication/?part-of=Communication/{thread}"' in client.get(record(thread)).content.decode()
    )
    assert f'href="/threads/{thread}/"' in page


def test_what_is_printed_is_the_resource(visit: Visit, alice: Guarded, thread: str) -> None:
    for path in (record(thread), record(thread, "1/")):
        found = json.loads(code(visit("alice"), path))
        version = found["meta"]["versionId"]
        assert found == alice.vread("Communication", thread, version), path


def test_the_download_is_the_resource_as_fhir_json(visit: Visit, alice: Guarded, message: str) -> None:
    found = visit("alice").get(record(message, "?format=json"))
    assert found["Content-Type"] == "application/fhir+json; charset=utf-8"
    assert found["Content-Disposition"] == f'attachment; filename="Communication-{message}.json"'
    assert found["Cache-Control"] == "no-store"
    assert json.loads(found.content) == alice.read("Communication", message)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_hidden_answers_like_what_never_was(
    visit: Visit, alice: Guarded, thread: str, message: str, way: str
) -> None:
    note = messages.send(alice, thread, text="SECRETNOTE", client_id=str(uuid4()), internal=True).id
    for name, id in (("charlie", thread), ("charlie", message), ("homer", note)):
        client = visit(name)
        hidden = answer(client, way.format(type="Communication", id=id))
        assert hidden == answer(client, way.format(type="Communication", id=UNUSED)), (name, way)
        assert hidden[0] == 404
    seen = visit("alice").get(way.format(type="Communication", id=note)).status_code
    assert seen == (404 if way.endswith(("9/", "=9", "=x")) else 200)


def test_lists_about_what_is_hidden_are_empty_like_those_about_nothing(visit: Visit, thread: str) -> None:
    client = visit("charlie")
    for path in ("/record/Communication/?part-of=Communication/{}", "/record/Task/?focus=Communication/{}"):
        status, hidden = answer(client, path.format(thread))
        assert (status, hidden.replace(thread.encode(), UNUSED.encode())) == answer(client, path.format(UNUSED))
        assert status == 200


def test_hidden_fields_are_absent(visit: Visit, alice: Guarded, thread: str) -> None:
    threads.close(alice, thread, version=threads.get(alice, thread).version)
    kim = visit("kim")
    assert "topic" in json.loads(code(visit("sam"), record(thread)))
    for way in WAYS:
        assert b"uarantined" not in kim.get(way.format(type="Communication", id=thread)).content, way
    assert "topic" not in json.loads(code(kim, record(thread)))
    assert "topic" not in json.loads(kim.get(record(thread, "?format=json")).content)


def test_a_past_that_is_closed_is_not_even_counted(visit: Visit, alice: Guarded, message: str) -> None:
    retract(alice, message)
    homer, sender = visit("homer"), visit("alice")
    page = homer.get(record(message)).content
    assert b"Only for those" not in page
    assert b'id="versions"' not in page
    for rest in ("1/", "2/", "1/?format=json", "?with=1", "?with=2", "?with=9"):
        assert answer(homer, record(message, rest)) == answer(homer, record(message, "9/")), rest
        assert homer.get(record(message, rest)).status_code == 403
    assert b'id="versions"' in sender.get(record(message)).content
    assert "Only for those" in code(sender, record(message, "1/"))


def test_a_past_without_versions_to_open_has_no_links(visit: Visit, thread: str) -> None:
    assert b"Versions" not in visit("kim").get(record(thread)).content
    assert visit("kim").get(record(thread, "1/")).status_code == 403


def test_what_was_deleted_is_not_found_by_anybody(visit: Visit, alice: Guarded, system: Store, thread: str) -> None:
    draft = alice.create(
        {"resourceType": "Communication", "status": "preparation", "sender": {"reference": "Practitioner/alice"}}
    ).resource
    assert draft is not None
    assert visit("alice").get(record(draft["id"])).status_code == 200
    system.delete("Communication", draft["id"])
    for name in ("alice", "charlie", "sam"):
        client = visit(name)
        for way in WAYS:
            gone = answer(client, way.format(type="Communication", id=draft["id"]))
            assert gone == answer(client, way.format(type="Communication", id=UNUSED)), (name, way)


def test_types_that_a_policy_does_not_know_are_refused(visit: Visit) -> None:
    for type in ("AccessPolicy", "Nothing", "communication", "%3Cscript%3E"):
        assert visit("homer").get(f"/record/{type}/1/").status_code == 403, type
    assert visit("alice").get("/record/Communication/%3Cscript%3E/").status_code == 404


def test_nobody_sees_a_page_without_signing_in(client: Client, thread: str) -> None:
    for path in (record(thread), record(thread, "1/"), "/record/Task/?focus=Communication/x"):
        assert client.get(path)["Location"].startswith("/accounts/login/")


def test_a_page_only_reads(visit: Visit, thread: str) -> None:
    client = visit("alice")
    assert client.post(record(thread)).status_code == 405
    assert client.head(record(thread)).status_code == 200


def said(repo: Guarded, message: str, text: str) -> str:
    """Another message like this one, with a text that no form would send; gives its id."""
    body = {**repo.read("Communication", message), "payload": [{"contentString": text}]}
    new = repo.create({key: value for key, value in body.items() if key not in ("id", "meta", "identifier")}).resource
    assert new is not None
    return str(new["id"])


def test_hostile_text_stays_text(visit: Visit, alice: Guarded, message: str) -> None:
    id, client = said(alice, message, HOSTILE), visit("alice")
    for rest in ("", "?with=1&all=1", "1/?all=1"):
        page = client.get(record(id, rest)).content.decode()
        assert "alert(" in page, rest
        assert "<script>alert" not in page, rest
        assert 'href="javascript' not in page, rest
        assert "\u202e" not in page, rest
    assert json.loads(code(client, record(id)))["payload"] == [{"contentString": HOSTILE}]
    assert json.loads(client.get(record(id, "?format=json")).content)["payload"] == [{"contentString": HOSTILE}]


def test_a_parameter_is_printed_as_text(visit: Visit, thread: str) -> None:
    page = visit("alice").get(record(thread, '?with="><script>alert(1)</script>'))
    assert page.status_code == 404
    assert b"<script>alert" not in page.content


def test_two_versions_are_compared_line_by_line(visit: Visit, alice: Guarded, thread: str) -> None:
    seen = threads.get(alice, thread)
    first = alice.read("Communication", thread)["meta"]["versionId"]
    threads.close(alice, thread, version=seen.version)
    page = visit("alice").get(record(thread, f"?with={first}")).content.decode()
    removed, added = lines(page, "del"), lines(page, "ins")
    assert [one for one in removed if "status" in one] == ['−  "status": "in-progress",']
    assert [one for one in added if "status" in one] == ['+  "status": "completed",']
    assert f"{len(removed)} lines removed" in page
    assert f"{len(added)} lines added" in page
    backwards = visit("alice").get(record(thread, f"{first}/?with={int(first) + 1}")).content.decode()
    assert '+  "status": "in-progress",' in lines(backwards, "ins")


def test_a_version_compared_with_itself_differs_in_nothing(visit: Visit, thread: str) -> None:
    page = visit("alice").get(record(thread, "1/?with=1")).content
    assert b"nothing." in page
    assert b"<ins" not in page
    assert b"<del" not in page


def test_a_message_of_a_million_letters_does_not_hurt(visit: Visit, alice: Guarded, message: str) -> None:
    id, client = said(alice, message, "x" * 1_000_000), visit("alice")
    page = client.get(record(id)).content
    assert len(page) < 40_000
    assert b"998002 more letters" in page
    assert b'href="?all=1"' in page
    assert json.loads(code(client, record(id, "?all=1"))) == alice.read("Communication", id)
    assert b'href="?all=1"' not in client.get(record(id, "?all=1")).content


def changed(alice: Guarded, thread: str, times: int) -> None:
    for _ in range(times):
        for change in (participants.remove, participants.add):
            change(alice, thread, "Practitioner/bob", seen=threads.get(alice, thread).participants_version)


@pytest.mark.parametrize("name", ["alice", "homer", "sam"])
def test_a_page_costs_as_many_queries_with_many_versions(visit: Visit, alice: Guarded, thread: str, name: str) -> None:
    client = visit(name)
    changed(alice, thread, 1)
    paths = [record(thread), record(thread, "1/"), record(thread, "?with=1"), record(thread, "2/?with=1&all=1")]

    def costs() -> list[int]:
        return [len(queries(asking(client, path))) for path in paths]

    few = costs()
    changed(alice, thread, 15)
    assert b"Show all 3" in client.get(record(thread)).content
    assert costs() == few
    assert few[0] <= 5 and max(few) <= 11, few


def test_a_list_costs_as_many_queries_with_many_messages(visit: Visit, alice: Guarded, thread: str) -> None:
    client, path = visit("alice"), f"/record/Communication/?part-of=Communication/{thread}"
    few = len(queries(asking(client, path)))
    for number in range(60):
        messages.send(alice, thread, text=f"Message {number}", client_id=str(uuid4()))
    assert len(queries(asking(client, path))) == few <= 4


def asking(client: Client, path: str) -> Callable[[], None]:
    def ask() -> None:
        assert client.get(path).status_code == 200, path

    return ask


def test_every_message_and_task_of_a_thread_is_in_its_lists_once(visit: Visit, alice: Guarded, thread: str) -> None:
    sent = [messages.send(alice, thread, text=str(number), client_id=str(uuid4())).id for number in range(60)]
    client, found = visit("alice"), list[str]()
    path = f"?part-of=Communication/{thread}"
    while path:
        page = client.get(f"/record/Communication/{path}").content.decode()
        found += re.findall(r'href="/record/Communication/([0-9a-f-]{36})/">Communication/', page)
        more = re.search(r'href="(\?part-of=[^"]*after=[^"]*)"', page)
        path = more[1].replace("&amp;", "&") if more else ""
    assert len(found) == len(set(found)) == 61
    assert found[1:] == sent
    tasks = client.get(f"/record/Task/?focus=Communication/{thread}").content.decode()
    assert len(re.findall(r'href="/record/Task/[^"]+/">Task/', tasks)) == 2
    task = re.search(r'href="(/record/Task/[^"]+/)">Task/', tasks)
    assert task
    assert f"/record/Communication/{thread}/" in client.get(task[1]).content.decode()


def test_lists_that_are_no_lists(visit: Visit, thread: str) -> None:
    client = visit("alice")
    for path, status in {
        "/record/Patient/?subject=Patient/homer": 404,
        "/record/Task/": 400,
        "/record/Task/?focus=Patient/homer": 400,
        "/record/Task/?focus=Communication/%22%3E%3Cscript%3E": 400,
        f"/record/Task/?focus=Communication/{thread},Communication/{UNUSED}": 400,
        f"/record/Task/?focus=Communication/{thread}&after=broken": 400,
    }.items():
        assert client.get(path).status_code == status, path
    assert visit("kim").get(f"/record/Task/?focus=Communication/{thread}").status_code == 403
    assert b"Task?focus" not in visit("kim").get(record(thread)).content


def test_the_clinic_has_a_way_to_it_and_the_portal_has_none(visit: Visit, thread: str, message: str) -> None:
    for name in ("alice", "sam"):
        page = visit(name).get(f"/threads/{thread}/").content.decode()
        assert f'<a class="menu__item" href="/record/Communication/{thread}/">' in page
        assert f'href="/record/Communication/{message}/"' in page
    homer = visit("homer")
    assert b"/record/" not in homer.get(f"/threads/{thread}/").content
    asked = homer.get(record(thread))
    assert (asked.status_code, b'class="rail"' in asked.content) == (200, False)
    assert "extension" not in json.loads(code(homer, record(thread)))


def test_looking_is_audited(visit: Visit, practice: Practice, message: str) -> None:
    visit("bob").get(record(message, "1/?with=1"))
    looked = {one.interaction for one in events(practice, message) if one.actor == "Practitioner/bob"}
    assert looked >= {"read", "vread", "history"}
    visit("charlie").get(record(message))
    assert [one.outcome for one in events(practice, message) if one.actor == "Practitioner/charlie"] == ["4"]


def events(practice: Practice, id: str) -> list[AuditEvent]:
    return list(audit.events_of(practice.pk, "Communication", id))
