"""The protocol that every back end speaks: the embedded store, a remote server, and the guard around either."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from .types import Actor, Bundle, Operations, Params, Resource


@dataclass(frozen=True)
class Page:
    """One page of a search: resources in order, the token of the next page, and the exact total when asked for.

    `included` is what `_include` and `_revinclude` brought along; `warnings` say what was ignored or left out.
    """

    resources: list[Resource]
    next: str = ""
    total: int | None = None
    included: list[Resource] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Upload:
    """The content of a file on its way in: an open stream that can be read again, and what the file is called.

    `key`, `size` in bytes and `sha256` (hexadecimal) are known once a back end has put it where it is kept.
    """

    stream: BinaryIO
    name: str = ""
    key: str = ""
    size: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class Content:
    """What a file holds: how to open it, its size in bytes, its SHA-256 (hexadecimal), and what it is called."""

    open: Callable[[], BinaryIO]
    size: int
    sha256: str = ""
    name: str = ""


@dataclass(frozen=True)
class Write:
    """One write of a transaction, or of what follows from it.

    `method` is POST, PUT, PATCH or DELETE. `resource` is the whole new state (None for a delete and a patch, which
    has `operations`); `if_match` the version it was made from; `if_none_exist` a search query that turns a create
    into a conditional one, `where` one that names the resource of an update, a patch or a delete instead of `id`.
    In a Bundle `full_url` is what other entries call this resource, `place` the entry (`Bundle.entry[3]`).
    `checked`: the resource was validated already, and its references are literal.
    """

    method: str
    type: str
    id: str = ""
    resource: Resource | None = None
    if_match: str = ""
    if_none_exist: str = ""
    where: str = ""
    operations: Operations | None = None
    upload: Upload | None = None
    full_url: str = ""
    place: str = ""
    checked: bool = False

    @property
    def condition(self) -> str:
        """The search that this write hangs on; empty for one that names its resource itself."""
        return self.if_none_exist or self.where


@dataclass(frozen=True)
class Written:
    """What became of a write: the stored resource (None after a delete) and whether it is new."""

    resource: Resource | None
    created: bool = False
    unchanged: bool = field(default=False)


class Repository(Protocol):
    """Reads and writes of one actor. Errors are those of `outcome`: NotFound, Gone, Forbidden, Stale, Invalid …"""

    actor: Actor

    def read(self, type: str, id: str) -> Resource: ...

    def vread(self, type: str, id: str, version: str) -> Resource: ...

    def history(self, type: str, id: str) -> list[Resource]:
        """The versions, newest first; a deleted one has only `resourceType`, `id` and `meta`."""

    def type_history(self, type: str, *, count: int, cursor: str = "") -> Page:
        """The versions of a whole type, newest first; one that deleted has only its stamp."""

    def search(self, type: str, params: Params, *, lenient: bool = False) -> Page:
        """Search with FHIR's parameters; `_cursor` continues after the page that returned it as `next`.

        Unknown parameters raise Invalid, unless `lenient`: then the page's warnings name them.
        """

    def newest(self, type: str, params: Params, *, per: str, targets: Iterable[str]) -> dict[str, Resource]:
        """For each target the first result (by `_sort`) among those whose parameter `per` refers to it."""

    def create(self, resource: Resource, *, if_none_exist: str = "") -> Written: ...

    def update(self, resource: Resource, *, if_match: str = "", where: str = "") -> Written:
        """Store a new state; `where` finds the resource by a search instead of by its id, and creates it if none."""

    def patch(self, type: str, id: str, operations: Operations, *, if_match: str = "", where: str = "") -> Written:
        """Change a resource by JSON Patch; all operations or none. Source: RFC 6902."""

    def delete(self, type: str, id: str, *, if_match: str = "", where: str = "") -> None: ...

    def upload(self, resource: Resource, upload: Upload, *, if_match: str = "") -> Written:
        """Store a file: a Binary without `data`, beside its content; a new one where it has no id."""

    def download(self, id: str, version: str = "") -> tuple[Resource, Content]:
        """A file or one version of it: the Binary without `data`, and its content; NotFound where that is lost."""

    def transaction(self, bundle: Bundle) -> Bundle:
        """Carry out a transaction Bundle, all or nothing; with each entry's location and resource."""

    def batch(self, bundle: Bundle) -> Bundle:
        """Carry out each entry of a batch Bundle by itself; what fails is told in its entry's outcome."""

    def atomic(self) -> AbstractContextManager[None]:
        """All reads and writes inside see one state and are kept together, where the back end can."""

    def may(self, interaction: str, type: str, resource: Resource | None = None) -> bool:
        """Whether this actor's policy allows an interaction at all, or on this state of a resource."""

    def may_search(self, type: str, *codes: str) -> bool:
        """Whether this actor may search a type by all of these parameters; hidden fields are searched by nobody."""

    def may_become(self, before: Resource, after: Resource) -> bool:
        """Whether this actor may change a resource from one state to another."""

    def apply(self, writes: Sequence[Write]) -> list[Written]:
        """Several writes, all or nothing, without the form of a Bundle."""
