"""People of the API tests: the clinic's own, each with a machine's token and their policy."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from inbox.models import Practice
from tests.api import tokens

FHIR = "application/fhir+json"
PATCH = "application/json-patch+json"
BASE = "/fhir/R4"


@dataclass
class Api:
    """The API as one bearer asks it; paths are below the base, bodies are Python values or raw bytes."""

    token: str
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.ask("GET", path, None, **headers)

    def post(self, path: str, body: Any = None, *, kind: str = FHIR, **headers: str) -> HttpResponse:
        return self.ask("POST", path, body, kind=kind, **headers)

    def put(self, path: str, body: Any, **headers: str) -> HttpResponse:
        return self.ask("PUT", path, body, **headers)

    def patch(self, path: str, body: Any, *, kind: str = PATCH, **headers: str) -> HttpResponse:
        return self.ask("PATCH", path, body, kind=kind, **headers)

    def delete(self, path: str, **headers: str) -> HttpResponse:
        return self.ask("DELETE", path, None, **headers)

    def ask(self, method: str, path: str, body: Any, *, kind: str = FHIR, **headers: str) -> HttpResponse:
        """One request; headers are named with underscores: `If_Match='W/"1"'`."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            named.setdefault("Authorization", f"Bearer {self.token}")
        found: Any = self.client.generic(method, f"{BASE}{path}", content, content_type=kind, headers=named)
        answer: HttpResponse = found
        return answer


Connect = Callable[[str, str], Api]


@pytest.fixture(autouse=True)
def unlimited(settings: Any) -> None:
    """Tests ask more in a minute than a client may, and clients of different tests have the same numbers."""
    settings.API_RATE = 1_000_000


@pytest.fixture
def connect(practice: Practice) -> Connect:
    """The API as a profile under one of the shipped policies."""
    return lambda profile, policy: Api(tokens.bearer(practice, profile, policy))


@pytest.fixture
def machine(connect: Connect) -> Api:
    """A machine that may write every type."""
    return connect("Practitioner/alice", "integration")


@pytest.fixture
def nobody(practice: Practice) -> Api:
    """Without a token."""
    return Api("")


def outcome_of(answer: HttpResponse) -> dict[str, Any]:
    """The OperationOutcome of an answer, which must be one."""
    found: dict[str, Any] = json.loads(answer.content)
    assert found["resourceType"] == "OperationOutcome", found
    return found


def refused(answer: HttpResponse, status: int, id: str, expression: str = "") -> str:
    """Check that an answer is an error of this kind about this element; gives its text."""
    found = outcome_of(answer)
    assert (answer.status_code, found["id"]) == (status, id), found
    issue = found["issue"][0]
    assert issue["severity"] == "error"
    if expression:
        assert expression in issue.get("expression", []), found
    return str(issue["details"]["text"])
