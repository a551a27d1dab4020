"""What people may type: one place for the limits of pages, so that every form says the same."""

import re
import unicodedata
import uuid

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from inbox.fhir import outcome


def text(value: str) -> str:
    """A message's text as it will be stored; raises Unprocessable saying why not (expression `text`)."""
    value = value.replace("\r\n", "\n")
    return _checked(value, "text", settings.MESSAGE_MAX_LENGTH, _("Write a message first."))


def topic(value: str) -> str:
    """A thread's topic; raises Unprocessable (expression `topic`)."""
    empty = _("Write a topic of a few words, such as “Lab results”.")
    return _checked(" ".join(OVERRIDES.sub(" ", value).split()), "topic", settings.TOPIC_MAX_LENGTH, empty)


def reason(value: str) -> str:
    """Why something is done; raises Unprocessable (expression `reason`)."""
    return _checked(value.strip(), "reason", settings.TOPIC_MAX_LENGTH, _("Say why, in a few words."))


def client_id(value: str) -> str:
    """The id that a page gave a send: a UUID; raises Unprocessable for anything else."""
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise outcome.Unprocessable(
            _("This form is damaged. Copy your text, reload the page and send again.")
        ) from None


def _checked(value: str, field: str, limit: int, empty: str) -> str:
    if all(unicodedata.category(one)[0] in "CZ" for one in value):
        raise outcome.Unprocessable(empty, expression=field)
    if len(value) > limit:
        much = {
            "limit": number_format(limit, force_grouping=True),
            "length": number_format(len(value), force_grouping=True),
        }
        raise outcome.Unprocessable(
            _("At most %(limit)s characters; this has %(length)s. Shorten it or send it in parts.") % much,
            expression=field,
        )
    if FORBIDDEN.search(value):
        raise outcome.Unprocessable(
            _("The text has a character that can not be stored (such as NUL)."), expression=field
        )
    return value


OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Marks that turn the direction of what follows: in a topic they would turn the rest of the row."""

FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
