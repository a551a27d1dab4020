"""`/oauth2/…` and `/auth/me`: allauth's token and revocation endpoints with the answers that FHIR clients expect."""

import json
import logging
import re
from typing import Any

from allauth.account.adapter import get_adapter as get_account_adapter
from allauth.core.internal.httpkit import extract_basic_auth
from allauth.idp.oidc import views as allauth
from allauth.idp.oidc.adapter import get_adapter
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation, ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import clients, throttling
from accounts.acting import behind, effective
from inbox.fhir import outcome, rows
from inbox.fhir.repository import Repository
from inbox.fhir.types import Actor, Resource, split_reference

log = logging.getLogger(__name__)

KEY = re.compile(r"[!-~]{0,100}")
"""A client id or an authorization code."""
LONGEST = 4096
"""Characters of one value in a form; tokens of ours have about 900."""

TEXTS = {
    "invalid_client": "The client id or its secret is wrong.",
    "invalid_grant": "The code or the refresh token is not valid any more.",
    "invalid_request": "The request is not complete.",
    "invalid_scope": "The client may not ask for this scope.",
    "invalid_target": "The resource is not an address that a token can be for.",
    "unauthorized_client": "The client may not use this grant type.",
    "unsupported_grant_type": "This grant type is not offered.",
}


class Told:
    """Throttles, and answers every failure as JSON with `error` and `error_description`. Source: RFC 6749, 5.2."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        rate = taken(request)
        if rate.wait:
            answer = failure("temporarily_unavailable", 429, "Too many requests. Wait as long as Retry-After says.")
        else:
            answer = self._answered(request)
        rate.tell(answer)
        answer["Cache-Control"], answer["Pragma"] = "no-store", "no-cache"
        return answer

    def _answered(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return failure("invalid_request", 405, "This address takes a form by POST.", {"Allow": "POST"})
        try:
            if request.GET or not sound(request):
                return failure("invalid_request", 400, "Parameters go into the form, as plain text.")
            return self.completed(request, super().dispatch(request))  # type: ignore[misc]
        except ValidationError:
            return failure("invalid_target", 400)
        except (SuspiciousOperation, MultiPartParserError):
            return failure("invalid_request", 400, "The form is too large, or is none.")
        except ImproperlyConfigured as error:
            log.error("No token can be given: %s", error)
            return failure("temporarily_unavailable", 503, "Login is not set up on this server.")

    def completed(self, request: HttpRequest, answer: HttpResponse) -> HttpResponse:
        """What allauth answered; a failure gets its description if it has none."""
        if answer.status_code < 400:
            return answer
        try:
            error = json.loads(answer.content)
        except ValueError:
            error = {}
        code = str(error.get("error", "invalid_request"))
        kept = {"WWW-Authenticate": answer["WWW-Authenticate"]} if "WWW-Authenticate" in answer else {}
        return failure(code, answer.status_code, str(error.get("error_description", "")), kept)


@method_decorator(csrf_exempt, name="dispatch")
class Token(Told, allauth.TokenView):  # type: ignore[misc]
    """`POST /oauth2/token`: client_credentials, authorization_code, refresh_token, with a secret as Basic or form."""

    def completed(self, request: HttpRequest, answer: HttpResponse) -> HttpResponse:
        """The tokens, and who acts: `profile` and `project`, where MedplumClient looks for them."""
        if answer.status_code != 200:
            return super().completed(request, answer)
        client, actor = request.acting  # type: ignore[attr-defined]
        found = {**json.loads(answer.content), "project": project(client), "profile": profile(actor)}
        return JsonResponse(found)


@method_decorator(csrf_exempt, name="dispatch")
class Revoke(Told, allauth.RevokeView):  # type: ignore[misc]
    """`POST /oauth2/revoke`: ends a token. Source: RFC 7009."""


class First(BaseContentNegotiation):
    """JSON, whatever is accepted: these answers have one form."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class BearerView(APIView):
    """A view for whoever holds a token."""

    content_negotiation_class = First


class Me(BearerView):
    """`GET /auth/me`: who the bearer is, in the shape that MedplumClient reads after its login."""

    def get(self, request: Request) -> HttpResponse:
        asked: Any = request._request
        repo, member = asked.repo, asked.membership
        key = repo.actor.membership.replace(".", "-")
        membership = {
            "resourceType": "ProjectMembership",
            "id": key,
            "project": project(member),
            "user": {"reference": f"ClientApplication/{member.client_id}", "display": member.client.name},
            "profile": profile(repo.actor),
            "admin": repo.may("update", "AccessPolicy"),
        }
        found = {
            "project": {"resourceType": "Project", "id": member.practice.fhir_id, "name": member.practice.name},
            "membership": membership,
            "profile": own_profile(repo),
            "config": {"resourceType": "UserConfiguration", "id": key, "menu": []},
            "accessPolicy": policy_behind(repo.actor),
            "security": {"mfaEnrolled": False, "sessions": []},
        }
        return HttpResponse(rows.dumps(found), content_type="application/json")


