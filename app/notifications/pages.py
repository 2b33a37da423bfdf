"""Pages of the inbox, the badge of the bell and the undelivered messages."""

from typing import Any

from flask import Response, make_response, request
from flask_babel import gettext as _

from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.notifications import actions, permissions, queries

pages = PageBlueprint("notifications", __name__)

INBOX = "notifications/_inbox.html"


@pages.get("/notifications", requires=permissions.READ_OWN)
def inbox() -> Response:
    number = max(request.args.get("page", 1, type=int), 1)
    return fragments.page("notifications/inbox.html", parts={"inbox": INBOX}, **_inbox(number))


def _inbox(number: int = 1) -> dict[str, Any]:
    actor = cycle.actor()
    return {
        "inbox": queries.inbox(actor=actor, page=number),
        "unread": queries.unread_count(actor=actor),
        "topic": queries.topic_of(actor.person_id),
        "now": cycle.now(),
    }


@pages.get("/notifications/badge", requires=permissions.READ_OWN)
def badge() -> Response:
    return make_response(_badge())


def _badge() -> str:
    actor = cycle.actor()
    return fragments.render_partial(
        "notifications/_badge.html",
        unread_count=queries.unread_count(actor=actor),
        inbox_topic=queries.topic_of(actor.person_id),
    )


@pages.post("/notifications/<int:notification_id>/reading", requires=permissions.READ_OWN)
def read_one(notification_id: int) -> Response:
    actions.mark_read(notification_id, actor=cycle.actor(), now=cycle.now())
    return _answer()


@pages.post("/notifications/reading", requires=permissions.READ_OWN)
def read_all() -> Response:
    actions.mark_all_read(actor=cycle.actor(), now=cycle.now())
    return _answer()


def _answer() -> Response:
    html = fragments.render_partial(INBOX, **_inbox())
    return fragments.fragment_response(
        html, redirect_url="/notifications", oob_swaps=(fragments.oob_swap("#bell", _badge()),)
    )


@pages.post("/notifications/<int:notification_id>/opening", requires=permissions.READ_OWN)
def open_one(notification_id: int) -> Response:
    """Mark a notification as read and go to its address."""
    actions.mark_read(notification_id, actor=cycle.actor(), now=cycle.now())
    return fragments.redirect_to(queries.own_line(notification_id, actor=cycle.actor()).href or "/notifications")


@pages.get("/admin/deliveries", requires=permissions.READ_DELIVERIES)
def deliveries() -> Response:
    return fragments.page(
        "notifications/deliveries.html", parts={"deliveries": "notifications/_deliveries.html"}, **_deliveries()
    )


def _deliveries() -> dict[str, Any]:
    return {"deliveries": queries.undelivered(actor=cycle.actor(), now=cycle.now()), "now": cycle.now()}


@pages.post("/admin/deliveries/<int:delivery_id>/attempts", requires=permissions.READ_DELIVERIES)
def retry_delivery(delivery_id: int) -> Response:
    actions.retry_delivery(delivery_id, actor=cycle.actor(), now=cycle.now())
    html = fragments.render_partial("notifications/_deliveries.html", **_deliveries())
    return fragments.fragment_response(html, redirect_url="/admin/deliveries", toast=_("Se envía otra vez."))


BLUEPRINTS = (pages,)
