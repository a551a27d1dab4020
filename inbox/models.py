"""The tables of the embedded store. Nobody but `inbox.fhir` touches them.

Times are integers, microseconds since 1970 UTC: both databases compare them alike and a cursor can hold them.
"""

from uuid import uuid4

from django.db import models
from django.db.models import Q


class Practice(models.Model):
    """One practice (Organization): a wall above every policy. `fhir_id` is the id of its Organization."""

    fhir_id = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)

    def __str__(self) -> str:
        return self.name


class Resource(models.Model):
    """The current state of a resource; identity is (practice, type, fhir_id).

    `body` is JSON without `meta.versionId` and `meta.lastUpdated`, which are columns here. `is_header`, `status`,
    `has_payload` and `sent` repeat what the inbox filters and sorts by; `display` is the name that references show.
    """

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT)
    type = models.CharField(max_length=64)
    fhir_id = models.CharField(max_length=64)
    version = models.IntegerField()
    last_updated = models.BigIntegerField()
    deleted = models.BooleanField(default=False)
    is_header = models.BooleanField(null=True)
    has_payload = models.BooleanField(null=True)
    status = models.CharField(max_length=64, default="")
    sent = models.BigIntegerField(null=True)
    display = models.CharField(max_length=200, default="")
    body = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["practice", "type", "fhir_id"], name="resource_identity"),
        ]
        indexes = [
            models.Index(fields=["practice", "type", "last_updated", "id"], name="resource_updated"),
            models.Index(fields=["practice", "type", "is_header", "last_updated", "id"], name="resource_header"),
            models.Index(
                fields=["practice", "type", "is_header", "status", "last_updated", "id"], name="resource_status"
            ),
        ]


class Version(models.Model):
    """One version of a resource. A version that moves last activity alone has no body, only `activity`."""

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="versions", db_index=False)
    version = models.IntegerField()
    last_updated = models.BigIntegerField()
    deleted = models.BooleanField(default=False)
    activity = models.CharField(max_length=40, default="")
    body = models.TextField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["resource", "version"], name="version_identity")]


class ReferenceIndex(models.Model):
    """One reference of a resource under one search parameter (`Communication.recipient`), with what lists sort by."""

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, db_index=False)
    param = models.CharField(max_length=128)
    target = models.CharField(max_length=200)
    is_header = models.BooleanField(null=True)
    status = models.CharField(max_length=64, default="")
    last_updated = models.BigIntegerField()
    sent = models.BigIntegerField(null=True)
    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, db_index=False)

    class Meta:
        indexes = [
            models.Index(fields=["resource", "param", "target"], name="reference_resource"),
            models.Index(
                fields=["practice", "param", "target", "is_header", "status", "last_updated", "resource"],
                name="reference_status",
            ),
            models.Index(
                fields=["practice", "param", "target", "is_header", "last_updated", "resource"],
                name="reference_updated",
            ),
            models.Index(
                fields=["practice", "param", "target", "sent", "resource"],
                name="reference_sent",
                condition=Q(sent__isnull=False),
            ),
        ]


class TokenIndex(models.Model):
    """One code, identifier, boolean or uri of a resource under one search parameter."""

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, db_index=False)
    param = models.CharField(max_length=128)
    system = models.TextField(default="")
    code = models.TextField(default="")
    is_header = models.BooleanField(null=True)
    last_updated = models.BigIntegerField()
    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, db_index=False)

    class Meta:
        indexes = [
            models.Index(fields=["resource", "param", "code"], name="token_resource"),
            models.Index(
                fields=["practice", "param", "code", "is_header", "last_updated", "resource"], name="token_code"
            ),
        ]


class StringIndex(models.Model):
    """One text of a resource under one search parameter: `norm` without case and accents, `value` as written."""

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, db_index=False)
    param = models.CharField(max_length=128)
    norm = models.TextField()
    value = models.TextField()
    resource = models.ForeignKey(Resource, on_delete=models.CASCADE)

    class Meta:
        indexes = [models.Index(fields=["practice", "param", "norm", "resource"], name="string_norm")]


class DateIndex(models.Model):
    """One date or period under one search parameter, as the half-open interval [low, high)."""

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, db_index=False)
    param = models.CharField(max_length=128)
    low = models.BigIntegerField()
    high = models.BigIntegerField()
    resource = models.ForeignKey(Resource, on_delete=models.CASCADE)

    class Meta:
        indexes = [models.Index(fields=["practice", "param", "low", "high", "resource"], name="date_low")]


class Content(models.Model):
    """What one version of a file (Binary) holds, and the versions after it until the next content.

    The bytes are in the storage of files under `key`. `uploader` is the profile that brought them; the file is
    `loose` until something carries it.
    """

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="contents", db_index=False)
    version = models.IntegerField()
    at = models.BigIntegerField()
    key = models.CharField(max_length=100, unique=True)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    name = models.CharField(max_length=200, default="")
    uploader = models.CharField(max_length=200)
    loose = models.BooleanField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["resource", "version"], name="content_identity")]
        indexes = [models.Index(fields=["at"], name="content_loose", condition=Q(loose=True))]


