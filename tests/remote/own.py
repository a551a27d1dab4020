"""This product's own API as a remote server: in this process, without a socket."""

import json
from urllib.parse import urlsplit

import httpx
from django.test import Client as DjangoClient

from inbox.fhir import capability
from inbox.fhir.client import Client
from inbox.fhir.guard import Guarded
from inbox.fhir.policy import compile
from inbox.fhir.remote_http import Server
from inbox.fhir.remote_token import Credentials
from inbox.fhir.types import Actor, Resource
from inbox.models import AccessPolicy, Practice
from tests.api import tokens

BASE = "http://testserver/fhir/R4"


class InProcess(httpx.BaseTransport):
    """Requests of httpx, answered by Django in the same transaction as the test."""

    def __init__(self) -> None:
        self.django = DjangoClient(raise_request_exception=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        at = urlsplit(str(request.url))
        headers = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
        kind = headers.pop("content-type", "")
        answer = self.django.generic(
            request.method, f"{at.path}?{at.query}", request.read(), content_type=kind, headers=headers
        )
        return httpx.Response(answer.status_code, headers=dict(answer.items()), content=answer.content)


def back_end(actor: Actor, practice: Practice, policy: Resource, base: str = BASE) -> Client:
    """A client of the API that may do what a policy says; at `base` over a socket, else in this process."""
    AccessPolicy.objects.get_or_create(practice=practice, fhir_id=policy["id"], defaults={"body": json.dumps(policy)})
    token = tokens.bearer(practice, actor.profile, policy["id"])
    transport = InProcess() if base == BASE else None
    server = Server(base, Credentials(token=token), transport=transport)
    known = capability.parse(server.get("metadata").body)
    return Client(actor, server, lambda: known)


def guarded(client: Client, policy: Resource) -> Guarded:
    """The same behind a guard of this side."""
    return Guarded(client, compile(policy))
