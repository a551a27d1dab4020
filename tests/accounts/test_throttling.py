"""How often a client may ask, and from which other sites."""

from typing import Any

import pytest
from django.test import Client

from accounts import throttling
from accounts.models import Membership
from inbox.models import AccessPolicy, Practice
from tests.api import tokens


class Clock:
    """A clock that goes when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_drops_and_fills_within_a_minute() -> None:
    clock = Clock()
    buckets = throttling.Buckets(clock)
    assert [buckets.take("a", 3).remaining for _ in range(3)] == [2, 1, 0]
    refused = buckets.take("a", 3)
    assert refused.wait == 20 and refused.remaining == 0 and refused.reset == 60
    assert not buckets.take("b", 3).wait
    clock.now += 20
    assert not buckets.take("a", 3).wait
    assert buckets.take("a", 3).wait
    clock.now += 3600
    assert buckets.take("a", 3).remaining == 2


def test_who_has_not_asked_for_a_minute_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "KEPT", 10)
    clock = Clock()
    buckets = throttling.Buckets(clock)
    for number in range(10):
        buckets.take(f"old {number}", 3)
    clock.now += 61
    buckets.take("new", 3)
    assert set(buckets._held) == {"new"}


@pytest.fixture
def machine(springfield: Practice, clinician: AccessPolicy, monkeypatch: pytest.MonkeyPatch) -> Membership:
    monkeypatch.setattr(throttling, "api", throttling.Buckets())
    return tokens.client(springfield, "Device/lab", "clinician", id="lab")


def test_every_answer_says_what_is_left_and_too_many_are_refused_by_client(
    client: Client, machine: Membership, springfield: Practice, settings: Any, django_assert_num_queries: Any
) -> None:
    settings.API_RATE = 2
    first, second = (tokens.token_of(machine) for _ in range(2))
    answers = [client.get("/fhir/who", headers={"Authorization": f"Bearer {token}"}) for token in (first, second)]
    assert [one["RateLimit"] for one in answers] == ['"client";r=1;t=30', '"client";r=0;t=60']
    assert answers[0]["RateLimit-Policy"] == '"client";q=2;w=60'
    with django_assert_num_queries(1):
        refused = client.get("/fhir/who", headers={"Authorization": f"Bearer {first}"})
    assert (refused.status_code, refused.json()["id"]) == (429, "too-many-requests")
    assert refused["RateLimit"] == '"client";r=0;t=60' and 1 <= int(refused["Retry-After"]) <= 31
    another = tokens.token_of(tokens.client(springfield, "Device/lab", "clinician"))
    assert client.get("/fhir/who", headers={"Authorization": f"Bearer {another}"}).status_code == 200


ORIGIN = "https://app.example"


@pytest.mark.parametrize("path", ["/fhir/R4", "/fhir/R4/Patient/1", "/oauth2/token", "/auth/me"])
def test_a_browser_app_of_a_named_origin_may_ask(client: Client, settings: Any, path: str) -> None:
    settings.ROOT_URLCONF = "inbox.urls"
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]
    wanted = "Authorization, Content-Type, Accept, If-Match, If-None-Exist, X-Medplum, X-Security-Context, Prefer"
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": f"{wanted}, Cache-Control",
    }
    answer = client.options(path, headers=headers)
    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == ORIGIN
    assert answer["Access-Control-Allow-Credentials"] == "true"
    allowed = {one.strip() for one in answer["Access-Control-Allow-Headers"].split(",")}
    assert {one.strip().lower() for one in headers["Access-Control-Request-Headers"].split(",")} <= allowed
    assert {"GET", "POST", "PUT", "PATCH", "DELETE"} <= set(answer["Access-Control-Allow-Methods"].split(", "))
    real = client.get(path, headers={"Origin": ORIGIN})
    exposed = {one.strip() for one in real["Access-Control-Expose-Headers"].split(",")}
    assert {"etag", "location", "content-location", "ratelimit"} <= exposed


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://app.example", "https://app.example.evil.example", "null"]
)
def test_another_origin_is_told_nothing(client: Client, settings: Any, origin: str) -> None:
    settings.ROOT_URLCONF = "inbox.urls"
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]
    assert "Access-Control-Allow-Origin" in client.get("/auth/me", headers={"Origin": ORIGIN})
    assert "Access-Control-Allow-Origin" not in client.get("/auth/me", headers={"Origin": origin})


@pytest.mark.parametrize(
    "path", ["/threads/", "/clients/", "/accounts/login/", "/oauth2/authorize", "/fhirx", "/auth/me/x"]
)
def test_pages_of_a_session_are_read_by_no_other_site(client: Client, settings: Any, path: str) -> None:
    settings.ROOT_URLCONF = "inbox.urls"
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]
    assert "Access-Control-Allow-Origin" not in client.get(path, headers={"Origin": ORIGIN})
