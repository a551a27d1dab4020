"""`manage.py load FILE… --practice ID`: FHIR resources from files into a practice, all or none."""

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from inbox import fhir
from inbox.fhir.outcome import FHIRError
from inbox.fhir.validate import problems
from inbox.management import files
from inbox.management.files import Located
from inbox.models import Practice

SHOWN = 20
WIDTH = 30


class Command(BaseCommand):
    help = "Loads FHIR R4 resources (Bundle, NDJSON or single resource files) into a practice: all of them, or none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument(
            "--practice", required=True, metavar="ID", help="the practice, by the id of its Organization"
        )
        parser.add_argument(
            "--stub-missing", action="store_true", help="make empty resources for references that lead nowhere"
        )
        parser.add_argument("--dry-run", action="store_true", help="check everything, keep nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        practice = fhir.get_practice(options["practice"])
        if practice is None:
            raise CommandError(
                f"There is no practice “{options['practice']}”. Make it first: manage.py create_practice ID NAME"
            )
        if options["dry_run"] and settings.FHIR_BASE_URL:
            raise CommandError("--dry-run needs the embedded store: what a remote server has taken is not taken back.")
        try:
            located = [one for path in options["files"] for one in files.read(path)]
        except files.FileError as error:
            raise CommandError(str(error)) from None
        with transaction.atomic():
            count = self._load(practice, located, options["stub_missing"])
            if options["dry_run"]:
                transaction.set_rollback(True)
        done = (
            "can be loaded; nothing was kept (--dry-run)" if options["dry_run"] else f"loaded into “{practice.fhir_id}”"
        )
        self.stdout.write(f"{count} {'resource' if count == 1 else 'resources'} {done}.")

    def _load(self, practice: Practice, located: list[Located], stub_missing: bool) -> int:
        bar = self._progress if sys.stderr.isatty() else None
        try:
            return fhir.bulk_load(practice, [one.resource for one in located], stub_missing=stub_missing, progress=bar)
        except FHIRError as error:
            raise CommandError("\n".join(_explained(error, located))) from None

    def _progress(self, done: int, total: int) -> None:
        filled = WIDTH * done // max(total, 1)
        self.stderr.write(f"\r[{'#' * filled}{'.' * (WIDTH - filled)}] {done} of {total}", ending="")
        if done >= total:
            self.stderr.write("")


def _explained(error: FHIRError, located: list[Located]) -> list[str]:
    """What is wrong and where: the resource that was refused, then what else is invalid further down."""
    index = getattr(error, "index", None)
    if index is None:
        return [error.text, "Nothing was loaded."]
    lines = [_line(located[index].place, error.expression, error.text)]
    for one in located[index + 1 :]:
        lines += [_line(one.place, [problem.expression], problem.text) for problem in problems(one.resource)[:1]]
        if len(lines) >= SHOWN:
            return [*lines, "… and perhaps more.", "Nothing was loaded."]
    return [*lines, "Nothing was loaded."]


def _line(place: str, expression: list[str], text: str) -> str:
    return f"{place}: {expression[0]}: {text}" if expression and expression[0] else f"{place}: {text}"
