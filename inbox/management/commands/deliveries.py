"""`manage.py deliveries`: what waits for rest-hooks and what was given up; and once more what was given up."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from inbox.fhir import rows
from inbox.models import Delivery
from inbox.subscriptions import deliveries


class Command(BaseCommand):
    help = "Lists what was given up for rest-hook Subscriptions (or waits), and sends it again when told to."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--waiting", action="store_true", help="list what still waits instead")
        parser.add_argument("--subscription", default="", help="only those of the Subscription with this id")
        parser.add_argument("--again", action="store_true", help="let what was given up wait once more")

    def handle(self, *args: Any, **options: Any) -> None:
        found = Delivery.objects.filter(state=deliveries.WAITING if options["waiting"] else deliveries.DEAD)
        if options["subscription"]:
            found = found.filter(subscription__fhir_id=options["subscription"])
        if options["again"]:
            self.stdout.write(f"{deliveries.again(found)} deliveries wait once more.")
            return
        for one in found.select_related("subscription").order_by("pk").iterator():
            self.stdout.write(
                f"{rows.instant(one.at)} {one.subscription} {one.interaction} {one.type}/{one.fhir_id}"
                f" version {one.version}, {one.tries} tries: {one.error or 'not sent yet'}"
            )
        self.stdout.write(f"{found.count()} deliveries.")
