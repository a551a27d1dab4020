"""Where tables live: on SQLite the audit of reads is a second file that holds nothing else."""

from typing import Any


class AuditRouter:
    """The database `audit` has the one table AuditEvent; `default` has every table."""

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool | None:
        if db == "audit":
            return app_label == "inbox" and (model_name or "").lower() == "auditevent"
        return None
