"""allauth's forms in plain words, with fields that look like ours."""

from typing import Any

from allauth.account import forms as allauth
from django import forms
from django.utils.translation import gettext_lazy as _

from inbox.fhir import get_policy, policy_ids, profile_exists
from inbox.fhir.types import split_reference

from .clients import PROFILES

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


class ClientForm(forms.Form):
    """A new machine client."""

    KINDS = [
        ("machine", _("A machine that acts for itself. It gets a secret.")),
        ("app", _("An app that people let act for them. It gets no secret.")),
    ]

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("As people read it, such as “Laboratory”."))
    id = forms.CharField(
        label=_("Client id"), max_length=63, help_text=_("With this it logs in. It can not be changed later.")
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=KINDS, widget=forms.RadioSelect, initial="machine")
    profile = forms.CharField(
        label=_("Profile"),
        max_length=100,
        help_text=_("As whom it writes: a Practitioner or Device of this practice, such as Practitioner/laboratory."),
    )
    policy = forms.ChoiceField(label=_("Access policy"), help_text=_("What it may see and do."))
    redirect_uris = forms.CharField(
        label=_("Addresses of the app"),
        required=False,
        max_length=4000,
        help_text=_("For an app only: where it takes people up again. One on each line."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, practice: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.practice = practice
        policies: Any = self.fields["policy"]
        policies.choices = [("", ""), *((one, one) for one in policy_ids(practice))]
        for name, field in self.fields.items():
            if name != "kind":
                field.widget.attrs |= {"class": "input", "autocomplete": "off", "autocapitalize": "none"}

    def clean_profile(self) -> str:
        """A profile that there is."""
        reference: str = self.cleaned_data["profile"]
        type, id = split_reference(reference)
        if type not in PROFILES or reference != f"{type}/{id}" or not profile_exists(self.practice, reference):
            raise forms.ValidationError(_("There is no such Practitioner or Device in this practice."))
        return reference

    def clean(self) -> dict[str, Any]:
        """An app needs an address, a machine takes none."""
        kept = self.cleaned_data
        app, addresses = kept.get("kind") == "app", kept.get("redirect_uris", "").split()
        if app and not addresses:
            self.add_error("redirect_uris", _("An app needs at least one address."))
        if not app and addresses:
            self.add_error("redirect_uris", _("Only an app has addresses."))
        return kept

    def values(self) -> dict[str, Any]:
        """What `clients.create` takes."""
        kept = self.cleaned_data
        return {
            "id": kept["id"],
            "name": kept["name"],
            "profile": kept["profile"],
            "policy": get_policy(self.practice, kept["policy"]),
            "redirect_uris": kept["redirect_uris"].split(),
        }
