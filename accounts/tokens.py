"""The secret in the link of a password reset."""

from django.contrib.auth.tokens import PasswordResetTokenGenerator

from .models import User


class ResetTokens(PasswordResetTokenGenerator):
    """Django's tokens, void once the account is deactivated.

    allauth's own generator copies the address into its `EmailAddress` table, from where an address that was
    changed since would go on receiving links.
    """

    def check_token(self, user: User | None, token: str | None) -> bool:
        """Whether this link may set the password of this account."""
        return user is not None and user.is_active and super().check_token(user, token)
