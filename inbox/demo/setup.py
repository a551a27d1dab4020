"""What the demo needs before it can start: secrets, tables, the clinic, its logins. All of it is made once and kept."""

import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import connections, transaction
from django.db.migrations.executor import MigrationExecutor

from inbox import fhir
from inbox.models import AccessPolicy, Practice

from . import clinic

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def secret(path: Path, make: Callable[[], str]) -> str:
    """The text of a file that only its owner may read, made on the first start."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(make() + "\n")
    except FileExistsError:
        pass
    return path.read_text(encoding="ascii").strip()


def new_password() -> str:
    """A password that is easy to type: no letters that look alike."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3))


def new_secret() -> str:
    """A secret for a machine: nobody types it."""
    return secrets.token_urlsafe(32)


def new_key() -> str:
    """A SECRET_KEY for Django."""
    return secrets.token_urlsafe(50)


def foreign() -> str:
    """Why this database must not become a demo's, or an empty text: it has practices, accounts or tables of others."""
    tables = set(connections["default"].introspection.table_names())
    if Practice._meta.db_table not in tables:
        return "It has tables that are not the demo's." if tables else ""
    others = (
        Practice.objects.exclude(fhir_id__in=clinic.FILES).order_by("fhir_id").values_list("fhir_id", flat=True)[:3]
    )
    if others:
        return (
            f"It holds the practice “{others[0]}”." if len(others) == 1 else f"It holds practices: {', '.join(others)}."
        )
    User = apps.get_model("accounts", "User")
    accounts = User._meta.db_table in tables and User._default_manager.exists()
    return "It holds accounts, but not the demo's clinic." if accounts and not Practice.objects.exists() else ""


def migrate() -> None:
    """Bring every database to the tables of this version; quick when there is nothing to do."""
    for alias in settings.DATABASES:
        executor = MigrationExecutor(connections[alias])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", database=alias, verbosity=0, interactive=False)
            if alias == "default":
                call_command("createcachetable", verbosity=0)


def loaded() -> bool:
    """Whether the clinics are there; they are loaded together or not at all."""
    return Practice.objects.filter(fhir_id__in=clinic.FILES).count() == len(clinic.FILES)


def load(password: str, progress: Callable[[int, int], None] | None = None) -> None:
    """Load both clinics and their logins, all or nothing."""
    everything = clinic.resources(datetime.now(UTC))
    with transaction.atomic():
        for id, resources in everything.items():
            fhir.bulk_load(fhir.create_practice(id, clinic.NAMES[id]), resources, progress=progress)
        sign_in_with(password)


def sign_in_with(password: str) -> None:
    """Make the logins, or give those that there are this password."""
    User, Membership = apps.get_model("accounts", "User"), apps.get_model("accounts", "Membership")
    encoded = make_password(password)
    for login in clinic.logins():
        user, _ = User._default_manager.get_or_create(email=login["email"], defaults={"name": login["name"]})
        user.password = encoded
        user.save(update_fields=["password"])
        _memberships(Membership, user, login)


def log_in_with(machines: dict[str, str]) -> None:
    """Make the machine clients, or give those that there are these secrets; their profiles take part in nothing."""
    Client = apps.get_model("allauth_idp_oidc", "Client")
    for one in clinic.machines():
        secret, client = machines[one["id"]], Client._default_manager.filter(pk=one["id"]).first()
        if client is not None:
            if not client.check_secret(secret):
                client.secret = make_password(secret, hasher="sha256_random")
                client.save(update_fields=["secret"])
            continue
        practice = Practice.objects.get(fhir_id=one["practice"])
        type, _, id = one["profile"].partition("/")
        if not fhir.profile_exists(practice, one["profile"]):
            fhir.system(practice.pk).update({"resourceType": type, "id": id, "active": True, "name": [one["person"]]})
        named = {name: one[name] for name in ("name", "practice", "profile", "policy")}
        call_command("create_client", one["id"], **named, secret=secret, stdout=StringIO(), stderr=StringIO())


def _memberships(Membership: Any, user: Any, login: dict[str, Any]) -> None:
    practice = Practice.objects.get(fhir_id=login["practice"])
    policy = AccessPolicy.objects.get(practice=practice, fhir_id=login["policy"])
    for profile in login["profiles"]:
        Membership._default_manager.get_or_create(
            user=user, practice=practice, profile=profile, defaults={"policy": policy, "display": login["name"]}
        )
