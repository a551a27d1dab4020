"""`manage.py create_member EMAIL --practice ID --profile TYPE/ID --policy ID`: who may sign in, as whom."""

import os
import sys
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction
from django.urls import reverse

from accounts.management.finding import checked_profile, find_policy, find_practice
from accounts.models import Membership, User

PROFILES = ("Practitioner", "Patient", "RelatedPerson")


FITTING = {
    "clinician": "Practitioner",
    "supervisor": "Practitioner",
    "patient": "Patient",
    "carer": "RelatedPerson",
}
"""What kind of profile the policies that come along are written for."""


class Command(BaseCommand):
    help = "Lets a person sign in: as which profile, in which practice, under which access policy."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--practice", required=True, metavar="ID")
        parser.add_argument("--profile", required=True, metavar="TYPE/ID", help="such as Practitioner/alice")
        parser.add_argument("--policy", required=True, metavar="ID", help="such as clinician")
        parser.add_argument("--name", default="", help="as people read it")
        password = parser.add_mutually_exclusive_group()
        password.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
        password.add_argument("--password-env", metavar="VAR", help="read the password from this variable")

    def handle(self, *args: Any, **options: Any) -> None:
        email = checked_email(options["email"])
        practice = find_practice(options["practice"])
        policy = find_policy(practice, options["policy"])
        profile = checked_profile(practice, options["profile"], PROFILES)
        name = options["name"].strip()
        if len(name) > 200:
            raise CommandError("The name has more than 200 characters.")
        wanted = FITTING.get(policy.fhir_id, "")
        if wanted and not profile.startswith(f"{wanted}/"):
            raise CommandError(f"The policy “{policy.fhir_id}” is for a {wanted}; {profile} is none.")
        with transaction.atomic():
            user = find_user(email, name)
            if Membership.objects.filter(user=user, practice=practice, profile=profile).exists():
                raise CommandError(f"{email} is already {profile} in the practice “{practice.fhir_id}”.")
            if options["password_stdin"] or options["password_env"]:
                user.set_password(checked_password(typed_password(options["password_env"]), user))
                user.save(update_fields=["password"])
            Membership.objects.create(
                user=user, practice=practice, profile=profile, policy=policy, display=name or str(user)
            )
        self.stdout.write(f"{email} is {profile} in the practice “{practice.fhir_id}” under the policy “{policy}”.")
        if not user.has_usable_password():
            page = f"{settings.BASE_URL}{reverse('account_reset_password')}"
            self.stdout.write(f"No password yet. “I can not sign in” sends a link to set one: {page}")


def checked_email(text: str) -> str:
    email = text.strip().lower()
    try:
        validate_email(email)
        if len(email) > 254:
            raise ValidationError("too long")
    except ValidationError:
        raise CommandError(f"“{text}” is not an e-mail address.") from None
    return email


def find_user(email: str, name: str) -> User:
    """The account of this address, made if there is none."""
    user = User.objects.filter(email=email).first()
    if user is None:
        return User.objects.create_user(email, name=name)
    if not user.is_active:
        raise CommandError(f"The account {email} is deactivated.")
    return user


def typed_password(variable: str | None) -> str:
    if variable is None:
        return sys.stdin.readline().rstrip("\r\n")
    if variable not in os.environ:
        raise CommandError(f"The variable {variable} is not set.")
    return os.environ[variable]


def checked_password(password: str, user: User) -> str:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise CommandError(f"This password can not be used: {' '.join(error.messages)}") from None
    return password
