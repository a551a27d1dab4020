"""What this product wants of allauth's OpenID Connect: a key of ours, claims that FHIR clients read, only members."""

from collections.abc import Iterable
from typing import Any

from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.idp.oidc.models import Client, PrivateKey
from django.conf import settings
from oauthlib.oauth2.rfc6749.errors import InvalidClientError, InvalidGrantError

from accounts import clients
from accounts.acting import Broken, through_client
from accounts.models import Membership, User

from .keys import signing_key


class OIDCAdapter(DefaultOIDCAdapter):  # type: ignore[misc]
    """allauth's decisions, where ours differ; each method says why."""

    def get_issuer(self) -> str:
        """A setting, never what the request says."""
        return str(settings.BASE_URL)

    def list_private_keys(self, **filters: Any) -> list[Any]:
        """One key, in force as long as it is set."""
        return [PrivateKey(pem=signing_key())]

    def get_user_sub(self, client: Client, user: User | None) -> str:
        """A client that acts for itself is its own subject. Ids of clients begin with a letter, those of users not."""
        return str(client.pk if user is None else user.pk)

    def populate_access_token(
        self, access_token: dict[str, Any], *, client: Client, scopes: Iterable[str], user: User | None, **kwargs: Any
    ) -> None:
        """Say who acts; raises OAuth2Error where nobody may.

        `login_id` as a text is what makes MedplumClient ask for the profile. The actor stays on the request, for the
        answer around the token.
        """
        membership = Membership.objects.filter(client=client, active=True).select_related("policy", "practice").first()
        if membership is None:
            raise InvalidClientError("This client is deactivated.")
        try:
            repo = through_client(membership, user)
        except Broken:
            raise InvalidClientError("The access of this client is not set up correctly.") from None
        if repo is None:
            raise InvalidGrantError("This person is no member of the practice of this client.")
        clients.sweep(membership)
        self.request.acting = (membership, repo.actor)
        access_token |= {
            "sub": self.get_user_sub(client, user),
            "login_id": str(client.pk),
            "profile": repo.actor.profile,
        }

    def get_claims(
        self,
        purpose: str,
        user: User | None,
        client: Client,
        scopes: Iterable[str],
        email: str | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """The account's own name and address; allauth would look in tables that this product does not fill."""
        claims = {"sub": self.get_user_sub(client, user)}
        if user is not None and "email" in scopes:
            claims["email"] = user.email
        if "profile" in scopes:
            claims["name"] = str(client.name if user is None else user)
        return claims
