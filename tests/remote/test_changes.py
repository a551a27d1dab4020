"""What the worker finds new on a remote server: each version once, late commits too, nothing from before it began."""

from urllib.parse import urlsplit

import httpx
import pytest

from inbox import fhir
from inbox.fhir import capability, place, remote_changes, rows
from inbox.fhir.client import Client
from inbox.fhir.remote_changes import Watch
from inbox.fhir.remote_http import Server
from inbox.fhir.remote_token import Credentials
from inbox.fhir.types import Actor, Resource
from inbox.models import Outbox, Practice, RemoteVersion

pytestmark = pytest.mark.django_db(databases="__all__")

START = rows.micros("2026-03-01T12:00:00Z")


class Elsewhere:
    """A server whose versions a test puts in, at any time it likes."""

    def __init__(self) -> None:
        self.versions: list[Resource] = []

    def put(self, id: str, version: int, second: float, **more: object) -> None:
        meta = {"versionId": str(version), "lastUpdated": rows.instant(START + int(second * 1_000_000))}
        resource = {"resourceType": "Communication", "id": id, "meta": meta, "status": "in-progress", **more}
        self.versions.append(resource)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        parts = urlsplit(str(request.url)).path.removeprefix("/R4/").split("/")
        mine = [one for one in self.versions if one["resourceType"] == parts[0]]
        if len(parts) == 3:
            mine = [one for one in mine if one["id"] == parts[1]]
        elif len(parts) == 1:
            newest = {one["id"]: one for one in mine}
            mine = sorted(newest.values(), key=lambda one: str(one["meta"]["lastUpdated"]))
        else:
            return httpx.Response(404, json={})
        entries = [{"resource": one} for one in mine]
        return httpx.Response(200, json={"resourceType": "Bundle", "type": "searchset", "entry": entries})


@pytest.fixture
def practice(db: None) -> Practice:
    return fhir.create_practice("springfield", "Springfield Clinic")


@pytest.fixture
def there(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    handler = Elsewhere()
    server = Server("http://fhir.example/R4", Credentials(), transport=httpx.MockTransport(handler))
    known = capability.parse({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"})
    client = Client(Actor(practice.pk, "Device/system"), server, lambda: known, trusted=True)
    monkeypatch.setattr(place, "system", lambda number: client)
    return handler


def look(watch: Watch) -> list[str]:
    """What is new, as `id/version`, dealt with."""
    found = []
    for change in watch.changes():
        watch.done(change)
        found.append(f"{change.resource['id']}/{change.resource['meta']['versionId']}")
    return found


CHILD = {"partOf": [{"reference": "Communication/h"}]}


def test_what_was_there_before_is_no_news(there: Elsewhere, practice: Practice) -> None:
    there.put("old", 1, 0, **CHILD)
    watch = Watch(practice.pk)
    assert look(watch) == []
    there.put("new", 1, 5, **CHILD)
    assert look(watch) == ["new/1"]
    assert look(watch) == []
    assert look(Watch(practice.pk)) == []
    assert list(Outbox.objects.filter(fhir_id="new").values_list("interaction", "thread")) == [("create", "h")]


def test_a_commit_that_becomes_visible_late_is_found(there: Elsewhere, practice: Practice) -> None:
    watch = Watch(practice.pk)
    look(watch)
    there.put("first", 1, 100, **CHILD)
    assert look(watch) == ["first/1"]
    there.put("late", 1, 75, **CHILD)
    assert look(watch) == ["late/1"]


def test_versions_between_two_looks_are_all_given_in_order(there: Elsewhere, practice: Practice) -> None:
    watch = Watch(practice.pk)
    look(watch)
    for version in (1, 2, 3):
        there.put("m", version, version, **CHILD)
    changes = []
    for change in watch.changes():
        changes.append((change.interaction, change.before and change.before["meta"]["versionId"]))
        watch.done(change)
    assert changes == [("create", None), ("update", "1"), ("update", "2")]


def test_a_change_of_a_thread_waits_one_look_for_whoever_made_it(there: Elsewhere, practice: Practice) -> None:
    watch = Watch(practice.pk)
    look(watch)
    there.put("h", 1, 1)
    assert look(watch) == ["h/1"]
    there.put("h", 2, 2, topic={"text": "Renamed"})
    there.put("far", 1, 500, **CHILD)
    assert look(watch) == ["far/1"]
    assert look(watch) == ["h/2"]
    assert look(watch) == []


def test_old_notes_go_and_make_nothing_new_again(
    there: Elsewhere, practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_changes, "KEPT", 10_000_000)
    watch = Watch(practice.pk)
    look(watch)
    there.put("m", 1, 1, **CHILD)
    there.put("m", 2, 2, **CHILD)
    look(watch)
    there.put("n", 1, 100, **CHILD)
    look(watch)
    watch.tidy()
    assert set(RemoteVersion.objects.exclude(fhir_id="").values_list("fhir_id", flat=True)) == {"n"}
    there.put("m", 3, 101, **CHILD)
    assert look(watch) == ["m/3"]
