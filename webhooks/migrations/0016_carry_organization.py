"""Keys of events carry the restaurant of their event: the trigger that writes them writes it, too."""

from django.db import migrations

from core.database.parent_keys import ParentKey

# A key whose event went with its month, and that is not deleted yet, has none.
KEYS = (
    ParentKey("webhook_event_keys", pk="key", link="event_id", parent="webhook_events", is_certain=False),
)

_ONCE = """
CREATE OR REPLACE FUNCTION webhook_events_once() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    own uuid := webhook_event_key(NEW.dedup_key);
    holder bigint;
BEGIN
    LOOP
        INSERT INTO webhook_event_keys ({columns}) VALUES ({values}) ON CONFLICT (key) DO NOTHING;
        IF FOUND THEN RETURN NEW; END IF;
        SELECT event_id INTO holder FROM webhook_event_keys WHERE key = own;
        CONTINUE WHEN NOT FOUND;
        -- The row moves to another partition.
        IF holder = NEW.id THEN RETURN NEW; END IF;
        UPDATE webhook_events SET duplicates = duplicates + 1 + NEW.duplicates WHERE id = holder;
        IF FOUND THEN RETURN NULL; END IF;
        -- The holder is gone: with its month, or it was deleted while we waited for it.
        UPDATE webhook_event_keys SET {taken} WHERE key = own AND event_id = holder;
        IF FOUND THEN RETURN NEW; END IF;
    END LOOP;
END $$;
"""
WITH_KEY = _ONCE.format(
    columns="key, event_id, organization_id",
    values="own, NEW.id, NEW.organization_id",
    taken="event_id = NEW.id, organization_id = NEW.organization_id",
)
WITHOUT = _ONCE.format(columns="key, event_id", values="own, NEW.id", taken="event_id = NEW.id")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("webhooks", "0015_part_events_by_month")]

    operations = [
        *(migrations.RunPython(key.add_column, key.drop_column) for key in KEYS),
        migrations.RunSQL(WITH_KEY, WITHOUT),
    ]
