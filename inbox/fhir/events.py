"""The one signal, in two phases: `changing` inside the transaction, `changed` after the commit."""

from dataclasses import dataclass
from typing import Literal

from django.dispatch import Signal

from .types import Actor, Resource

Interaction = Literal["create", "update", "delete"]


@dataclass(frozen=True)
class Change:
    """One resource before and after; `before` is None for a create, `after` is None for a delete."""

    actor: Actor
    interaction: Interaction
    before: Resource | None
    after: Resource | None

    @property
    def resource(self) -> Resource:
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def reference(self) -> str:
        return f"{self.resource['resourceType']}/{self.resource['id']}"


resource_changing = Signal()
"""Sent inside the transaction with `changes: list[Change]`; a listener returns further `list[Write]` or None."""

resource_changed = Signal()
"""Sent after the commit with `changes: list[Change]`."""
