"""The cache that processes share (rate limits) is a table; it comes with the others."""

from django.core.management import call_command
from django.db import migrations


def create_cache_table(apps, schema_editor):
    if schema_editor.connection.alias == "default":
        call_command("createcachetable", database="default", verbosity=0)


class Migration(migrations.Migration):
    dependencies = [("inbox", "0002_byte_order")]

    operations = [migrations.RunPython(create_cache_table, migrations.RunPython.noop)]
