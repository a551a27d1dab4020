"""`manage.py load`: files in, all or nothing, and errors that say where."""

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from inbox import fhir
from inbox.management import files
from inbox.management.commands import load as command
from inbox.models import Practice, Resource

pytestmark = pytest.mark.django_db

HOMER: dict[str, Any] = {"resourceType": "Patient", "id": "homer", "name": [{"text": "Homer Simpson"}]}
ALLERGY: dict[str, Any] = {
    "resourceType": "AllergyIntolerance",
    "id": "a1",
    "patient": {"reference": "Patient/homer"},
}


@pytest.fixture
def practice() -> Practice:
    return fhir.create_practice("springfield", "Springfield Clinic")


def load(*paths: Path, **options: Any) -> str:
    out = io.StringIO()
    call_command("load", *map(str, paths), practice="springfield", stdout=out, **options)
    return out.getvalue()


def refusal(*paths: Path, **options: Any) -> str:
    """The text of the refusal; nothing is there that was not there before."""
    before = Resource.objects.count()
    with pytest.raises(CommandError) as refused:
        load(*paths, **options)
    assert Resource.objects.count() == before
    return str(refused.value)


def ndjson(folder: Path, *resources: Any) -> Path:
    path = folder / "clinic.ndjson"
    path.write_text("".join(one if isinstance(one, str) else json.dumps(one) + "\n" for one in resources))
    return path


def bundle(folder: Path, *entries: Any) -> Path:
    path = folder / "bundle.json"
    text = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
    path.write_text(json.dumps(text, indent=1))
    return path


def stored(reference: str) -> dict[str, Any]:
    type, id = reference.split("/")
    found: dict[str, Any] = json.loads(Resource.objects.get(type=type, fhir_id=id).body, parse_float=Decimal)
    return found


def test_ndjson_is_loaded_in_any_order_of_its_lines(practice: Practice, tmp_path: Path) -> None:
    assert load(ndjson(tmp_path, ALLERGY, "\n", HOMER)) == "2 resources loaded into “springfield”.\n"
    assert stored("AllergyIntolerance/a1")["patient"]["reference"] == "Patient/homer"


def test_a_single_resource_and_a_bundle_can_be_loaded_together(practice: Practice, tmp_path: Path) -> None:
    single = tmp_path / "homer.json"
    single.write_text(json.dumps(HOMER, indent=2))
    assert load(bundle(tmp_path, {"resource": ALLERGY}), single).startswith("2 resources")


def test_the_names_inside_a_bundle_become_references(practice: Practice, tmp_path: Path) -> None:
    homer = {name: value for name, value in HOMER.items() if name != "id"}
    url = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    allergy = ALLERGY | {"patient": {"reference": url}}
    load(bundle(tmp_path, {"fullUrl": url, "resource": homer}, {"resource": allergy}))
    assert stored("AllergyIntolerance/a1")["patient"]["reference"] == "Patient/0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"


def test_loading_again_updates_and_keeps_what_is_the_same(practice: Practice, tmp_path: Path) -> None:
    load(ndjson(tmp_path, HOMER, ALLERGY))
    load(ndjson(tmp_path, HOMER | {"birthDate": "1956-05-12"}, ALLERGY))
    versions = dict(Resource.objects.exclude(type="Organization").values_list("type", "version"))
    assert versions == {"Patient": 2, "AllergyIntolerance": 1}


def test_times_and_decimals_come_through_as_written(practice: Practice, tmp_path: Path) -> None:
    url = "https://example.org/weight"
    text = '{"resourceType":"Patient","id":"homer","meta":{"lastUpdated":"2020-02-02T02:02:02Z"},'
    text += f'"extension":[{{"url":"{url}","valueDecimal":1.500}}]}}'
    load(ndjson(tmp_path, text))
    assert str(stored("Patient/homer")["extension"][0]["valueDecimal"]) == "1.500"
    assert Resource.objects.get(fhir_id="homer").last_updated == 1580608922 * 1_000_000


def test_an_invalid_resource_is_named_with_line_and_path_and_nothing_is_loaded(
    practice: Practice, tmp_path: Path
) -> None:
    path = ndjson(tmp_path, HOMER, "\n", ALLERGY | {"id": "a2", "type": "itch"}, HOMER | {"id": "b", "gender": "x"})
    lines = refusal(path).splitlines()
    assert lines[0].startswith(f"{path} line 3: AllergyIntolerance.type: ")
    assert lines[1].startswith(f"{path} line 4: Patient.gender: ")
    assert lines[2] == "Nothing was loaded."


