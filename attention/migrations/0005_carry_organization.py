"""The history of an item carries its restaurant; an item of the hub itself has none."""

from django.db import migrations

from core.database.parent_keys import ParentKey, carried

KEYS = (
    ParentKey(
        "attention_history",
        model="attentionentry",
        link="item_id",
        parent="attention_items",
        is_certain=False,
    ),
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("attention", "0004_let_administrators_set_channels")]

    operations = [
        carried(*KEYS),
    ]
