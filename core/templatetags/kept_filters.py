"""Links that keep the filters of the list from which a page was reached."""

from django import template
from django.template import Context

from core.admin import list_links

register = template.Library()


@register.simple_tag(takes_context=True)
def keep_filters(context: Context, url: str, name: str = list_links.FILTERS) -> str:
    return list_links.keep_filters(context["request"], url, name=name)


@register.simple_tag(takes_context=True)
def list_url(context: Context, url: str) -> str:
    return list_links.list_url(context["request"], url)
