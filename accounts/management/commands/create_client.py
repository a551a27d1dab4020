"""`manage.py create_client ID --practice ID --profile TYPE/ID --policy ID`: a machine, or an app, that may log in."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import clients
from accounts.management.finding import checked_profile, find_policy, find_practice


class Command(BaseCommand):
    help = "Makes a client of the API and prints its secret, once. With --redirect-uri it is an app for people."
    stealth_options = ("secret",)  # of the demo, which keeps its own

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", help="with which it logs in")
        parser.add_argument("--practice", required=True, metavar="ID")
        parser.add_argument("--profile", required=True, metavar="TYPE/ID", help="such as Practitioner/laboratory")
        parser.add_argument("--policy", required=True, metavar="ID", help="such as client")
        parser.add_argument("--name", default="", help="as people read it")
        parser.add_argument(
            "--redirect-uri", action="append", default=[], metavar="URI", help="where an app takes people up again"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        practice = find_practice(options["practice"])
        policy = find_policy(practice, options["policy"])
        profile = checked_profile(practice, options["profile"], clients.PROFILES)
        name = options["name"].strip() or options["id"]
        if len(name) > 100:
            raise CommandError("The name has more than 100 characters.")
        try:
            client, secret = clients.create(
                practice,
                id=options["id"],
                name=name,
                profile=profile,
                policy=policy,
                redirect_uris=options["redirect_uri"],
                secret=options.get("secret") or "",
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        kind = "an app" if client.is_app else "a machine"
        self.stderr.write(
            f"{options['id']} is {kind} of the practice “{practice.fhir_id}” as {profile} under the policy “{policy}”."
        )
        self.stdout.write(secret or "An app has no secret.")
