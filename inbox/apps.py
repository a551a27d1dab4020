from django.apps import AppConfig


class InboxConfig(AppConfig):
    name = "inbox"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from inbox.fhir import filing
        from inbox.services import derived
        from inbox.subscriptions import deliveries, following

        filing.listen()
        derived.listen()
        following.listen()
        deliveries.listen()
