"""An administrator subscribes a program to events, tries it, and looks at what was sent."""

import re
from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from playwright.sync_api import expect
from standardwebhooks import Webhook

from core.database import db_clock
from orders.models.order import Order
from outbound.tests.endpoints import Endpoint, listening, send_all
from tests.browsing import BROWSER_MARKS, Visitor, browser, visitor
from tests.builders import ORGANIZATION_ID, make_organization

__all__ = ["browser", "visitor"]

pytestmark = BROWSER_MARKS


@pytest.fixture
def endpoint(settings: LazySettings) -> Iterator[Endpoint]:
    settings.OUTBOUND_ALLOW_PRIVATE_ADDRESSES = True
    make_organization()
    with listening() as one:
        yield one


def test_subscription_is_made_tried_and_followed(visitor: Visitor, endpoint: Endpoint) -> None:
    page = visitor.open("/admin/outbound/subscription/add/")
    page.get_by_label("Название").fill("Сайт")
    page.get_by_label("Адрес").fill(endpoint.url)
    page.get_by_label(re.compile("order.created")).check()
    page.get_by_role("button", name="Сохранить", exact=True).click()

    shown = page.locator("code.hub-secret")
    expect(shown).to_contain_text("whsec_")
    secret = shown.inner_text()
    expect(page.get_by_text("Неизвестно, доходят ли сообщения")).to_be_visible()

    page.get_by_role("button", name="Отправить проверку").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Отправить", exact=True).click()

    expect(page.get_by_text("Получатель принял проверку и ответил 200.")).to_be_visible()
    expect(page.locator("code.hub-secret")).to_have_count(0)
    [test] = endpoint.got
    assert Webhook(secret).verify(test.raw, test.headers)["type"] == "subscription.test"

    order = Order.objects.create(
        organization_id=ORGANIZATION_ID, iiko_order_id="o-1", status="Waiting", updated_at=db_clock.now()
    )
    send_all()
    page.get_by_role("link", name="Отправки", exact=True).last.click()
    expect(page.get_by_text("order.created")).to_have_count(1)
    page.locator("#result_list").get_by_role("link").first.click()
    expect(page.get_by_text(f'"id": {order.pk}')).to_be_visible()
    expect(page.get_by_role("cell", name="200", exact=True)).to_be_visible()

    page.get_by_role("button", name="Отправить заново").click()
    page.get_by_role("dialog").get_by_role("button", name="Отправить заново").click()
    expect(page.get_by_text("Отправляется ещё раз.")).to_be_visible()
    send_all()

    assert [one.message_id for one in endpoint.got[1:]] == [endpoint.got[1].message_id] * 2
    page.reload()
    expect(page.get_by_role("cell", name="200", exact=True)).to_have_count(2)
