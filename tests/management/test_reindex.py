"""`manage.py reindex`: every index row as it would be written today, whatever was there before."""

import io
from typing import Any

import pytest
from django.core.management import call_command

from inbox import fhir
from inbox.fhir import reindex
from inbox.fhir.store import Store
from inbox.models import DateIndex, Practice, ReferenceIndex, Resource, StringIndex, TokenIndex
from tests import volume

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]

INDEXES: list[Any] = [ReferenceIndex, TokenIndex, StringIndex, DateIndex]
HEADER = {
    "resourceType": "Communication",
    "id": "h1",
    "status": "in-progress",
    "subject": {"reference": "Patient/homer", "identifier": {"system": "urn:mrn", "value": "7"}},
    "recipient": [{"reference": "Practitioner/alice"}, {"reference": "Practitioner/bob"}],
    "category": [{"text": "Lab results"}],
    "sent": "2026-01-01",
}


@pytest.fixture
def stored(practice: Practice, system: Store) -> None:
    """Threads, a header with all kinds of rows, and something deleted."""
    volume.threads(practice, "t", ["Practitioner/alice", "Practitioner/bob"], count=10)
    fhir.bulk_load(practice, [HEADER])
    system.update({"resourceType": "Patient", "id": "gone", "name": [{"text": "Gone"}]})
    system.delete("Patient", "gone")


def kept() -> dict[str, list[Any]]:
    """All index rows and columns, but for their numbers."""
    found: dict[str, list[Any]] = {
        model.__name__: sorted(map(str, model.objects.values_list(*_fields(model)))) for model in INDEXES
    }
    found["Resource"] = list(Resource.objects.order_by("pk").values())
    return found


def _fields(model: Any) -> list[str]:
    return [field.name for field in model._meta.fields if field.name != "id"]


def run(**options: Any) -> str:
    out = io.StringIO()
    call_command("reindex", stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()


def test_what_is_right_is_left_alone(stored: None) -> None:
    before = kept()
    numbers = {model: set(model.objects.values_list("pk", flat=True)) for model in INDEXES}
    assert run() == "Search index: 0 resources mended.\n"
    assert kept() == before
    assert {model: set(model.objects.values_list("pk", flat=True)) for model in INDEXES} == numbers


@pytest.mark.parametrize("batch", [1, 7, 500])
def test_what_is_missing_wrong_or_too_much_is_mended(
    stored: None, practice: Practice, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindex, "BATCH", batch)
    before = kept()
    header = Resource.objects.get(fhir_id="h1")
    StringIndex.objects.all().delete()
    TokenIndex.objects.filter(param__contains=":").delete()
    ReferenceIndex.objects.filter(resource__fhir_id="t-00001").update(sent=5, is_header=False)
    ReferenceIndex.objects.filter(resource=header, param="Communication.subject").update(target="Patient/ned")
    DateIndex.objects.create(practice=practice, param="Communication.sent", low=1, high=2, resource=header)
    Resource.objects.filter(fhir_id="t-00002").update(status="x", display="y", sent=1, has_payload=True)
    gone = Resource.objects.get(fhir_id="gone")
    StringIndex.objects.create(practice=practice, param="Patient.name", norm="gone", value="Gone", resource=gone)
    assert kept() != before
    assert "0 resources" not in run()
    assert kept() == before
    assert run() == "Search index: 0 resources mended.\n"


def test_a_run_goes_on_where_one_was_broken_off(stored: None, system: Store) -> None:
    TokenIndex.objects.filter(param__contains=":").delete()
    header = Resource.objects.get(fhir_id="h1")
    asked = [("subject:identifier", "urn:mrn|7")]
    assert "0 resources" in run(after=header.pk)
    assert system.search("Communication", asked).resources == []
    assert "1 resource mended" in run(after=header.pk - 1)
    assert [one["id"] for one in system.search("Communication", asked).resources] == ["h1"]


def test_an_error_keeps_the_batches_before_it(stored: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reindex, "BATCH", 20)
    StringIndex.objects.all().delete()
    told: list[int] = []

    def progress(number: int, last: int) -> None:
        told.append(number)
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reindex.rebuild(progress=progress)
    found = StringIndex.objects.values_list("resource_id", flat=True)
    assert found and max(found) <= told[-1]
    reindex.rebuild()
    assert StringIndex.objects.filter(resource__fhir_id="h1").exists()
