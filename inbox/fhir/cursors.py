"""The token of a next page: the sort key and number of the last row that was shown."""

import base64
import binascii
import json

from . import outcome
from .primitives import ID

Cursor = tuple[int | str, int]
LARGEST = 2**63


def encode(key: object, pk: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([key, pk]).encode()).decode().rstrip("=")


def decode(token: str, *, text: bool) -> Cursor:
    """The key and row of a token; `text` when the search is sorted by ids. Raises Invalid for a damaged one."""
    try:
        key, pk = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        key, pk = None, None
    if _number(pk) and (isinstance(key, str) and ID.fullmatch(key) if text else _number(key)):
        return key, pk
    raise outcome.Invalid("This page link is damaged; start again from the first page.", expression="_cursor")


def _number(value: object) -> bool:
    return type(value) is int and abs(value) < LARGEST
