from django.db import migrations

VIEW = ("attentionitem", "view_attentionitem", "Can view attention item")
ACT = ("attentionitem", "act_on_attention", "Can take, snooze and resolve what needs attention")
SETTINGS = tuple(
    ("rulesetting", f"{verb}_rulesetting", f"Can {verb} rule of attention")
    for verb in ("view", "add", "change", "delete")
)
GRANTED = {
    "Dispatcher": (VIEW, ACT),
    "Operator": (VIEW, ACT),
    "Administrator": (VIEW, ACT, *SETTINGS),
}


def let_groups(apps, schema_editor):
    """Whoever works with orders sees what needs a person and acts on it; groups that are gone stay so."""
    database = schema_editor.connection.alias
    # Permissions are made after the last migration, so here they may have to be made first.
    content_types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    groups = apps.get_model("auth", "Group").objects.using(database)
    for name, granted in GRANTED.items():
        for group in groups.filter(name=name):
            for model, codename, title in granted:
                content_type, _ = content_types.get_or_create(app_label="attention", model=model)
                permission, _ = permissions.get_or_create(
                    content_type=content_type, codename=codename, defaults={"name": title}
                )
                group.permissions.add(permission)


def take_back(apps, schema_editor):
    database = schema_editor.connection.alias
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    groups = apps.get_model("auth", "Group").objects.using(database)
    for name, granted in GRANTED.items():
        codenames = [codename for _model, codename, _title in granted]
        mine = permissions.filter(content_type__app_label="attention", codename__in=codenames)
        for group in groups.filter(name=name):
            group.permissions.remove(*mine)


class Migration(migrations.Migration):
    dependencies = [
        ("attention", "0001_create_attention_list"),
        ("orders", "0003_create_groups"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(let_groups, take_back)]
