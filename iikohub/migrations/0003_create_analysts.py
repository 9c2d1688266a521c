from django.db import migrations

GROUP = "Analyst"
# As Django and the models call them; permissions are made after the last migration, so here they may have to
# be made first.
GRANTED = {
    "orders": (
        ("order", "view_order", "Can view order"),
        ("order", "export_order", "Can export lists of orders"),
        ("ordercommand", "view_ordercommand", "Can view command"),
    ),
    "hall": (
        ("tableorder", "view_tableorder", "Can view table order"),
        ("reserve", "view_reserve", "Can view reserve"),
    ),
    "organizations": (
        ("organization", "view_organization", "Can view organization"),
        ("terminalgroup", "view_terminalgroup", "Can view terminal group"),
        ("courier", "view_courier", "Can view courier"),
        ("dictionaryentry", "view_dictionaryentry", "Can view dictionary entry"),
        ("stoplistitem", "view_stoplistitem", "Can view product on a stop list"),
        ("shift", "view_shift", "Can view shift"),
    ),
    "attention": (("attentionitem", "view_attentionitem", "Can view attention item"),),
    "analytics": (("periodfigures", "view_analytics", "Can see analytics"),),
}


def create_group(apps, schema_editor):
    """Make a group that looks at everything but guests; one of that name that is there stays as it is."""
    database = schema_editor.connection.alias
    group, is_new = apps.get_model("auth", "Group").objects.using(database).get_or_create(name=GROUP)
    if is_new:
        group.permissions.add(*_permissions(apps, database))


def _permissions(apps, database):
    content_types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    for app, granted in GRANTED.items():
        for model, codename, title in granted:
            content_type, _ = content_types.get_or_create(app_label=app, model=model)
            permission, _ = permissions.get_or_create(
                content_type=content_type, codename=codename, defaults={"name": title}
            )
            yield permission


def delete_group(apps, schema_editor):
    """Delete it, unless somebody is in it."""
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    groups.filter(name=GROUP, user__isnull=True).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("iikohub", "0002_create_second_factors"),
        ("orders", "0027_let_groups_export_orders"),
        ("hall", "0002_let_groups_see_the_hall"),
        ("organizations", "0009_let_groups_see_stop_lists_and_shifts"),
        ("attention", "0002_let_groups_use_attention"),
        ("analytics", "0002_let_groups_see_analytics"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(create_group, delete_group)]
