"""Addresses in small letters, as they are looked for."""

from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.models.functions import Lower


def lower(apps: Any, schema_editor: Any) -> None:
    apps.get_model("people", "Person").objects.update(email=Lower("email"))


class Migration(migrations.Migration):
    dependencies = [("people", "0001_initial")]
    operations = [migrations.RunPython(lower, migrations.RunPython.noop)]
