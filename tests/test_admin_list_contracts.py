"""What holds for every list of the admin; a new one is tested by itself."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils.http import urlencode

from core.admin.export import Exporting
from core.admin.filters import ChoicesFilter
from organizations.admin.filters import MomentRangeFilter
from tests.api_lists import ROWS, make_restaurant

pytestmark = pytest.mark.django_db

ADMINS: dict[str, Any] = {
    f"{model._meta.app_label}.{model._meta.model_name}": one for model, one in admin.site._registry.items()
}
EACH = pytest.mark.parametrize("name", ADMINS)
EACH_WITH_FILES = pytest.mark.parametrize(
    "name", [name for name, one in ADMINS.items() if isinstance(one, Exporting)]
)
ODD_WORDS = ("%", "_", "'", '"', "\\", "ё", "№ 7", "a b  c", "(", "*", "<b>", "x" * 300, "+7 903", "1" * 40)


def url_of(name: str, suffix: str = "changelist") -> str:
    return reverse(f"admin:{name.replace('.', '_')}_{suffix}")


@pytest.fixture(autouse=True, scope="module")
def rows(rows_of_module: None) -> None:
    """Make rows of each kind that the lists show."""
    for number, make in enumerate(ROWS.values()):
        make(make_restaurant(number), 2)


def changelist(client: Client, name: str) -> Any:
    """Return the list as its page has it."""
    return client.get(url_of(name)).context["cl"]


def assert_opens(client: Client, name: str) -> None:
    page = client.get(url_of(name))

    assert page.status_code == 200
    assert page.context["title"]
    count = page.context["cl"].paginator.count
    assert f'id="hub-count">Всего: {count}<' in page.content.decode().replace("\n", "")


def choices(client: Client, name: str) -> Iterator[dict[str, list[str]]]:
    """Take every choice: in each query one of every filter, or all of one that takes several."""
    offered = []
    for spec in changelist(client, name).filter_specs:
        values = [str(value) for value, _text in getattr(spec, "lookup_choices", ())]
        if values and getattr(spec, "parameter_name", None):
            taken = [values] if isinstance(spec, ChoicesFilter) else [[value] for value in values]
            offered.append([(spec.parameter_name, together) for together in taken])
    for query in zip_longest(*offered):
        yield dict(filter(None, query))


@EACH
def test_list_opens_and_says_what_it_is(admin_client: Client, name: str) -> None:
    assert_opens(admin_client, name)


@EACH
def test_every_choice_of_every_filter_is_answered_and_can_be_taken_back(
    admin_client: Client, name: str
) -> None:
    for query in choices(admin_client, name):
        page = admin_client.get(url_of(name), query)

        assert page.status_code == 200, query
        chosen = [value for values in query.values() for value in values if value]
        assert page.text.count('class="hub-chip hub-chip--active"') == len(chosen), query
        assert ("Сбросить всё" in page.text) == bool(chosen), query


@EACH
def test_two_values_of_a_filter_find_what_each_of_them_finds(admin_client: Client, name: str) -> None:
    def count(query: dict[str, Any]) -> int:
        page = admin_client.get(f"{url_of(name)}?{urlencode(query, doseq=True)}")
        assert page.status_code == 200, query
        found: int = page.context["cl"].result_count
        return found

    for spec in changelist(admin_client, name).filter_specs:
        if isinstance(spec, ChoicesFilter):
            values = [value for value, _text in spec.lookup_choices][:2]
            each = [count({spec.parameter_name: value}) for value in values]
            assert count({spec.parameter_name: values}) == (sum(each) if values else count({}))


@EACH
def test_periods_of_one_click_are_answered(admin_client: Client, name: str) -> None:
    plain = changelist(admin_client, name)
    ranges = [spec for spec in plain.filter_specs if isinstance(spec, MomentRangeFilter)]
    for _text, address, _is_shown in [one for spec in ranges for one in next(spec.choices(plain))["periods"]]:
        page = admin_client.get(url_of(name) + address)
        assert page.status_code == 200
        assert 'aria-current="true">' in page.content.decode()


@EACH
def test_every_column_that_sorts_sorts_both_ways(admin_client: Client, name: str) -> None:
    """By all at once; one more column than there are."""
    plain = changelist(admin_client, name)
    columns = range(len(plain.list_display) + 1)
    sorting = {number for number in columns[:-1] if plain.get_ordering_field(plain.list_display[number])}

    for sign, way in (("", "asc"), ("-", "desc")):
        page = admin_client.get(url_of(name), {"o": ".".join(f"{sign}{number}" for number in columns)})
        assert page.status_code == 200
        asked = page.context["cl"].get_ordering_field_columns()
        assert {number: asked[number] for number in sorting} == dict.fromkeys(sorting, way)


@EACH
def test_odd_words_break_no_search(admin_client: Client, name: str) -> None:
    for words in ODD_WORDS if searches(ADMINS[name]) else ODD_WORDS[:1]:
        assert admin_client.get(url_of(name), {"q": words}).status_code == 200, words


def searches(page: Any) -> bool:
    """Whether a list looks at what is searched; the others have been seen to pass over a word."""
    return bool(page.search_fields) or not {"get_search_results", "search_rows"}.isdisjoint(vars(type(page)))


@EACH
def test_list_is_for_those_who_may_see_it(client: Client, name: str) -> None:
    client.force_login(User.objects.create_user("nobody", is_staff=True))

    assert client.get(url_of(name)).status_code == 403


@EACH_WITH_FILES
@pytest.mark.parametrize("kind", ["export", "export_xlsx"])
def test_file_has_the_rows_of_the_list(admin_client: Client, client: Client, name: str, kind: str) -> None:
    page = admin_client.get(url_of(name))
    listed = page.context["cl"].result_count
    assert f'href="{url_of(name, kind)}"' in page.text

    answer = admin_client.get(url_of(name, kind))
    body = answer.getvalue()

    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith(f'attachment; filename="{ADMINS[name].export_name}-')
    assert "no-store" in answer["Cache-Control"]
    if kind == "export":
        assert len(body.decode("utf-8-sig").splitlines()) == listed + 1
    else:
        assert body.startswith(b"PK")
    assert admin_client.get(url_of(name, kind), {"no_such_filter": "1"}).status_code in {302, 400}
