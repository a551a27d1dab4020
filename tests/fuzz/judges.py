"""What every answer must be, whatever was asked."""

import json
import re
from typing import Any

from django.http import HttpResponse

from . import world
from .asking import FHIR, Ask

IDS = {
    400: {"invalid"},
    401: {"unauthorized"},
    403: {"forbidden"},
    404: {"not-found"},
    405: {"method-not-allowed"},
    406: {"not-acceptable"},
    409: {"conflict"},
    410: {"gone"},
    412: {"precondition-failed", "multiple-matches"},
    413: {"content-too-large"},
    415: {"unsupported-media-type"},
    416: {"invalid"},
    422: {"business-rule"},
}
"""The statuses that a refusal may have, and what its outcome is then called; 5xx are not among them."""
SUCCESSES = {200, 201, 204, 206, 304}
CODES = {
    "invalid", "structure", "required", "value", "invariant", "login", "forbidden", "not-found", "not-supported",
    "deleted", "conflict", "multiple-matches", "too-long", "too-costly", "business-rule", "incomplete",
    "informational",
}  # fmt: skip
"""The issue types of R4 that this server uses."""
FRESH = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|\+00:00)"
    r"|_cursor=[^\"& ]+"
)
"""What is new in each answer: ids, moments, tokens of pages."""


def content(answer: HttpResponse) -> bytes:
    """The body, that of a file too."""
    if answer.streaming:
        found: Any = answer.streaming_content  # type: ignore[attr-defined]
        return b"".join(found)
    return answer.content


def judged(method: str, answer: HttpResponse, body: bytes, *, bot: bool = False) -> None:
    """Check one answer: a known status, and for each refusal an OperationOutcome that clients understand.

    A bot answers as it likes.
    """
    if answer.status_code >= 400:
        assert answer.status_code in IDS, (answer.status_code, body[:500])
        assert answer["Content-Type"].startswith(FHIR), answer["Content-Type"]
        if method != "HEAD":
            refusal(json.loads(body), answer.status_code)
        return
    assert answer.status_code in SUCCESSES, answer.status_code
    if answer.get("Content-Type", "").startswith(FHIR) and body:
        bundle = json.loads(body, parse_constant=_none)
        if bot:
            return
        assert isinstance(bundle, dict) and bundle.get("resourceType"), body[:500]
        if str(bundle.get("type")).endswith("-response"):
            for entry in bundle["entry"]:
                response = entry["response"]
                status = int(response["status"][:3])
                assert status in SUCCESSES or status in IDS, entry
                if status >= 400:
                    refusal(response["outcome"], status)


def refusal(found: Any, status: int) -> None:
    """Check the OperationOutcome of an error."""
    assert found["resourceType"] == "OperationOutcome", found
    assert found["id"] in IDS[status], (status, found)
    assert found["issue"], found
    for issue in found["issue"]:
        assert issue["severity"] in ("error", "warning", "information"), found
        assert issue["code"] in CODES, found
        assert issue["details"]["text"], found
        assert all(isinstance(one, str) and one for one in issue.get("expression", [])), found
    assert len(json.dumps(found)) < 20_000, "an error repeats what was sent"


def silent(ask: Ask, body: bytes, answer: HttpResponse) -> None:
    """Check that an answer to charlie has nothing of the hidden thread: no text, and no id but one that he gave."""
    everything = body + repr(sorted(answer.headers.items())).encode()
    assert world.MARKER.encode() not in everything, everything[:2000]
    given = ask.path.encode() + ask.body + repr(ask.headers).encode()
    for name in set(re.findall(rb"hidden-[a-z]+", everything)):
        assert name in given or name.removeprefix(b"hidden-") in given, (name, everything[:2000])


def told(answer: HttpResponse, body: bytes) -> object:
    """All that an answer tells but what is new in each."""
    headers = sorted((name, value) for name, value in answer.headers.items() if not name.startswith(("Last-", "Rate")))
    return answer.status_code, FRESH.sub("…", repr(headers)), FRESH.sub("…", body.decode(errors="replace"))


def _none(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")
