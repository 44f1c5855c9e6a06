"""The Django application of people."""

from __future__ import annotations

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """People and the roles of their groups."""

    name = "entrypoints.web.console.people"
    label = "people"
    verbose_name = "People"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Begin to write down what people change about themselves."""
        from entrypoints.web.console.people.written_down import connect

        connect()
