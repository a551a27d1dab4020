"""Shape of what people type. What a text may hold is the services' to say; here it is only read."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from inbox.services.people import Person, person


def new_client_id() -> str:
    """A fresh id for one send; a retry of the same send keeps it."""
    return str(uuid4())


class TypedText(forms.CharField):
    """A text kept as it was typed: not stripped, and with the line ends that it had before the browser sent it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(strip=False, **options)

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")


class MessageForm(forms.Form):
    """A reply or a note; `seen` is the last message that its author saw, `kind` the switch above the box."""

    text = TypedText(
        required=False,
        error_messages={
            "null_characters_not_allowed": _(
                "The text holds a character that can not be stored (NUL). Remove it and send again."
            )
        },
    )
    client_id = forms.CharField(required=False, max_length=64)
    seen = forms.CharField(required=False, max_length=200)
    in_response_to = forms.CharField(required=False, max_length=200)
    kind = forms.CharField(required=False)
    anyway = forms.BooleanField(required=False)

    def clean_client_id(self) -> str:
        return str(self.cleaned_data["client_id"]) or new_client_id()

    def sent(self) -> dict[str, Any]:
        """The words that `messages.send` takes."""
        return {name: self.cleaned_data[name] for name in ("text", "client_id", "seen", "in_response_to", "anyway")}

    def again(self, seen: str) -> "MessageForm":
        """The same text and client id over what has been shown by now."""
        kept = {name: self[name].value() or "" for name in ("text", "client_id", "in_response_to", "kind")}
        return MessageForm(initial={**kept, "seen": seen})

    @classmethod
    def fresh(cls, *, seen: str = "", text: str = "", in_response_to: str = "", kind: str = "") -> "MessageForm":
        """An unsent message, empty but for `text`; `in_response_to` is the id of the message that it answers."""
        words = {
            "client_id": new_client_id(),
            "seen": seen,
            "text": text,
            "in_response_to": in_response_to,
            "kind": kind,
        }
        return cls(initial=words)


class ThreadForm(forms.Form):
    """A new thread with its first message.

    People are `reference|name|role`, such as `Practitioner/bob|Bob Miller|Nurse`: a form that is shown again names
    those who are ticked without asking for them.
    """

    patient = forms.CharField(required=False, max_length=500)
    people = forms.Field(required=False)
    topic = forms.CharField(
        max_length=settings.TOPIC_MAX_LENGTH,
        error_messages={"required": _("Write a topic of a few words, such as “Lab results”.")},
    )
    tags = forms.Field(required=False)
    text = TypedText(error_messages={"required": _("Write a message.")})
    client_id = forms.CharField(required=False, max_length=64)
    staff_only = forms.BooleanField(required=False)
    patient_q = forms.CharField(required=False, max_length=200)
    people_q = forms.CharField(required=False, max_length=200)

    def __init__(self, data: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init__(data, **options)
        for name in ("people", "tags"):
            self.fields[name].widget = forms.SelectMultiple()

    def clean_text(self) -> str:
        text = str(self.cleaned_data["text"])
        if not text.strip():
            raise forms.ValidationError(_("Write a message."))
        return text

    def clean(self) -> dict[str, Any]:
        """Somebody must take part: the patient, or people; with `staff_only` the patient does not."""
        typed = super().clean() or self.cleaned_data
        alone = not typed.get("patient") or typed.get("staff_only")
        if alone and not typed.get("people"):
            self.add_error("people", _("Choose at least one person."))
        return typed

    def clean_client_id(self) -> str:
        return str(self.cleaned_data["client_id"]) or new_client_id()

    def started(self) -> dict[str, Any]:
        """The words that `threads.start` takes."""
        words = {name: self.cleaned_data[name] for name in ("topic", "text", "client_id", "staff_only")}
        return {
            **words,
            "patient": self.cleaned_data["patient"].partition("|")[0],
            "people": [one.partition("|")[0] for one in self.cleaned_data["people"] or []],
            "tags": self.cleaned_data["tags"] or [],
        }

    def kept(self, name: str) -> str:
        """What stands in a field now, typed or initial."""
        return str(self[name].value() or "")

    def ticked(self) -> list[str]:
        """The tags that are ticked."""
        return list(self["tags"].value() or [])

    def chosen(self, name: str) -> list[Person]:
        """The people who are ticked in `patient` or `people`, under the names that came with them."""
        values = self["people"].value() or [] if name == "people" else [self.kept("patient")]
        parts = ([*value.split("|", 2), "", ""] for value in values if value)
        return [
            person({"reference": reference, "display": display}, role) for reference, display, role, *_rest in parts
        ]


class PersonForm(forms.Form):
    """A person to add or remove, and the list of participants that the form was opened with."""

    person = forms.CharField(max_length=200)
    seen = forms.CharField(required=False, max_length=200)
    q = forms.CharField(required=False, max_length=200)
