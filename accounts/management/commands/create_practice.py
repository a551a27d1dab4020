"""`manage.py create_practice springfield "Springfield Clinic"`: the first thing in an empty install."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Membership
from inbox.fhir import create_practice
from inbox.fhir.outcome import FHIRError

Practice: Any = Membership._meta.get_field("practice").related_model


class Command(BaseCommand):
    help = "Makes a practice: its Organization and the access policies that come with this product."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", help="the id of its Organization: letters, digits, - and .")
        parser.add_argument("name", help="its name, as people read it")

    def handle(self, *args: Any, id: str, name: str, **options: Any) -> None:
        if Practice.objects.filter(fhir_id=id).exists():
            raise CommandError(f"There is already a practice “{id}”.")
        if len(name) > 200:
            raise CommandError("The name has more than 200 characters.")
        if not name.strip():
            raise CommandError("The name is empty.")
        try:
            create_practice(id, name.strip())
        except FHIRError as error:
            raise CommandError(f"The practice was not made: {error}") from error
        self.stdout.write(f"Made the practice “{id}”. Next: manage.py create_member EMAIL --practice {id} …")
