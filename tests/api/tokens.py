"""Tokens for tests, as the token endpoint makes them but for their form: any text can be a token."""

import secrets
from datetime import timedelta
from typing import Any

from allauth.idp.oidc.models import Client, Token
from django.utils import timezone

from accounts.models import Membership, User
from inbox.models import AccessPolicy, Practice


def client(practice: Practice, profile: str, policy: str, id: str = "") -> Membership:
    """The membership of a new machine client under one of the practice's policies."""
    made = Client.objects.create(
        id=id or f"client-{secrets.token_hex(8)}", name="A client", secret="!", grant_types="client_credentials"
    )
    found = AccessPolicy.objects.get(practice=practice, fhir_id=policy)
    return Membership.objects.create(
        client=made, practice=practice, profile=profile, policy=found, display=profile.partition("/")[2]
    )


def token_of(membership: Membership, *, user: User | None = None, minutes: int = 60, **fields: Any) -> str:
    """A token of a client, or of a person through it, that ends in so many minutes."""
    value = secrets.token_urlsafe(40)
    row = Token(client=membership.client, user=user, type=Token.Type.ACCESS_TOKEN)
    row.set_value(value)
    row.expires_at = timezone.now() + timedelta(minutes=minutes)
    for name, content in fields.items():
        setattr(row, name, content)
    row.save()
    return value


def bearer(practice: Practice, profile: str, policy: str) -> str:
    """The token of a client with this profile under one of the practice's policies."""
    return token_of(client(practice, profile, policy))
