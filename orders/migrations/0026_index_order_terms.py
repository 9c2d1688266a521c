from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("orders", "0025_fill_order_terms")]

    operations = [
        AddIndexConcurrently(
            "orderterms",
            GinIndex(fields=["terms"], name="order_terms_terms", gin_pending_list_limit=512),
        )
    ]