class AuditEvent(models.Model):
    """Who did what to which resource when; served as FHIR AuditEvent. Rows are only ever added.

    `membership` is the account behind the actor as whoever keeps accounts names it, the app in between included.
    """

    practice_id = models.BigIntegerField()
    at = models.BigIntegerField()
    interaction = models.CharField(max_length=24)
    actor = models.CharField(max_length=200)
    membership = models.CharField(max_length=64, default="")
    type = models.CharField(max_length=64)
    fhir_id = models.CharField(max_length=64, default="")
    version = models.IntegerField(null=True)
    outcome = models.CharField(max_length=2, default="0")
    query = models.TextField(default="")
    detail = models.TextField(default="")
    request_id = models.CharField(max_length=64, default="")

    class Meta:
        indexes = [
            models.Index(fields=["practice_id", "type", "fhir_id", "id"], name="audit_resource"),
            models.Index(fields=["practice_id", "actor", "id"], name="audit_actor"),
        ]


class Retried(models.Model):
    """Work that may fail: how often it was begun, before when it is not begun again, and why it failed last."""

    tries = models.IntegerField(default=0, db_default=0)
    next_at = models.BigIntegerField(default=0, db_default=0)
    error = models.TextField(default="", db_default="")

    class Meta:
        abstract = True


class Outbox(Retried):
    """One change that background work still has to look at, written in the same transaction as the change.

    `xid` is the transaction that wrote it, set by PostgreSQL; 0 on SQLite, where ids tell the order of commits.
    """

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, db_index=False)
    at = models.BigIntegerField()
    interaction = models.CharField(max_length=16)
    type = models.CharField(max_length=64)
    fhir_id = models.CharField(max_length=64)
    version = models.IntegerField()
    thread = models.CharField(max_length=64, default="")
    done = models.BooleanField(default=False)
    xid = models.BigIntegerField(db_default=0, editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="outbox_waiting", condition=Q(done=False)),
            models.Index(fields=["thread", "id"], name="outbox_thread", condition=Q(done=False)),
        ]


class Subscription(models.Model):
    """What the worker asks of every Subscription at every change; the Subscription itself is a Resource.

    `owner` is the membership that wrote it last (`Actor.membership`): what is told is what that membership may read.
    `type`, `criteria` and `interactions` repeat what it follows. `failures` counts deliveries given up in a row;
    `since` is when it was last asked for, `seen_at` when a socket was last bound to it, `ends_at` when it is to end.
    """

    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, db_index=False)
    fhir_id = models.CharField(max_length=64)
    owner = models.CharField(max_length=200)
    channel = models.CharField(max_length=16)
    type = models.CharField(max_length=64)
    criteria = models.TextField()
    interactions = models.CharField(max_length=40)
    active = models.BooleanField()
    failures = models.IntegerField(default=0)
    since = models.BigIntegerField()
    seen_at = models.BigIntegerField()
    ends_at = models.BigIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["practice", "fhir_id"], name="subscription_identity")]
        indexes = [
            models.Index(fields=["practice", "type", "channel"], name="subscription_follows", condition=Q(active=True))
        ]

    def __str__(self) -> str:
        return f"Subscription/{self.fhir_id}"


class Delivery(Retried):
    """One change to be told to the endpoint of a rest-hook Subscription.

    `lane` is the thread, or the resource itself where there is none: within a lane, deliveries go out in order.
    `key` is what the endpoint knows a repeated delivery by. `state` is `waiting`, `done` or `dead`; while one is
    being sent, `next_at` is when it is given up as lost and sent again.
    """

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, db_index=False)
    key = models.UUIDField(default=uuid4, unique=True, editable=False)
    at = models.BigIntegerField()
    interaction = models.CharField(max_length=16)
    type = models.CharField(max_length=64)
    fhir_id = models.CharField(max_length=64)
    version = models.IntegerField()
    lane = models.CharField(max_length=160)
    state = models.CharField(max_length=8, default="waiting")

    class Meta:
        indexes = [
            models.Index(fields=["subscription", "lane", "id"], name="delivery_lane", condition=Q(state="waiting")),
            models.Index(fields=["state", "at"], name="delivery_state"),
        ]


class RemoteVersion(models.Model):
    """A version on a remote server that the worker has looked at; without an id, when it began to look."""

    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, db_index=False)
    type = models.CharField(max_length=64)
    fhir_id = models.CharField(max_length=64, default="")
    version = models.CharField(max_length=64, default="")
    at = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["practice", "type", "fhir_id", "version"], name="remote_version_identity"),
        ]
        indexes = [models.Index(fields=["practice", "type", "at"], name="remote_version_at")]


class AccessPolicy(models.Model):
    """An AccessPolicy of one practice as FHIR JSON; `version` grows with every save."""

    practice = models.ForeignKey(Practice, on_delete=models.CASCADE)
    fhir_id = models.CharField(max_length=64)
    version = models.IntegerField(default=1)
    body = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["practice", "fhir_id"], name="policy_identity")]

    def __str__(self) -> str:
        return self.fhir_id
