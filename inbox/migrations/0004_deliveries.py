"""Subscriptions and what is to be delivered for them; background work keeps its tries in the database."""

import django.db.models.deletion
import uuid
from django.db import migrations, models


def stamp_transactions(apps, schema_editor):
    """PostgreSQL notes which transaction wrote a row: readers of the outbox tell late commits by it."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "ALTER TABLE inbox_outbox ALTER COLUMN xid SET DEFAULT (pg_current_xact_id()::text::bigint)"
        )
        schema_editor.execute("CREATE INDEX outbox_xid ON inbox_outbox (xid)")


class Migration(migrations.Migration):

    dependencies = [
        ('inbox', '0003_cache_table'),
    ]

    operations = [
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('tries', models.IntegerField(db_default=0, default=0)),
                ('next_at', models.BigIntegerField(db_default=0, default=0)),
                ('error', models.TextField(db_default='', default='')),
                ('key', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('at', models.BigIntegerField()),
                ('interaction', models.CharField(max_length=16)),
                ('type', models.CharField(max_length=64)),
                ('fhir_id', models.CharField(max_length=64)),
                ('version', models.IntegerField()),
                ('lane', models.CharField(max_length=160)),
                ('state', models.CharField(default='waiting', max_length=8)),
            ],
        ),
        migrations.CreateModel(
            name='Subscription',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('fhir_id', models.CharField(max_length=64)),
                ('owner', models.CharField(max_length=200)),
                ('channel', models.CharField(max_length=16)),
                ('type', models.CharField(max_length=64)),
                ('criteria', models.TextField()),
                ('interactions', models.CharField(max_length=40)),
                ('active', models.BooleanField()),
                ('failures', models.IntegerField(default=0)),
                ('since', models.BigIntegerField()),
                ('seen_at', models.BigIntegerField()),
                ('ends_at', models.BigIntegerField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name='outbox',
            name='error',
            field=models.TextField(db_default='', default=''),
        ),
        migrations.AddField(
            model_name='outbox',
            name='next_at',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='outbox',
            name='tries',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='outbox',
            name='xid',
            field=models.BigIntegerField(db_default=0, editable=False),
        ),
        migrations.AddIndex(
            model_name='outbox',
            index=models.Index(condition=models.Q(('done', False)), fields=['thread', 'id'], name='outbox_thread'),
        ),
        migrations.AddField(
            model_name='subscription',
            name='practice',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='inbox.practice'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='subscription',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='inbox.subscription'),
        ),
        migrations.AddIndex(
            model_name='subscription',
            index=models.Index(condition=models.Q(('active', True)), fields=['practice', 'type', 'channel'], name='subscription_follows'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.UniqueConstraint(fields=('practice', 'fhir_id'), name='subscription_identity'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['subscription', 'lane', 'id'], name='delivery_lane'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['state', 'at'], name='delivery_state'),
        ),
        migrations.RunPython(stamp_transactions, migrations.RunPython.noop),
    ]
