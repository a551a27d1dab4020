"""Who asks the API: whoever holds a token that this server gave out, for a client or for a person through one."""

import hashlib
import re
from datetime import timedelta
from typing import Any

from allauth.idp.oidc.models import Token
from django.db import DatabaseError
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from inbox.fhir import outcome
from inbox.fhir.guard import Guarded

from .acting import Broken, through_client
from .models import Membership

BEARER = re.compile(r"bearer +([A-Za-z0-9\-._~+/]{20,4096}=*)", re.IGNORECASE)
"""An `Authorization` header with a token in it: shorter ones (`null`, `1-`) were never given out. Source: RFC 6750."""

USED_EVERY = timedelta(minutes=1)
"""How exact “last used” is, so that reading does not mean writing."""


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer …` and nothing else: no session, no token in an address, so no forged forms either.

    Puts `actor`, `repo` and `membership` on Django's request, where the audit trail is kept.
    """

    def authenticate(self, request: Request) -> tuple[Membership, Any]:
        """The client's membership and the token; raises AuthenticationFailed (401), Forbidden for a broken policy."""
        token = token_in(request.headers.get("Authorization", ""))
        if token is None:
            raise AuthenticationFailed("This needs a token that is valid: Authorization: Bearer …")
        client = token.client.membership
        repo = repository_of(token)
        asked: Any = request._request
        asked.repo, asked.actor, asked.membership = repo, repo.actor, client
        used(client)
        return client, token

    def authenticate_header(self, request: Request) -> str:
        """What a 401 says in `WWW-Authenticate`."""
        return "Bearer"


def token_in(header: str) -> Any:
    """The access token of a header, with its client, membership and policy in one query; None when it is no good.

    Tokens are kept as hashes. One that has expired, was revoked or belongs to a deactivated client is as unknown as
    one that never was.
    """
    match = BEARER.fullmatch(header)
    if match is None:
        return None
    found = Token.objects.filter(
        type=Token.Type.ACCESS_TOKEN,
        hash=hashlib.sha256(match[1].encode("ascii")).hexdigest(),
        expires_at__gt=timezone.now(),
        client__membership__active=True,
    )
    return found.select_related("user", "client__membership__policy", "client__membership__practice").first()


def repository_of(token: Any) -> Guarded:
    """The repository that a token opens: the client's, or a person's within the client's policy.

    Raises AuthenticationFailed when that person is not a member any more, Forbidden when a policy is broken.
    """
    client: Membership = token.client.membership
    try:
        repo = through_client(client, token.user)
    except Broken:
        raise outcome.Forbidden("The access of this client is not set up correctly. Tell its administrator.") from None
    if repo is None:
        raise AuthenticationFailed("The person for whom this token was given is no member any more.")
    return repo


def used(membership: Membership) -> None:
    """Note that a client was here, at most once a minute; a busy database is no reason to refuse it."""
    now = timezone.now()
    if membership.last_used is not None and membership.last_used > now - USED_EVERY:
        return
    try:
        Membership.objects.filter(pk=membership.pk).update(last_used=now)
    except DatabaseError:
        return
