"""One file in two messages at the same moment: it belongs to one of them, and both are as their senders see them."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inbox import fhir
from inbox.fhir.guard import Guarded
from inbox.fhir.repository import Upload
from inbox.models import Content, Practice
from tests import clinic, invariants
from tests.concurrency.together import errors, together

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.postgres]

ALICE, BOB = "Practitioner/alice", "Practitioner/bob"


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> None:
    place = {**settings.STORAGES["files"], "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "files": place}


def sending(practice: Practice, thread: str, file: str) -> Callable[[], Any]:
    message = {
        "resourceType": "Communication",
        "status": "in-progress",
        "partOf": [{"reference": f"Communication/{thread}"}],
        "sender": {"reference": ALICE},
        "recipient": [{"reference": BOB}],
        "payload": [{"contentAttachment": {"url": f"Binary/{file}"}}],
    }
    return lambda: clinic.connect(practice, ALICE, "clinician").create(message).resource


def test_a_file_in_ten_messages_at_once_belongs_to_one_of_them(practice: Practice) -> None:
    alice: Guarded = clinic.connect(practice, ALICE, "clinician")
    thread = clinic.start(alice, BOB)
    made = alice.upload({"resourceType": "Binary", "contentType": "text/plain"}, Upload(io.BytesIO(b"hello"))).resource
    assert made is not None
    answers = together([sending(practice, thread, made["id"])] * 10)
    assert errors(answers) == []
    versions = fhir.system(practice.pk).history("Binary", made["id"])
    carriers = [one["securityContext"]["reference"] for one in versions if "securityContext" in one]
    assert len(carriers) == 1
    assert carriers[0] in [f"Communication/{one['id']}" for one in answers]
    assert [one.loose for one in Content.objects.all()] == [False]
    bob = clinic.connect(practice, BOB, "clinician")
    assert bob.download(made["id"])[1].open().read() == b"hello"
    invariants.check()
