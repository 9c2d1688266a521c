"""No page of the hub breaks its own content policy, in both languages, in light and in dark.

The policy has no ``unsafe-inline`` for scripts nor for styles: nothing that got into a page runs there.
The pages of the admin are those of its registry: a new one is looked at without a word here.
"""

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from attention.tests.receivers import make_channel
from orders.models.order import Order
from tests.attention_items import make_item
from tests.browsing import BROWSER_MARKS, Visitor
from tests.builders import (
    arrive,
    cloud_event,
    make_hold,
    make_key,
    make_organization,
    reserve_event,
    table_order_event,
)
from tests.simulated_iiko import linked

pytestmark = [*BROWSER_MARKS, pytest.mark.long]

BROKEN = """
window.broken = [];
addEventListener("securitypolicyviolation", (one) =>
  broken.push([one.violatedDirective, one.sourceFile, one.sample].join(" ")));
"""

# What opens on a page when somebody uses it: menus, filters, dialogs, the bar of a ticked row.
USE = """() => {
  for (const one of document.querySelectorAll('details')) one.open = true;
  document.querySelector('input.action-select')?.click();
  document.querySelector('[aria-controls=changelist-filter]')?.click();
  for (const one of document.querySelectorAll('[data-dialog]')) {
    one.click();
    document.querySelector('dialog[open]')?.close();
  }
  document.querySelector('[x-on\\\\:click*=openUserLinks]')?.click();
}"""


@pytest.fixture
def rows() -> Order:
    organization = linked(make_organization())
    arrive(cloud_event(), cloud_event(order_id="2", status="Closed"), table_order_event(), reserve_event())
    make_hold(organization)
    make_key()
    make_channel()
    Group.objects.create(name="Cashiers")
    order = Order.objects.earliest("pk")
    make_item(organization, order=order)
    return order


def of_the_admin() -> Iterator[str]:
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        yield reverse(f"{name}_add")
        first = model._default_manager.order_by("pk").values_list("pk", flat=True).first()
        for what in () if first is None else ("change", "delete", "history"):
            yield reverse(f"{name}_{what}", args=[first])
    yield from (reverse(f"admin:{name}") for name in ("index", "password_change"))
    yield reverse("admin:auth_user_password_change", args=[User.objects.get().pk])
    yield reverse("first_steps:steps")


def of_the_console(order: Order) -> Iterator[str]:
    yield from (
        reverse(f"console:{name}") for name in ("board", "attention", "dispatch", "analytics", "search")
    )
    yield reverse("console:order", args=[order.pk])
    for slug in ("status", "courier", "payment", "discount", "cancel"):
        yield reverse("console:act", args=[order.pk, slug])
        yield reverse("admin:orders_order_ask", args=[order.pk, slug])


def opened(addresses: Iterator[str]) -> list[str]:
    """Keep the addresses that answer a page to who may do everything."""
    door = Client()
    door.force_login(User.objects.get())
    answers = {address: door.get(address) for address in addresses}
    return [
        address
        for address, answer in answers.items()
        if answer.status_code == 200 and b"<html" in answer.getvalue()
    ]


def broken_on(visitor: Visitor, address: str) -> list[str]:
    page = visitor.open(address)
    page.evaluate(USE)
    page.wait_for_timeout(50)
    found: list[str] = page.evaluate("broken")
    return found


def watch(visitor: Visitor, language: str, theme: str) -> Page:
    visitor.page.add_init_script(BROKEN)
    visitor.page.add_init_script(f"localStorage.setItem('_x_adminTheme', '\"{theme}\"')")
    visitor.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # "light" or "dark"
    cookie = {"name": "django_language", "value": language, "url": visitor.home}
    visitor.page.context.add_cookies([cookie])  # type: ignore[list-item]  # a dict is what it takes
    return visitor.page


@pytest.mark.parametrize(("language", "theme"), [("ru", "light"), ("en", "dark")])
def test_no_page_breaks_its_policy(visitor: Visitor, rows: Order, language: str, theme: str) -> None:
    watch(visitor, language, theme)
    pages = opened(iter([*of_the_admin(), *of_the_console(rows)]))
    assert len(pages) > 70

    broken = {address: found for address in pages if (found := broken_on(visitor, address))}

    assert broken == {}
    assert visitor.complaints == []


@pytest.mark.parametrize(("language", "theme"), [("ru", "dark"), ("en", "light")])
def test_pages_for_everybody_break_none_either(visitor: Visitor, language: str, theme: str) -> None:
    page = watch(visitor, language, theme)
    docs = visitor.open("/api/docs/")
    expect(docs.locator(".opblock").first).to_be_visible()
    docs.locator(".opblock-summary-control").first.click()
    expect(docs.locator(".opblock.is-open")).to_be_visible()
    assert docs.evaluate("broken") == []

    page.context.clear_cookies(name="sessionid")

    assert broken_on(visitor, "/admin/login/") == []
    assert visitor.complaints == []
    assert broken_on(visitor, "/nowhere") == []
    assert all("404" in one for one in visitor.complaints)  # the browser tells of the page itself
    visitor.complaints.clear()


def test_what_a_page_must_not_run_is_told(visitor: Visitor) -> None:
    """See that the walk above would notice."""
    watch(visitor, "en", "light")
    page = visitor.open("/console/")

    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\" onclick=\"x()\">')")

    assert [one.split()[0] for one in page.evaluate("broken")] == ["style-src-attr", "script-src-attr"]
    assert len(visitor.complaints) == 2
    visitor.complaints.clear()
