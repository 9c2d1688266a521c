"""Addresses of the console."""

from django.urls import path

from console.pages import board, order_panel, preferences, search

app_name = "console"
urlpatterns = [
    path("", board.board, name="board"),
    path("changes", board.changes, name="changes"),
    path("orders/<int:number>", order_panel.order_panel, name="order"),
    path("orders/<int:number>/seen", board.seen, name="seen"),
    path("orders/<int:number>/next", board.take_next_step, name="next"),
    path("search", search.search, name="search"),
    path("preferences", preferences.choose, name="preferences"),
]
