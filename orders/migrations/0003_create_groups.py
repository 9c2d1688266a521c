from django.db import migrations

READING = {
    ("orders", "order"): ("view",),
    ("orders", "ordercommand"): ("view",),
    ("webhooks", "webhookevent"): ("view",),
    ("organizations", "organization"): ("view",),
    ("organizations", "terminalgroup"): ("view",),
    ("organizations", "courier"): ("view",),
    ("organizations", "dictionaryentry"): ("view",),
}
SETTING_UP = {
    ("organizations", "organization"): ("add", "change"),
    ("organizations", "terminalgroup"): ("add", "change", "delete"),
    ("organizations", "apilogin"): ("add", "change", "delete", "view"),
    ("organizations", "apicall"): ("view",),
    ("organizations", "apikey"): ("add", "change", "view"),
    ("webhooks", "webhookconfig"): ("add", "change", "delete", "view"),
    ("auth", "user"): ("add", "change", "delete", "view"),
    ("auth", "group"): ("add", "change", "delete", "view"),
}
# As the models call themselves, so that these are named like those that Django makes.
NAMES = {
    "ordercommand": "command",
    "webhookevent": "event",
    "webhookconfig": "webhook",
    "terminalgroup": "terminal group",
    "dictionaryentry": "dictionary entry",
    "apilogin": "API login",
    "apicall": "call to iiko",
    "apikey": "API key",
}
STATUS = ("change_order_status", "Can change the status of orders in iiko")
COURIER = ("assign_order_courier", "Can assign couriers in iiko")
PAYMENT = ("change_order_payment", "Can change payments in iiko")
CANCEL = ("cancel_order", "Can cancel orders in iiko")
REPLAY = ("replay_webhookevent", "Can replay events")

# Whoever drives the couriers; whoever answers the guests; whoever looks after the hub.
GROUPS = {
    "Dispatcher": ((READING,), {("orders", "ordercommand"): (STATUS, COURIER)}),
    "Operator": ((READING,), {("orders", "ordercommand"): (STATUS, COURIER, PAYMENT, CANCEL)}),
    "Administrator": (
        (READING, SETTING_UP),
        {
            ("orders", "ordercommand"): (STATUS, COURIER, PAYMENT, CANCEL),
            ("webhooks", "webhookevent"): (REPLAY,),
        },
    ),
}


def create_groups(apps, schema_editor):
    """A group of that name that is there already keeps what it has and gets the rest."""
    database = schema_editor.connection.alias
    group_model = apps.get_model("auth", "Group")
    for name, (usual, own) in GROUPS.items():
        group, _ = group_model.objects.using(database).get_or_create(name=name)
        wanted = [permission for table in usual for permission in _usual(table)]
        wanted += [(model, *named) for model, several in own.items() for named in several]
        group.permissions.add(*(_permission(apps, database, *one) for one in wanted))


def _usual(table):
    for (app, model), verbs in table.items():
        for verb in verbs:
            yield (app, model), f"{verb}_{model}", f"Can {verb} {NAMES.get(model, model)}"


def _permission(apps, database, model, codename, title):
    """Permissions are made after the last migration, so here they may have to be made first."""
    app_label, model_name = model
    content_types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    content_type, _ = content_types.get_or_create(app_label=app_label, model=model_name)
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    permission, _ = permissions.get_or_create(
        content_type=content_type, codename=codename, defaults={"name": title}
    )
    return permission


def delete_groups(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    groups.filter(name__in=GROUPS).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0002_create_order_commands"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(create_groups, delete_groups)]
