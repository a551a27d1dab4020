"""What files hold and who reads them: their uploader until something carries them, then its readers."""

import base64
import io
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from inbox import fhir
from inbox.fhir import files, filing, outcome
from inbox.fhir.guard import Guarded
from inbox.fhir.repository import Upload, Write
from inbox.fhir.store import Store
from inbox.fhir.types import Actor, Resource
from inbox.models import Content, Practice
from inbox.models import Resource as Row
from inbox.services import participants
from tests import clinic
from tests.access.people import status

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]

BYTES = b"glucose 5.4 mmol/l"


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """Contents of these tests lie here, and nothing else does."""
    place = {**settings.STORAGES["files"], "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "files": place}
    return tmp_path


def kept(folder: Path) -> list[bytes]:
    """Everything in the storage."""
    return sorted(one.read_bytes() for one in folder.rglob("*") if one.is_file())


def upload(repo: Guarded | Store, content: bytes = BYTES, name: str = "lab.txt", **elements: Any) -> str:
    """A file of somebody's; gives its id."""
    resource = {"resourceType": "Binary", "contentType": "text/plain", **elements}
    written = repo.upload(resource, Upload(io.BytesIO(content), name))
    assert written.resource is not None
    return str(written.resource["id"])


def holding(repo: Guarded | Store, id: str, version: str = "") -> bytes:
    with repo.download(id, version)[1].open() as stream:
        return stream.read()


def a_message(repo: Guarded, thread: str, *recipients: str, file: str, **elements: Any) -> Resource:
    header = fhir.system(repo.actor.practice).read("Communication", thread)
    return {
        "resourceType": "Communication",
        "status": "in-progress",
        "partOf": [{"reference": f"Communication/{thread}"}],
        "sender": {"reference": repo.actor.profile},
        "subject": header["subject"],
        "recipient": [{"reference": one} for one in recipients],
        "payload": [{"contentString": "See this"}, {"contentAttachment": {"url": file}}],
        **elements,
    }


def send(repo: Guarded, thread: str, *recipients: str, file: str, **elements: Any) -> Resource:
    """A message that carries a file, given as its address."""
    written = repo.create(a_message(repo, thread, *recipients, file=file, **elements))
    assert written.resource is not None
    return written.resource


def reads(file: str, *repos: Guarded) -> list[int]:
    """What each of them gets for a file, as its status; each asks anew."""
    return [status(lambda one=one: fresh(one).download(file)) for one in repos]


def fresh(repo: Guarded) -> Guarded:
    """The same person with the next request."""
    return Guarded(repo.store, repo.policy)


@pytest.fixture
def thread(alice: Guarded) -> str:
    """Of alice, bob and homer."""
    return clinic.start(alice, "Practitioner/bob", "Patient/homer")


def test_a_file_is_stored_beside_the_database_and_read_back(alice: Guarded, folder: Path) -> None:
    id = upload(alice)
    resource, content = alice.download(id)
    assert (content.name, content.size, content.open().read()) == ("lab.txt", len(BYTES), BYTES)
    assert "data" not in resource
    assert kept(folder) == [BYTES]
    assert "glucose" not in Row.objects.get(fhir_id=id).body


def test_data_in_json_is_the_same_as_a_raw_content(alice: Guarded, folder: Path) -> None:
    data = base64.b64encode(BYTES).decode()
    made = alice.create({"resourceType": "Binary", "contentType": "text/plain", "data": data}).resource
    assert made is not None
    assert holding(alice, made["id"]) == BYTES
    assert base64.b64encode(BYTES).decode() not in Row.objects.get(fhir_id=made["id"]).body


@pytest.mark.parametrize("data", ["a", "####", "aGk", "aGk=aGk=", ""])
def test_data_that_is_not_base64_is_refused_and_leaves_nothing(alice: Guarded, folder: Path, data: str) -> None:
    with pytest.raises(outcome.Invalid) as refused:
        alice.create({"resourceType": "Binary", "contentType": "text/plain", "data": data})
    assert refused.value.expression == ["Binary.data"]
    assert kept(folder) == []


@pytest.mark.parametrize("store", ["guarded", "bare"])
def test_a_file_without_content_is_refused(alice: Guarded, folder: Path, store: str) -> None:
    repo = alice if store == "guarded" else Store(alice.actor)
    for write in (
        lambda: repo.create({"resourceType": "Binary", "contentType": "text/plain"}),
        lambda: upload(repo, b""),
    ):
        with pytest.raises(outcome.Invalid, match="needs content"):
            write()
    assert not Row.objects.filter(type="Binary").exists()
    assert kept(folder) == []


def test_a_file_over_the_limit_is_refused_and_one_at_the_limit_is_not(
    alice: Guarded, folder: Path, settings: Any
) -> None:
    settings.FHIR_MAX_BINARY_BYTES = len(BYTES)
    upload(alice)
    with pytest.raises(outcome.TooLarge):
        upload(alice, BYTES + b"!")
    assert kept(folder) == [BYTES]


def test_every_version_keeps_its_content(practice: Practice, folder: Path) -> None:
    repo = person(practice, "Practitioner/alice")
    id = upload(repo, b"one")
    two = repo.upload({**repo.read("Binary", id), "contentType": "text/csv"}, Upload(io.BytesIO(b"two"))).resource
    assert two is not None
    assert two["meta"]["versionId"] == "2"
    described = repo.update({**two, "contentType": "text/plain"}).resource
    assert described is not None
    assert described["meta"]["versionId"] == "3"
    assert [holding(repo, id, one) for one in ("1", "2", "3", "")] == [b"one", b"two", b"two", b"two"]
    assert repo.download(id)[1].name == "lab.txt"


def test_the_same_content_again_makes_no_version(practice: Practice, folder: Path) -> None:
    repo = person(practice, "Practitioner/alice")
    id = upload(repo)
    again = {**repo.read("Binary", id), "data": base64.b64encode(BYTES).decode()}
    assert repo.update(again).unchanged
    assert repo.read("Binary", id)["meta"]["versionId"] == "1"


def test_a_write_that_is_refused_leaves_no_content(alice: Guarded, sam: Guarded, folder: Path) -> None:
    with pytest.raises(outcome.UnknownReference):
        upload(alice, securityContext={"reference": "Communication/none"})
    with pytest.raises(outcome.Invalid):
        upload(alice, contentType="not a type")
    with pytest.raises(outcome.Forbidden):
        upload(sam)
    assert kept(folder) == []


def test_a_transaction_that_fails_takes_its_files_with_it(alice: Guarded, folder: Path, thread: str) -> None:
    data = {"resourceType": "Binary", "contentType": "text/plain", "data": "aGk="}
    stolen = a_message(alice, thread, "Patient/homer", file="Binary/none")
    system = fhir.system(alice.actor.practice)
    with pytest.raises(outcome.FHIRError):
        alice.apply([Write("POST", "Binary", resource=data), Write("POST", "Communication", resource=stolen)])
    with pytest.raises(RuntimeError), system.atomic():
        system.create(data)
        assert kept(folder) == [b"hi"]
        raise RuntimeError
    assert kept(folder) == []


def test_a_file_and_its_message_come_in_one_bundle(alice: Guarded, homer: Guarded, thread: str, folder: Path) -> None:
    urn = "urn:uuid:6c1f6b0a-3a4e-4b57-9d3c-1d3a6f6f0001"
    file = {"resourceType": "Binary", "contentType": "text/plain", "data": base64.b64encode(BYTES).decode()}
    entries = [
        {
            "resource": a_message(alice, thread, "Patient/homer", file=urn),
            "request": {"method": "POST", "url": "Communication"},
        },
        {"fullUrl": urn, "resource": file, "request": {"method": "POST", "url": "Binary"}},
    ]
    answer = alice.transaction({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    id = answer["entry"][1]["resource"]["id"]
    assert holding(fresh(homer), id) == BYTES


# Who reads a file


def test_ac43_a_file_that_nothing_carries_is_its_uploaders(
    alice: Guarded, bob: Guarded, homer: Guarded, charlie: Guarded, sam: Guarded
) -> None:
    assert reads(upload(alice), alice, bob, homer, charlie, sam) == [200, 404, 404, 404, 404]
    assert reads(upload(homer), alice, bob, homer, charlie, sam) == [404, 404, 200, 404, 404]


def test_ac41_a_message_opens_its_file_to_those_who_may_read_it(
    alice: Guarded, bob: Guarded, homer: Guarded, charlie: Guarded, sam: Guarded, thread: str
) -> None:
    file = upload(alice)
    sent = send(alice, thread, "Practitioner/bob", "Patient/homer", file=f"Binary/{file}")
    assert reads(file, alice, bob, homer, charlie, sam) == [200, 200, 200, 404, 200]
    carrier = fresh(homer).read("Binary", file)["securityContext"]
    assert carrier == {"reference": f"Communication/{sent['id']}"}


def test_ac42_the_file_of_a_note_is_not_for_patients(
    alice: Guarded, bob: Guarded, homer: Guarded, sam: Guarded, thread: str
) -> None:
    internal = [{"coding": [{"code": "internal"}]}]
    file = upload(alice)
    send(alice, thread, "Practitioner/bob", file=f"Binary/{file}", category=internal)
    assert reads(file, alice, bob, homer, sam) == [200, 200, 404, 200]


def test_the_file_of_a_draft_is_its_senders_until_it_is_sent(
    alice: Guarded, bob: Guarded, homer: Guarded, sam: Guarded, thread: str
) -> None:
    file = upload(alice)
    draft = send(alice, thread, "Patient/homer", file=f"Binary/{file}", status="preparation")
    assert reads(file, alice, bob, homer, sam) == [200, 404, 404, 404]
    fresh(alice).update({**draft, "status": "in-progress"})
    assert reads(file, alice, bob, homer, sam) == [200, 404, 200, 200]


def test_the_file_of_a_retracted_message_is_its_senders(
    alice: Guarded, bob: Guarded, homer: Guarded, sam: Guarded, thread: str
) -> None:
    file = upload(alice)
    sent = send(alice, thread, "Practitioner/bob", "Patient/homer", file=f"Binary/{file}")
    retracted = {name: value for name, value in sent.items() if name != "payload"}
    fresh(alice).update({**retracted, "status": "entered-in-error"})
    assert reads(file, alice, bob, homer, sam) == [200, 404, 404, 200]


def test_ac34_who_is_removed_keeps_the_files_they_had_and_gets_no_later_ones(
    alice: Guarded, bob: Guarded, thread: str
) -> None:
    early, late = upload(alice), upload(alice)
    send(alice, thread, "Practitioner/bob", file=f"Binary/{early}")
    participants.remove(fresh(alice), thread, "Practitioner/bob", seen="")
    send(fresh(alice), thread, "Patient/homer", file=f"Binary/{late}")
    assert [reads(one, bob) for one in (early, late)] == [[200], [404]]


@pytest.mark.parametrize("what", ["loose", "in a note", "none"])
def test_a_file_of_somebody_else_can_not_be_claimed(
    alice: Guarded, homer: Guarded, charlie: Guarded, thread: str, what: str
) -> None:
    file = "none" if what == "none" else upload(alice)
    if what == "in a note":
        internal = [{"coding": [{"code": "internal"}]}]
        send(alice, thread, "Practitioner/bob", file=f"Binary/{file}", category=internal)
    with pytest.raises(outcome.UnknownReference) as refused:
        send(homer, thread, "Practitioner/alice", file=f"Binary/{file}")
    assert refused.value.text == f"Unknown reference Binary/{file}"
    assert reads(file, homer, charlie) == [404, 404]


def test_passing_a_file_on_does_not_open_it_to_others(
    alice: Guarded, bob: Guarded, homer: Guarded, thread: str
) -> None:
    file = upload(alice)
    send(alice, thread, "Practitioner/bob", file=f"Binary/{file}")
    send(fresh(bob), thread, "Patient/homer", file=f"Binary/{file}")
    assert reads(file, alice, bob, homer) == [200, 200, 404]


@pytest.mark.parametrize("address", ["{base}/fhir/R4/Binary/{id}", "Binary/{id}", "Binary/{id}/_history/1"])
def test_every_way_to_write_the_address_is_this_file(
    alice: Guarded, homer: Guarded, charlie: Guarded, thread: str, address: str, settings: Any
) -> None:
    file = upload(alice)
    url = address.format(base=settings.BASE_URL, id=file)
    with pytest.raises(outcome.UnknownReference):
        send(homer, thread, "Practitioner/alice", file=url)
    send(alice, thread, "Patient/homer", file=url)
    assert reads(file, homer, charlie) == [200, 404]


def test_the_content_of_a_payload_may_be_a_file_by_reference(alice: Guarded, homer: Guarded, thread: str) -> None:
    file = upload(alice)
    payload = [{"contentReference": {"reference": f"Binary/{file}"}}]
    send(alice, thread, "Patient/homer", file="", payload=payload)
    assert reads(file, homer) == [200]


def test_what_an_uploader_says_it_belongs_to_opens_nothing_before_it_is_carried(
    alice: Guarded, bob: Guarded, homer: Guarded, thread: str
) -> None:
    header = {"reference": f"Communication/{thread}"}
    file = upload(alice, securityContext=header)
    assert reads(file, alice, bob, homer) == [200, 404, 404]
    send(alice, thread, "Practitioner/bob", file=f"Binary/{file}")
    assert reads(file, alice, bob, homer) == [200, 200, 404]


def test_what_a_file_is_said_to_belong_to_must_be_known(alice: Guarded, charlie: Guarded, thread: str) -> None:
    texts = []
    for id in (thread, "none"):
        with pytest.raises(outcome.UnknownReference) as refused:
            upload(charlie, securityContext={"reference": f"Communication/{id}"})
        texts.append(refused.value.text.replace(id, "…"))
    assert texts[0] == texts[1]


def person(practice: Practice, profile: str) -> Guarded:
    """Somebody who may do all with files, media and patients."""
    entries = [{"resourceType": type} for type in ("Binary", "Media", "Patient")]
    return fhir.connect(Actor(practice.pk, profile, (profile,)), {"resourceType": "AccessPolicy", "resource": entries})


def test_anything_may_carry_a_file(practice: Practice) -> None:
    """The way of clients: first the carrier, then the file that is said to belong to it, then the address."""
    alice, bob = (person(practice, f"Practitioner/{one}") for one in ("alice", "bob"))
    content = {"contentType": "image/png"}
    media = {"resourceType": "Media", "status": "preparation", "subject": {"reference": "Patient/homer"}}
    carrier = alice.create({**media, "content": content}).resource
    assert carrier is not None
    file = upload(alice, securityContext={"reference": f"Media/{carrier['id']}"})
    assert reads(file, alice, bob) == [200, 404]
    fresh(alice).update({**carrier, "status": "completed", "content": {**content, "url": f"Binary/{file}"}})
    assert reads(file, alice, bob) == [200, 200]
    assert fresh(bob).read("Binary", file)["meta"]["versionId"] == "1"


def test_who_may_not_read_the_carrier_any_more_has_lost_the_file_too_even_the_uploader(practice: Practice) -> None:
    alice = person(practice, "Practitioner/alice")
    file = upload(alice)
    photo = {**alice.read("Patient", "homer"), "photo": [{"url": f"Binary/{file}"}]}
    alice.update(photo)
    files_alone = {"resourceType": "AccessPolicy", "resource": [{"resourceType": "Binary"}]}
    assert reads(file, alice, fhir.connect(alice.actor, files_alone)) == [200, 404]


def test_the_other_profiles_of_an_account_read_what_one_of_them_uploaded(practice: Practice) -> None:
    profiles = ("RelatedPerson/marge-bart", "RelatedPerson/marge-homer")
    policy = {"resourceType": "AccessPolicy", "resource": [{"resourceType": "Binary"}]}
    one, other = (fhir.connect(Actor(practice.pk, profile, profiles), policy) for profile in profiles)
    assert reads(upload(one), one, other) == [200, 200]


def test_ac37_a_deleted_file_is_gone_for_its_uploader_and_never_was_for_others(practice: Practice) -> None:
    alice, bob = (person(practice, f"Practitioner/{one}") for one in ("alice", "bob"))
    file = upload(alice)
    alice.delete("Binary", file)
    assert reads(file, alice, bob) == [410, 404]


def test_files_do_not_pass_the_wall_of_a_practice(practice: Practice) -> None:
    other = fhir.create_practice("shelbyville", "Shelbyville Clinic")
    fhir.bulk_load(other, clinic.people())
    alice = person(practice, "Practitioner/alice")
    namesake = person(other, "Practitioner/alice")
    file = upload(alice)
    assert reads(file, alice, namesake) == [200, 404]
    photo = {**namesake.read("Patient", "homer"), "photo": [{"url": f"Binary/{file}"}]}
    with pytest.raises(outcome.UnknownReference):
        namesake.update(photo)


# What goes by itself


def test_ac43_a_file_that_nothing_carries_is_deleted_after_a_day(
    alice: Guarded, homer: Guarded, thread: str, folder: Path, settings: Any
) -> None:
    forgotten, new, carried = upload(alice, b"forgotten"), upload(alice, b"new"), upload(alice, b"carried")
    send(alice, thread, "Patient/homer", file=f"Binary/{carried}")
    day = settings.FHIR_LOOSE_FILE_HOURS * filing.HOUR
    Content.objects.exclude(resource__fhir_id=new).update(at=Content.objects.get(resource__fhir_id=new).at - day)
    assert filing.forget() == 1
    assert kept(folder) == [b"carried", b"new"]
    assert [reads(one, alice)[0] for one in (forgotten, new, carried)] == [404, 200, 200]
    assert reads(carried, homer) == [200]
    assert filing.forget() == 0


def test_what_the_system_brought_is_not_forgotten(practice: Practice, folder: Path) -> None:
    fhir.bulk_load(practice, [{"resourceType": "Binary", "id": "old", "contentType": "text/plain", "data": "aGk="}])
    Content.objects.update(at=0)
    assert filing.forget() == 0
    assert kept(folder) == [b"hi"]


def test_contents_that_no_file_has_are_swept_up_when_they_are_old(alice: Guarded, folder: Path) -> None:
    upload(alice, b"a file")
    lost, young = (files.put(Upload(io.BytesIO(one))).key for one in (b"lost", b"young"))
    past = (datetime.now(UTC) - timedelta(hours=2)).timestamp()
    for key in (lost, Content.objects.get().key):
        os.utime(folder / key, (past, past))
    assert filing.sweep() == 1
    assert kept(folder) == [b"a file", b"young"]
    assert (folder / young).exists()


def test_a_storage_that_is_away_is_for_the_next_time(alice: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OSError

    monkeypatch.setattr(files, "storage", away)
    filing.tidy()


def test_a_content_that_is_lost_is_not_found_and_says_so(alice: Guarded, folder: Path) -> None:
    file = upload(alice)
    (folder / Content.objects.get().key).unlink()
    assert alice.read("Binary", file)["id"] == file
    with pytest.raises(outcome.NotFound, match="lost"):
        holding(alice, file)


# Names


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("lab.pdf", "lab.pdf"),
        ("Größe 12.pdf", "Größe 12.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a\r\nSet-Cookie: x=1.txt", "aSet-Cookie: x=1.txt"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("a\x00b.txt", "ab.txt"),
        ("..", ""),
        ("", ""),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
        ("y" * 300, "y" * 120),
        ('"><img src=x onerror=alert(1)>.png', '"><img src=x onerror=alert(1)>.png'),
    ],
)
def test_ac49_names_are_kept_without_what_could_do_harm(given: str, stored: str) -> None:
    assert files.named(given) == stored
