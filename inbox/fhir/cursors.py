"""The token of a next page: the sort keys and the number of the last row that was shown, sealed.

Who holds a token learns nothing from it, and whoever sends it gets what they themselves may see: the scope is part
of every page's query. Rows that are added while somebody pages take nothing away and repeat nothing. A row that is
updated meanwhile moves in the order of `_lastUpdated`, so it may be seen a second time there, or (oldest first) later.
"""

import base64
import binascii
import hashlib
import json
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.conf import settings

from . import outcome


def encode(context: str, place: list[Any]) -> str:
    """A place in a list as text. `context` names the list (practice, type, order): a token is good for it alone."""
    text = json.dumps(place, ensure_ascii=False, separators=(",", ":")).encode()
    sealed = _cipher(settings.SECRET_KEY).encrypt(text, [context.encode()])
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def decode(context: str, token: str) -> list[Any]:
    """The place of a token; raises Invalid for one that we did not make for this list."""
    try:
        sealed = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        text = _cipher(settings.SECRET_KEY).decrypt(sealed, [context.encode()])
    except (ValueError, binascii.Error, InvalidTag):
        raise outcome.Invalid(
            "This page link is damaged; start again from the first page.", expression="_cursor"
        ) from None
    found: list[Any] = json.loads(text)
    return found


@cache
def _cipher(secret: str) -> AESSIV:
    """Equal places give equal tokens and nothing else is told. Source: RFC 5297."""
    return AESSIV(hashlib.sha512(b"inbox.fhir.cursors" + secret.encode()).digest())
