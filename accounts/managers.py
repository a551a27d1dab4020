"""How accounts are made and found: an e-mail address is one account, however it is capitalised."""

from typing import TYPE_CHECKING

from django.contrib.auth.base_user import BaseUserManager

if TYPE_CHECKING:
    from .models import User


class UserManager(BaseUserManager["User"]):
    """Makes accounts; without a password nobody can sign in until one is set by e-mail."""

    def create_user(self, email: str, password: str | None = None, *, name: str = "") -> "User":
        """Create an account; raises IntegrityError when the address already has one."""
        user = self.model(email=email.strip().lower(), name=name)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        """The account of an address, whatever its capitals."""
        return self.get(email=(username or "").strip().lower())
