"""A channel from nothing to its first message, in a real browser."""

import re

import pytest
from django.conf import LazySettings
from playwright.sync_api import expect

from attention.admin import channels
from attention.models.channels import Channel
from attention.tests.receivers import look, receiving
from core.database import db_clock
from tests.browsing import BROWSER_MARKS, Visitor
from tests.builders import make_organization

pytestmark = BROWSER_MARKS


def test_channel_is_added_tried_and_works(
    visitor: Visitor, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.NOTIFY_ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr(channels, "enqueue_sending", lambda _pk: look(db_clock.now()))
    make_organization()
    with receiving() as receiver:
        page = visitor.open("/admin/attention/channel/add/")
        expect(page.get_by_text("tgram://123456789:AAE…/-1001234567890")).to_be_visible()
        page.get_by_label("Название").fill("Дежурные")
        page.get_by_label("Адрес", exact=False).last.fill("https://example.com/hook")
        page.get_by_role("button", name="Сохранить и продолжить редактирование").click()
        expect(page.get_by_text("пишите json:// вместо http://")).to_be_visible()

        page.get_by_label("Адрес", exact=False).last.fill(receiver.address)
        page.get_by_role("button", name="Сохранить и продолжить редактирование").click()
        expect(page.get_by_text("не проверен")).to_be_visible()
        expect(page.get_by_text(re.compile("qzxsecretpath"))).to_have_count(0)

        page.get_by_role("button", name="Отправить проверку").click()
        expect(page.get_by_role("dialog")).to_contain_text("даже в тихие часы")
        page.get_by_role("dialog").get_by_role("button", name="Отправить").click()
        expect(page.get_by_text("Получатель принял проверку. Посмотрите, пришла ли она.")).to_be_visible()
        expect(page.get_by_text("работает", exact=True)).to_be_visible()

    assert [body["title"] for body in receiver.bodies] == ["iikohub: проверка"]
    assert Channel.objects.get().tried_at is not None
