"""The official examples of R4 over HTTP: created, read, updated, and found by every value that they have."""

import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from inbox import fhir
from inbox.fhir import rows
from inbox.fhir.r4data import RESOURCE_TYPES
from inbox.fhir.types import Resource, split_reference
from inbox.models import Practice
from tests.api.conftest import FHIR, Api
from tests.fhir.test_examples import examples, questions

pytestmark = pytest.mark.django_db(databases="__all__")


REFUSED = {"Communication/fm-solicited": "Unknown reference #payor"}
"""Over the API a message goes to somebody whom policies can name, not to what is written inside it."""


def plain(value: Any) -> Any:
    """A resource without the names beside references, which the server fills in.

    What it refers to of types that this server does not keep is referred to elsewhere, and so are files, which are
    attached by who uploaded them.
    """
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    left_out = {"display"} if "reference" in value else set()
    found = {name: plain(one) for name, one in value.items() if name not in left_out}
    if isinstance(found.get("reference"), str) and split_reference(found["reference"])[0] not in {"", *RESOURCE_TYPES}:
        found["reference"] = f"https://elsewhere.example/fhir/{found['reference']}"
    if str(found.get("url", "")).startswith("Binary/"):
        found["url"] = f"https://elsewhere.example/fhir/{found['url']}"
    return found


def body_of(resource: Resource) -> Resource:
    return {name: value for name, value in plain(rows.unstamped(resource)).items() if name != "id"}


def answered(api: Api, method: str, path: str, body: Resource | None, status: int) -> Resource:
    content = rows.dumps(body).encode() if body is not None else None
    answer = api.ask(method, path, content, kind=FHIR)
    assert answer.status_code == status, (method, path, answer.content[:500])
    found: Resource = json.loads(answer.content, parse_float=Decimal)
    return found


def test_the_examples_are_created_read_updated_and_found_by_every_value(machine: Api, practice: Practice) -> None:
    given = [one for one in examples() if one["resourceType"] != "Binary"]
    fhir.bulk_load(practice, given, stub_missing=True)
    asked = 0
    for example in given:
        type = example["resourceType"]
        body = body_of(example)
        if refused := REFUSED.get(f"{type}/{example['id']}"):
            found = answered(machine, "POST", f"/{type}", body, 400)
            assert found["issue"][0]["details"]["text"] == refused
            continue
        created = answered(machine, "POST", f"/{type}", body, 201)
        assert body_of(created) == body
        place = f"/{type}/{created['id']}"
        assert answered(machine, "GET", place, None, 200) == created
        updated = answered(machine, "PUT", place, {**created, "language": "en"}, 200)
        assert body_of(updated) == {**body, "language": "en"}
        assert updated["meta"]["versionId"] == ("1" if body.get("language") == "en" else "2")
        for code, value in sorted(questions([updated])):
            query = urlencode([("_id", created["id"]), (code, value)])
            found = answered(machine, "GET", f"/{type}?{query}", None, 200)
            assert [one["resource"]["id"] for one in found.get("entry", [])] == [created["id"]], (type, code, value)
            asked += 1
    assert asked > 1_500
