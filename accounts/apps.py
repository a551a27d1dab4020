from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from inbox.fhir import members

        from .acting import reconnect
        from .models import policies_of

        members.register(policies_of, reconnect)
