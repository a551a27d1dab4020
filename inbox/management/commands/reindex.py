"""`manage.py reindex`: what resources are found by, computed again, as an upgrade may ask for."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from inbox.fhir import reindex


class Command(BaseCommand):
    help = "Mends the search index: all that resources are found by. It may be broken off and run again at any time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--after", type=int, default=0, metavar="NUMBER", help="go on after this row, where a run was broken off"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        mended = reindex.rebuild(after=options["after"], progress=self._progress)
        self.stdout.write(f"Search index: {mended} {'resource' if mended == 1 else 'resources'} mended.")

    def _progress(self, number: int, last: int) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\rrow {number} of {last}", ending="\n" if number >= last else "")
        else:
            self.stderr.write(f"row {number} of {last}")
