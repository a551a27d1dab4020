"""Errors: one exception tree in the vocabulary of OperationOutcome; the edge turns it into HTTP once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class FHIRError(Exception):
    """Something refused; `expression` names the element, as FHIRPath, where there is one."""

    status = 500
    id = "exception"
    code = "exception"
    place = ""
    """The entry of a Bundle that it arose in, such as `Bundle.entry[3]`."""

    def __init__(self, text: str = "", *, expression: str | list[str] = "") -> None:
        super().__init__(text or self.default)
        self.text = text or self.default
        self.expression = [expression] if isinstance(expression, str) and expression else list(expression)

    @property
    def default(self) -> str:
        return (self.__doc__ or "").split("\n")[0]

    def outcome(self) -> dict[str, Any]:
        """This error as an R4 OperationOutcome; its `id` is the word that JavaScript clients look at."""
        issue: dict[str, Any] = {"severity": "error", "code": self.code, "details": {"text": self.text}}
        if self.expression:
            issue["expression"] = self.expression
        return {"resourceType": "OperationOutcome", "id": self.id, "issue": [issue]}


class Invalid(FHIRError):
    """This is not valid."""

    status, id, code = 400, "invalid", "invalid"


class UnknownReference(Invalid):
    """Unknown reference."""

    id, code = "invalid", "not-found"


class Unauthorized(FHIRError):
    """Sign in first."""

    status, id, code = 401, "unauthorized", "login"


class Forbidden(FHIRError):
    """You may not do this."""

    status, id, code = 403, "forbidden", "forbidden"


class NotFound(FHIRError):
    """Not found."""

    status, id, code = 404, "not-found", "not-found"


class Conflict(FHIRError):
    """This conflicts with what is stored."""

    status, id, code = 409, "conflict", "conflict"


class Gone(FHIRError):
    """Deleted."""

    status, id, code = 410, "gone", "deleted"


class Stale(FHIRError):
    """Somebody changed this in the meantime."""

    status, id, code = 412, "precondition-failed", "conflict"


class NoMatch(FHIRError):
    """Nothing matches."""

    status, id, code = 412, "precondition-failed", "not-found"


class MultipleMatches(FHIRError):
    """More than one resource matches."""

    status, id, code = 412, "multiple-matches", "multiple-matches"


class TooLarge(FHIRError):
    """This is more than one request may hold."""

    status, id, code = 413, "content-too-large", "too-costly"


class Unprocessable(FHIRError):
    """A rule refuses this."""

    status, id, code = 422, "business-rule", "business-rule"


class Busy(FHIRError):
    """The store is busy; try again in a moment."""

    status, id, code = 503, "exception", "transient"


@contextmanager
def within(place: str) -> Iterator[None]:
    """What is refused inside names its element from the entry of a Bundle that it arose in (`Bundle.entry[3]`)."""
    try:
        yield
    except FHIRError as error:
        if place and not error.place:
            error.place = place
            error.expression = [_placed(place, one) for one in error.expression] or [place]
        raise


def _placed(place: str, expression: str) -> str:
    """`Task.owner` as `Bundle.entry[3].resource.owner`; what is no element of a resource as the entry itself."""
    if expression.startswith("Bundle.entry["):
        return expression
    type, _, rest = expression.partition(".")
    if not rest or not type[:1].isupper():
        return place
    return f"{place}.resource.{rest}"