class UserInfo(BearerView):
    """`/oauth2/userinfo`: the claims of OpenID Connect."""

    def get(self, request: Request) -> HttpResponse:
        token: Any = request.auth
        found = get_adapter().get_claims("userinfo", token.user, token.client, token.get_scopes())
        return JsonResponse(found)

    post = get


class Logout(BearerView):
    """`POST /oauth2/logout`: ends the token that asks."""

    def post(self, request: Request) -> HttpResponse:
        token: Any = request.auth
        clients.revoke(token.client.membership, token.pk)
        issue = {"severity": "information", "code": "informational", "details": {"text": "This token has ended."}}
        return JsonResponse({"resourceType": "OperationOutcome", "id": "ok", "issue": [issue]})


@require_safe
def configuration(request: HttpRequest) -> HttpResponse:
    """`/.well-known/openid-configuration`: where everything is. Source: OpenID Connect Discovery, 3."""
    places = {
        "authorization_endpoint": "authorization",
        "token_endpoint": "token",
        "revocation_endpoint": "revoke",
        "userinfo_endpoint": "userinfo",
        "jwks_uri": "jwks",
    }
    answer = JsonResponse(
        {
            "issuer": settings.BASE_URL,
            **{name: settings.BASE_URL + reverse(f"idp:oidc:{view}") for name, view in places.items()},
            "scopes_supported": clients.SCOPES,
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
    )
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


def taken(request: HttpRequest) -> throttling.Rate:
    """Count a login: TOKEN_RATE a minute for a client at one address, ten times as many for the address."""
    address = get_account_adapter().get_client_ip(request)
    everybody = throttling.logins.take(address, settings.TOKEN_RATE * 10)
    return everybody if everybody.wait else throttling.logins.take(f"{claimed(request)} {address}", settings.TOKEN_RATE)


def claimed(request: HttpRequest) -> str:
    """The id of the client that a login says it is; it decides nothing but which count it goes to."""
    id, _ = extract_basic_auth({"Authorization": request.headers.get("Authorization", "")})
    try:
        return str(id or request.POST.get("client_id", ""))[:100]
    except (SuspiciousOperation, MultiPartParserError):
        return ""


def sound(request: HttpRequest) -> bool:
    """Whether the values of a form can be looked up: databases take no NUL, keys of the cache nothing long."""
    id, secret = extract_basic_auth({"Authorization": request.headers.get("Authorization", "")})
    values = [str(value) for value in (*request.POST.values(), id or "", secret or "")]
    keys = [id or "", request.POST.get("client_id", ""), request.POST.get("code", "")]
    return all(len(one) <= LONGEST and "\0" not in one for one in values) and all(map(KEY.fullmatch, keys))


def failure(code: str, status: int, text: str = "", headers: dict[str, str] | None = None) -> HttpResponse:
    """An error of OAuth2 as JSON."""
    found = {"error": code, "error_description": text or TEXTS.get(code, "This can not be granted.")}
    return JsonResponse(found, status=status, headers=headers)


def project(client: Any) -> Resource:
    """The practice, as clients call it."""
    return {"reference": f"Project/{client.practice.fhir_id}", "display": client.practice.name}


def profile(actor: Actor) -> Resource:
    """Who acts, as a Reference."""
    return {"reference": actor.profile, "display": actor.display or actor.profile}


def policy_behind(actor: Actor) -> Resource | None:
    """The policy that limits this actor; of a person and their app, what both admit."""
    found = behind(actor.membership)
    policy = effective(*found) if found else None
    return dict(policy) if policy else None


def own_profile(repo: Repository) -> Resource:
    """The resource of whoever acts; under a policy that does not show it, what is known without it."""
    type, id = split_reference(repo.actor.profile)
    try:
        return repo.read(type, id)
    except (outcome.NotFound, outcome.Forbidden, outcome.Gone):
        name: Resource = {"name": [{"text": repo.actor.display}]}
        if type == "Device":
            name = {"deviceName": [{"name": repo.actor.display, "type": "user-friendly-name"}]}
        return {"resourceType": type, "id": id, **name}
