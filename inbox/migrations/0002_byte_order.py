"""Texts that are compared as ranges compare byte by byte, on PostgreSQL as on SQLite."""

from django.db import migrations

COLUMNS = {"inbox_stringindex": ("norm", "value"), "inbox_resource": ("fhir_id",)}


def set_byte_order(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    types = {"fhir_id": "varchar(64)"}
    for table, columns in COLUMNS.items():
        for column in columns:
            kind = types.get(column, "text")
            schema_editor.execute(f'ALTER TABLE {table} ALTER COLUMN {column} TYPE {kind} COLLATE "C"')


class Migration(migrations.Migration):
    dependencies = [("inbox", "0001_initial")]

    operations = [migrations.RunPython(set_byte_order, migrations.RunPython.noop)]