def test_an_entry_of_a_bundle_is_named_with_its_line(practice: Practice, tmp_path: Path) -> None:
    path = bundle(tmp_path, {"resource": HOMER}, {"resource": ALLERGY | {"patient": {"reference": "Patient/marge"}}})
    line = path.read_text().splitlines().index("  {", 6) + 1
    assert refusal(path).startswith(
        f"{path} line {line} (entry 1): AllergyIntolerance.patient: Unknown reference Patient/marge"
    )


def test_a_reference_that_leads_nowhere_is_refused_or_stubbed(practice: Practice, tmp_path: Path) -> None:
    path = ndjson(tmp_path, ALLERGY)
    assert "Unknown reference Patient/homer" in refusal(path)
    load(path, stub_missing=True)
    assert stored("Patient/homer")["meta"]["tag"][0]["code"] == "stub"


def test_a_dry_run_checks_everything_and_keeps_nothing(practice: Practice, tmp_path: Path) -> None:
    assert load(ndjson(tmp_path, HOMER), dry_run=True) == "1 resource can be loaded; nothing was kept (--dry-run).\n"
    assert not Resource.objects.filter(type="Patient").exists()
    assert "Unknown reference" in refusal(ndjson(tmp_path, ALLERGY), dry_run=True)


def test_the_same_resource_twice_is_refused(practice: Practice, tmp_path: Path) -> None:
    path = ndjson(tmp_path, HOMER, HOMER)
    assert refusal(path).startswith(f"{path} line 2: Patient/homer is there twice.")


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("x.ndjson", b'{"resourceType":\n', "x.ndjson line 1, column 17: this is not JSON"),
        ("x.json", b'{\n "a": 1,\n "b" 2}', "x.json line 3, column 6: this is not JSON"),
        ("x.json", b'{"id": "1", "id": "2"}', "x.json line 1: the name “id” is there twice in one object."),
        ("x.json", b'{"a": NaN}', "x.json line 1: NaN is not a JSON number."),
        ("x.json", b"[" * 100_000, "x.json line 1: this is nested too deeply."),
        ("x.ndjson", b"{}\n{}\n\xff", "x.ndjson line 3: this is not UTF-8 text."),
        ("x.ndjson", b"[]", "x.ndjson line 1: this is not a resource but a list."),
        ("x.ndjson", b"{}", "x.ndjson line 1: Resource: resourceType is required."),
        ("x.json", b'{"resourceType": "Patient"}', "x.json line 1: Patient.id: id is required."),
        ("x.json", b'{"resourceType": "Bundle", "entry": 1}', "x.json: Bundle.entry must be a list of objects."),
        ("x.json", b'{"resourceType": "Bundle", "entry": [{}]}', "x.json line 1: Bundle.entry[0] has no resource."),
        ("x.txt", b"{}", "x.txt: the name must end in .json"),
    ],
)
def test_a_file_that_can_not_be_read_says_where_and_why(
    practice: Practice, tmp_path: Path, name: str, content: bytes, text: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert text in refusal(path)


def test_a_file_that_is_not_there_and_an_unknown_practice_are_said(practice: Practice, tmp_path: Path) -> None:
    assert "none.json: No such file" in refusal(tmp_path / "none.json")
    with pytest.raises(CommandError, match="There is no practice “elsewhere”"):
        call_command("load", str(ndjson(tmp_path, HOMER)), practice="elsewhere")


def test_the_lines_of_bundle_entries_are_found_whatever_stands_around_them(tmp_path: Path) -> None:
    path = tmp_path / "bundle.json"
    path.write_text(
        '{"link": [{"relation": "entry", "url": "x"}],\n"entry" : [\n {"resource": {"id": "]\\"}"}},\n\n'
        '{"resource": {"id": "b"}} ], "resourceType": "Bundle"}'
    )
    assert [one.place for one in files.read(path)] == [f"{path} line 3 (entry 0)", f"{path} line 5 (entry 1)"]


def test_a_terminal_sees_a_progress_bar(practice: Practice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command.sys.stderr, "isatty", lambda: True, raising=False)
    err = io.StringIO()
    load(ndjson(tmp_path, HOMER, ALLERGY), stderr=err)
    assert err.getvalue().endswith("[" + "#" * 30 + "] 2 of 2\n")
