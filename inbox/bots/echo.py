"""A bot that answers with its input: to see that calling works."""

from typing import Any

from inbox.fhir.repository import Repository

from .registry import Reply, bot


@bot("echo", name="Echo", description="Answers with its input.")
def echo(repo: Repository, input: Any, content_type: str) -> Reply:
    return Reply(input, content_type)
