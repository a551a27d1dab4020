"""Machine clients: made with a profile and a policy like a person; their secrets and tokens."""

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from allauth.idp.oidc.models import Client, Token
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from .models import Membership
from .oauth.hashers import SecretHasher

SCOPES = ["openid", "profile", "email", "offline_access"]
ID = re.compile(r"[A-Za-z][A-Za-z0-9._-]{2,62}")
"""Begins with a letter, so that no client has the id of a user."""
PROFILES = ("Practitioner", "Device")
TAKEN = gettext_noop("There is a client with this id already.")
MACHINE = ["client_credentials"]
APP = ["authorization_code", "refresh_token"]


@dataclass(frozen=True)
class Given:
    """A token that works now: an access token, or a refresh token, for a person or for the client itself."""

    id: int
    refresh: bool
    person: str
    since: datetime
    until: datetime


def create(
    practice: Any,
    *,
    id: str,
    name: str,
    profile: str,
    policy: Any,
    redirect_uris: Sequence[str] = (),
    secret: str = "",
) -> tuple[Membership, str]:
    """A new client and its secret, which is told nowhere else; raises ValidationError.

    With addresses to come back to it is an app that people let act for them. An app runs where a secret would not be
    one, so it gets none ("") and proves by PKCE that it is the same one. Without, it is a machine that acts for itself,
    with a secret of `new_secret`, this one if it was made before.
    """
    checked(id, redirect_uris)
    secret = "" if redirect_uris else secret or new_secret()
    client = Client(id=id, name=name, secret=kept(secret), scopes="\n".join(SCOPES), default_scopes="openid")
    client.type = Client.Type.PUBLIC if redirect_uris else Client.Type.CONFIDENTIAL
    client.set_grant_types(APP if redirect_uris else MACHINE)
    client.set_redirect_uris(list(redirect_uris))
    try:
        with transaction.atomic():
            client.save(force_insert=True)
            membership = Membership.objects.create(
                client=client, practice=practice, profile=profile, policy=policy, display=name
            )
    except IntegrityError:  # somebody was quicker
        raise ValidationError({"id": _(TAKEN)}) from None
    return membership, secret


def rotate(membership: Membership) -> str:
    """A new secret for a machine; the old one and every token end."""
    secret = new_secret()
    with transaction.atomic():
        Client.objects.filter(pk=membership.client_id).update(secret=kept(secret))
        tokens(membership).delete()
    return secret


def close(membership: Membership) -> None:
    """Deactivate a client: it can not log in, and its tokens end at once."""
    with transaction.atomic():
        Membership.objects.filter(pk=membership.pk).update(active=False)
        tokens(membership).delete()


def reopen(membership: Membership) -> None:
    """Let a client log in again, with the secret that it had."""
    Membership.objects.filter(pk=membership.pk).update(active=True)


def revoke(membership: Membership, token: int) -> None:
    """End one token of a client; one that has ended already is no mistake."""
    tokens(membership).filter(pk=token).delete()


def of(practice: Any) -> QuerySet[Membership]:
    """The clients of a practice by name, each with `valid`: how many of its tokens work now."""
    found = Membership.objects.filter(practice=practice, client__isnull=False)
    valid = Count("client__token", filter=Q(client__token__expires_at__gt=timezone.now()))
    return found.select_related("client", "policy").annotate(valid=valid).order_by("-active", "client__name", "pk")


def given(membership: Membership) -> list[Given]:
    """The tokens of a client that work now, newest first."""
    found = tokens(membership).filter(expires_at__gt=timezone.now()).select_related("user").order_by("-created_at")
    refresh = Token.Type.REFRESH_TOKEN
    return [
        Given(one.pk, one.type == refresh, str(one.user or ""), one.created_at, one.expires_at) for one in found[:200]
    ]


def sweep(membership: Membership) -> None:
    """Forget the tokens of a client that have expired."""
    tokens(membership).filter(expires_at__lte=timezone.now()).delete()


def tokens(membership: Membership) -> Any:
    """Every token of a client, those that have ended included."""
    return Token.objects.filter(client=membership.client_id)


def new_secret() -> str:
    """256 random bits, as text that fits into a form, a header and an environment variable."""
    return secrets.token_urlsafe(32)


def kept(secret: str) -> str:
    """A secret as it is stored; without one, that of a secret which nobody was told."""
    return make_password(secret or new_secret(), hasher=SecretHasher.algorithm)


def checked(id: str, redirect_uris: Iterable[str]) -> None:
    """Raise ValidationError for an id that is taken or none, and for an address to which no code may be sent."""
    if not ID.fullmatch(id):
        raise ValidationError({"id": _("3 to 63 letters, digits, “.”, “_” or “-”; a letter first.")})
    if Client.objects.filter(pk__iexact=id).exists():
        raise ValidationError({"id": _(TAKEN)})
    for uri in redirect_uris:
        if not returnable(uri):
            raise ValidationError({"redirect_uris": _("“%(uri)s” is no address with https.") % {"uri": uri}})


def returnable(uri: str) -> bool:
    """Whether an app may be called back there: https, this machine, or the scheme of an installed app (with a dot)."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    if parts.fragment or "*" in uri or not uri.isascii() or not uri.isprintable() or " " in uri or len(uri) > 500:
        return False
    here = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")
    return bool(parts.netloc) if here or parts.scheme == "https" else "." in parts.scheme
