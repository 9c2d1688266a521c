"""Addresses of the console."""

from django.urls import path

from console.pages import (
    attention,
    attention_acts,
    board,
    dispatch,
    order_actions,
    order_panel,
    preferences,
    search,
)

app_name = "console"
urlpatterns = [
    path("", board.board, name="board"),
    path("changes", board.changes, name="changes"),
    path("attention", attention.attention, name="attention"),
    path("attention/changes", attention.changes, name="attention-changes"),
    path("attention/<int:item_id>/<slug:what>", attention_acts.act, name="attention-act"),
    path("dispatch", dispatch.dispatch, name="dispatch"),
    path("dispatch/changes", dispatch.changes, name="dispatch-changes"),
    path("dispatch/couriers", dispatch.couriers, name="dispatch-couriers"),
    path("dispatch/assign", dispatch.assign_orders, name="dispatch-assign"),
    path("orders/<int:number>", order_panel.order_panel, name="order"),
    path("orders/<int:number>/seen", board.seen, name="seen"),
    path("orders/<int:number>/next", board.take_next_step, name="next"),
    path("orders/<int:number>/acknowledge", order_actions.acknowledge, name="acknowledge"),
    path("orders/<int:number>/actions/discount/total", order_actions.discount_total, name="discount_total"),
    path("orders/<int:number>/actions/<slug:slug>", order_actions.act, name="act"),
    path(
        "orders/<int:number>/commands/<int:command_id>/<slug:what>",
        order_actions.act_on_command,
        name="command",
    ),
    path("search", search.search, name="search"),
    path("preferences", preferences.choose, name="preferences"),
]
