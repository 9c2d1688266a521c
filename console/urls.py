"""Addresses of the console."""

from django.urls import path

from console.pages import board, dispatch, order_panel, preferences

app_name = "console"
urlpatterns = [
    path("", board.board, name="board"),
    path("changes", board.changes, name="changes"),
    path("dispatch", dispatch.dispatch, name="dispatch"),
    path("dispatch/changes", dispatch.changes, name="dispatch-changes"),
    path("dispatch/couriers", dispatch.couriers, name="dispatch-couriers"),
    path("dispatch/assign", dispatch.assign_orders, name="dispatch-assign"),
    path("orders/<int:number>", order_panel.order_panel, name="order"),
    path("orders/<int:number>/seen", board.seen, name="seen"),
    path("orders/<int:number>/next", board.take_next_step, name="next"),
    path("preferences", preferences.choose, name="preferences"),
]
