"""What this server can do, as a CapabilityStatement made from the tables that do it.

Source: https://hl7.org/fhir/R4/capabilitystatement.html
"""

import hashlib
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import get_resolver, reverse
from rest_framework.request import Request
from rest_framework.response import Response

from inbox.fhir import outcome, r4data, searchparams
from inbox.fhir.builtin import FILE
from inbox.fhir.types import Resource

from .base import BASE, FHIRView
from .negotiation import FHIR_JSON, JSON_PATCH

INTERACTIONS = (
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "create",
    "search-type",
)
OPERATION = re.compile(r"fhir/R4/(<str:type>|[A-Z][A-Za-z]+)/(?:.*/)?\\?\$([a-z][a-z-]*)\$?")
"""The address of an operation, as a route or as a pattern."""
ANY = "Resource"
DEFINITIONS = {
    (ANY, "validate"): "http://hl7.org/fhir/OperationDefinition/Resource-validate",
    ("Subscription", "get-ws-binding-token"): (
        "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-get-ws-binding-token"
    ),
}
"""Where operations that are not ours are defined."""
OURS = "https://fhir-inbox.example/OperationDefinition/"
OAUTH = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
CACHED_SECONDS = 300


class Metadata(FHIRView):
    """`/metadata`, for anybody."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer = super().dispatch(request, *args, **kwargs)
        if answer.status_code in (200, 304):
            answer["Cache-Control"] = f"public, max-age={CACHED_SECONDS}"
        return answer

    def get(self, request: Request) -> Response:
        for name, value in self.query():
            if name != "mode" or value not in ("full", "normative"):
                raise outcome.Invalid("metadata takes mode=full or mode=normative.", expression=name[:64])
        tag, found = tagged()
        if tag in request.headers.get("If-None-Match", "").replace(" ", "").split(","):
            return Response(None, 304, headers={"ETag": tag})
        return Response(found, headers={"ETag": tag})


@cache
def tagged() -> tuple[str, Resource]:
    """The statement and its entity tag, made once in each process."""
    found = statement()
    return f'W/"{hashlib.sha256(repr(found).encode()).hexdigest()[:32]}"', found


def statement() -> Resource:
    """The CapabilityStatement of this server."""
    changed = datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": changed.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "kind": "instance",
        "software": {"name": "FHIR Inbox", "version": version()},
        "implementation": {"description": settings.SITE_NAME, "url": settings.BASE_URL + BASE},
        "fhirVersion": "4.0.1",
        "format": [FHIR_JSON, "json"],
        "patchFormat": [JSON_PATCH],
        "rest": [
            {
                "mode": "server",
                "security": _security(),
                "resource": [_resource(type) for type in sorted(r4data.RESOURCE_TYPES)],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
                **_others(),
            }
        ],
    }


@cache
def version() -> str:
    """The version of the software."""
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def _security() -> Resource:
    system = "http://terminology.hl7.org/CodeSystem/restful-security-service"
    views = {"token": "token", "authorize": "authorization", "revoke": "revoke"}
    addresses = [
        {"url": name, "valueUri": settings.BASE_URL + reverse(f"idp:oidc:{view}")} for name, view in views.items()
    ]
    return {
        "extension": [{"url": OAUTH, "extension": addresses}],
        "cors": True,
        "service": [
            {
                "coding": [{"system": system, "code": "OAuth"}],
                "text": "OAuth 2.0: client credentials, or authorization code with PKCE",
            }
        ],
        "description": "A bearer token in every request but this one.",
    }


def _resource(type: str) -> Resource:
    searched = type != FILE
    found: Resource = {
        "type": type,
        "interaction": [{"code": one} for one in INTERACTIONS if searched or one != "search-type"],
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": searched,
        "conditionalCreate": searched,
        "conditionalRead": "full-support",
        "conditionalUpdate": searched,
        "conditionalDelete": "single" if searched else "not-supported",
        "referencePolicy": ["literal", "logical", "enforced"],
        "operation": [_operation(of, name) for of, name in sorted(_operations()) if of in (ANY, type)],
    }
    if searched:
        found |= {"searchInclude": _includes(type), "searchRevInclude": _revincludes(type)}
        found["searchParam"] = [_parameter(one) for one in _supported(type)]
    return {name: value for name, value in found.items() if value != []}


@cache
def _operations() -> frozenset[tuple[str, str]]:
    """The operations that there are addresses for, as (type, name)."""
    found = (OPERATION.search(route) for route in _routes(get_resolver()))
    return frozenset((one[1].replace("<str:type>", ANY), one[2]) for one in found if one)


def _routes(patterns: Any) -> Iterator[str]:
    for one in patterns.url_patterns:
        if hasattr(one, "url_patterns"):
            yield from _routes(one)
        else:
            yield str(one.pattern)


def _others() -> Resource:
    """The operations of types that R4 does not have, which stand beside the types."""
    others = sorted(one for one in _operations() if one[0] not in (ANY, *r4data.RESOURCE_TYPES))
    found = [_operation(type, name, f"At {type}/[id]/${name}; R4 has no such type.") for type, name in others]
    return {"operation": found} if found else {}


def _operation(type: str, name: str, documentation: str = "") -> Resource:
    found = {"name": name, "definition": DEFINITIONS.get((type, name), f"{OURS}{type}-{name}")}
    return {**found, "documentation": documentation} if documentation else found


def _supported(type: str) -> list[searchparams.Parameter]:
    return sorted((one for one in searchparams.parameters(type) if one.supported), key=lambda one: one.code)


def _parameter(parameter: searchparams.Parameter) -> Resource:
    found = {"name": parameter.code, "type": parameter.type}
    url = _definitions().get((parameter.base, parameter.code)) or _definitions().get(("", parameter.code))
    return {**found, "definition": url} if url else found


@cache
def _definitions() -> dict[tuple[str, str], str]:
    """The addresses of R4's definitions by type and code; those of every resource stand under no type."""
    found: dict[tuple[str, str], str] = {}
    for one in r4data.load("search-parameters.json"):
        for base in one["base"]:
            place = "" if base in ("Resource", "DomainResource") else base
            if one["url"].endswith(f"/{one['id']}"):
                found.setdefault((place, one["code"]), one["url"])
    return found


def _references(type: str) -> list[searchparams.Parameter]:
    return [one for one in _supported(type) if one.type == "reference"]


def _includes(type: str) -> list[str]:
    return [f"{type}:{one.code}" for one in _references(type)]


def _revincludes(type: str) -> list[str]:
    return [
        f"{other}:{one.code}"
        for other in sorted(r4data.RESOURCE_TYPES - {FILE})
        for one in _references(other)
        if type in one.targets
    ]
