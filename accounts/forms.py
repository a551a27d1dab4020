"""allauth's forms in plain words, with fields that look like ours."""

from typing import Any

from allauth.account import forms as allauth
from django.utils.translation import gettext_lazy as _

RULES = _("At least 8 characters: not only digits, not a common password, not your name or e-mail.")
"""What AUTH_PASSWORD_VALIDATORS ask for, in one sentence."""


class Plain:
    """Labels and hints of our own; placeholders, links and lists of allauth's go."""

    labels: dict[str, Any] = {}
    autocomplete: dict[str, str] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields  # type: ignore[attr-defined]
        for name, field in fields.items():
            field.label = self.labels[name]
            field.help_text = RULES if name == "password1" else ""
            field.widget.attrs.pop("placeholder", None)
            field.widget.attrs["class"] = "input"
            field.widget.attrs |= {"autocomplete": self.autocomplete[name]} if name in self.autocomplete else {}


class LoginForm(Plain, allauth.LoginForm):  # type: ignore[misc]
    """E-mail and password."""

    labels = {"login": _("E-mail"), "password": _("Password")}
    autocomplete = {"login": "username"}


class ResetPasswordForm(Plain, allauth.ResetPasswordForm):  # type: ignore[misc]
    """The address that gets the link."""

    labels = {"email": _("E-mail")}


class NewPasswordForm(Plain, allauth.ResetPasswordKeyForm):  # type: ignore[misc]
    """A new password, behind the link."""

    labels = {"password1": _("New password"), "password2": _("New password again")}


class ChangePasswordForm(Plain, allauth.ChangePasswordForm):  # type: ignore[misc]
    """A new password for somebody who knows the old one."""

    labels = {
        "oldpassword": _("Present password"),
        "password1": _("New password"),
        "password2": _("New password again"),
    }
