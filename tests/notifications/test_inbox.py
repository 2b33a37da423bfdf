"""A person's own inbox: the page, the bell, the JSON list, and what staff may send."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from app.kernel import clock
from app.kernel.db import unit_of_work
from app.notifications import actions, live
from tests.background import run_pending_work
from tests.cast import Cast
from tests.client import Client
from tests.queries import count_queries

IDS = re.compile(r'name="(?:submission_id|csrf_token)" value="[^"]+"')


@pytest.fixture
def create_notification(app: Flask) -> Callable[..., int | None]:
    """Create a notification in the inbox of a user."""

    def write(user_id: int, key: str = "a", **overrides: Any) -> int | None:
        values = {"kind": "appointment_created", "title": "Nueva cita", "text": "Lunes, 10:30", "href": "/account"}
        with app.app_context(), unit_of_work(write=True):
            return actions.notify(user_id=user_id, key=key, now=clock.now(), **{**values, **overrides})

    return write


CreateNotification = Callable[..., int]


def test_the_inbox_shows_unread_notifications(
    cast: Cast, bruno: Client, create_notification: CreateNotification
) -> None:
    create_notification(cast.bruno_user)
    answer = bruno.get("/notifications")
    assert "Nueva cita" in answer.text
    assert "1 sin leer" in answer.text
    assert "bell-count" in answer.text


def test_the_number_of_queries(app: Flask, cast: Cast, bruno: Client, create_notification: CreateNotification) -> None:
    for key in "abc":
        create_notification(cast.bruno_user, key)
    with count_queries(app) as badge:
        bruno.get("/notifications/badge")
    with count_queries(app) as page:
        bruno.get("/notifications")
    assert len(badge) == 2  # session and actor; the count
    assert len(page) == 5  # with the lines, the clinics, and the count of the frame


def test_an_empty_inbox_has_an_empty_state(bruno: Client) -> None:
    answer = bruno.get("/notifications")
    assert "No hay avisos" in answer.text
    assert "bell-count" not in answer.text


def test_it_requires_read_own(client: Client) -> None:
    assert client.get("/notifications").location == "/login?next=/notifications"
    assert client.api("GET", "/api/notifications/").status_code == 401


def test_the_same_key_is_notified_once(cast: Cast, bruno: Client, create_notification: CreateNotification) -> None:
    assert create_notification(cast.bruno_user)
    assert create_notification(cast.bruno_user) is None
    assert create_notification(cast.hugo_user)
    assert bruno.api("GET", "/api/notifications/").get_json()["count"] == 1


def test_unread_notifications_come_first(cast: Cast, bruno: Client, create_notification: CreateNotification) -> None:
    old = create_notification(cast.bruno_user, "old", title="La primera")
    new = create_notification(cast.bruno_user, "new", title="La segunda")
    bruno.post(f"/notifications/{new}/reading")
    text = bruno.get("/notifications").text
    assert text.index(f'id="notice-{old}"') < text.index(f'id="notice-{new}"')


def test_reading_one_and_all(cast: Cast, bruno: Client, create_notification: CreateNotification) -> None:
    for key in "abc":
        create_notification(cast.bruno_user, key)
    answer = bruno.post_fragment("/notifications/1/reading", target="section#inbox")
    assert "2 sin leer" in answer.text
    assert 'hx-target="#bell"' in answer.text
    assert bruno.post("/notifications/reading").location == "/notifications"
    assert "Todo leído" in bruno.get("/notifications").text


def test_opening_marks_as_read_and_redirects(
    cast: Cast, bruno: Client, create_notification: CreateNotification
) -> None:
    line_id = create_notification(cast.bruno_user)
    assert bruno.post(f"/notifications/{line_id}/opening").location == "/account"
    assert bruno.api("GET", "/api/notifications/?unread=true").get_json()["count"] == 0


@pytest.mark.prepares_in_test
def test_it_hides_notifications_of_other_users(
    cast: Cast, bruno: Client, create_notification: CreateNotification
) -> None:
    line_id = create_notification(cast.hugo_user, title="Para Hugo")
    assert "Para Hugo" not in bruno.get("/notifications").text
    for verb in ("reading", "opening"):
        assert bruno.post(f"/notifications/{line_id}/{verb}").status_code == 404
    assert bruno.api("POST", f"/api/notifications/{line_id}/read/").status_code == 404


def test_fragment_equals_page_part(cast: Cast, bruno: Client, create_notification: CreateNotification) -> None:
    create_notification(cast.bruno_user)
    with time_machine.travel(clock.now(), tick=False):
        page = IDS.sub("", bruno.get("/notifications").text)
        assert IDS.sub("", bruno.fragment("/notifications", "section#inbox").text).strip() in page
        assert bruno.fragment("/notifications/badge", "a#bell").text.strip() in page


def test_older_lines_are_on_the_next_page(cast: Cast, bruno: Client, create_notification: CreateNotification) -> None:
    for number in range(45):
        create_notification(cast.bruno_user, str(number))
    assert 'rel="next"' in bruno.get("/notifications").text
    assert bruno.get("/notifications?page=2").text.count('class="inbox-line ') == 5


def test_the_badge_is_refreshed(app: Flask, cast: Cast, bruno: Client, create_notification: CreateNotification) -> None:
    assert f'data-live="inbox:{cast.bruno_user}"' in bruno.get("/account").text
    create_notification(cast.bruno_user)
    assert f"inbox:{cast.bruno_user}" in run_pending_work(app)
    bruno.post("/notifications/reading")
    assert f"inbox:{cast.bruno_user}" in run_pending_work(app)


def test_only_the_owner_joins_the_inbox_topic(cast: Cast) -> None:
    class Bruno:
        user_id = cast.bruno_user

    assert live.INBOX.may_join(Bruno(), str(cast.bruno_user))
    assert not live.INBOX.may_join(Bruno(), str(cast.hugo_user))


def test_ages_are_shown_as_text(cast: Cast, create_notification: CreateNotification, app: Flask) -> None:
    start = clock.now()
    create_notification(cast.bruno_user)
    with time_machine.travel(start + timedelta(minutes=5), tick=False):
        assert "hace 5 minutos" in Client(app).sign_in("bruno@example.com").get("/notifications").text


# ------------------------------------------------------------------ JSON


def test_the_list_as_json(cast: Cast, bruno: Client, create_notification: CreateNotification) -> None:
    line_id = create_notification(cast.bruno_user, data={"appointment_id": 12})
    (line,) = bruno.api("GET", "/api/notifications/?unread=true").get_json()["results"]
    assert line["type"] == "appointment_created"
    assert line["data"] == {"appointment_id": 12}
    assert line["created_at"].endswith("Z")
    assert bruno.api("POST", f"/api/notifications/{line_id}/read/").get_json()["is_read"] is True
    assert bruno.api("GET", "/api/notifications/?unread=true").get_json()["count"] == 0
    assert bruno.api("GET", "/api/notifications/").get_json()["count"] == 1


def test_staff_notify_a_patient_from_a_template(cast: Cast, ana: Client, clara: Client) -> None:
    sent = {"recipient": cast.clara_user, "type": "call_the_clinic", "title": "Su diagnóstico", "message": "…"}
    assert ana.api("POST", "/api/notifications/", sent).status_code == 201
    (line,) = clara.api("GET", "/api/notifications/").get_json()["results"]
    assert line["title"] == "Comuníquese con la clínica"


def test_it_requires_notification_send(cast: Cast, clara: Client) -> None:
    sent = {"recipient": cast.gloria_user, "type": "call_the_clinic"}
    assert clara.api("POST", "/api/notifications/", sent).status_code == 403


def test_it_hides_other_clinics(cast: Cast, fabio: Client) -> None:
    sent = {"recipient": cast.ana_user, "type": "check_your_agenda"}
    assert fabio.api("POST", "/api/notifications/", sent).status_code == 404
    assert fabio.api("POST", "/api/notifications/", {**sent, "recipient": 999}).status_code == 404


@pytest.mark.parametrize(
    "wrong", [{"type": "free text"}, {"recipient": "nobody"}, {"data": {"note": "dolor crónico"}}, {"type": ""}]
)
def test_it_rejects_bad_input(cast: Cast, ana: Client, wrong: dict[str, Any]) -> None:
    sent = {"recipient": cast.clara_user, "type": "call_the_clinic", **wrong}
    assert ana.api("POST", "/api/notifications/", sent).status_code == 400


# ------------------------------------------------------------------ what did not arrive


def _failed(app: Flask, deliver: Callable[..., int], **values: Any) -> int:
    delivery_id = deliver(subject="Bad\r\nheader", **values)
    run_pending_work(app)
    return delivery_id


def test_the_admin_sees_what_failed_and_tries_again(app: Flask, eva: Client, deliver: Callable[..., int]) -> None:
    delivery_id = _failed(app, deliver)
    page = eva.get("/admin/deliveries")
    assert "clara@example.com" in page.text
    assert "No entregado" in page.text
    answer = eva.post_fragment(f"/admin/deliveries/{delivery_id}/attempts", target="section#deliveries")
    assert "Todo entregado" in answer.text
    run_pending_work(app)
    assert "1 intento" in eva.get("/admin/deliveries").text


def test_a_failed_delivery_notifies_the_supervisor(app: Flask, diego: Client, deliver: Callable[..., int]) -> None:
    _failed(app, deliver)
    assert "Un mensaje no se entregó" in diego.get("/notifications").text


def test_overdue_deliveries_are_listed(app: Flask, eva: Client, deliver: Callable[..., int]) -> None:
    deliver(now=clock.now() - timedelta(minutes=6))
    assert "Se sigue intentando" in eva.get("/admin/deliveries").text


def test_it_requires_delivery_read(ana: Client) -> None:
    assert ana.get("/admin/deliveries").status_code == 403
    assert ana.post("/admin/deliveries/1/attempts").status_code == 403


def test_deliveries_of_other_clinics_are_hidden(app: Flask, diego: Client, deliver: Callable[..., int]) -> None:
    delivery_id = _failed(app, deliver, clinic_id=2)
    assert "clara@example.com" not in diego.get("/admin/deliveries").text
    assert diego.post(f"/admin/deliveries/{delivery_id}/attempts").status_code == 404


def test_the_deliveries_fragment_equals_its_page_part(app: Flask, eva: Client, deliver: Callable[..., int]) -> None:
    _failed(app, deliver)
    with time_machine.travel(clock.now(), tick=False):
        fragment = IDS.sub("", eva.fragment("/admin/deliveries", "section#deliveries").text).strip()
        assert fragment in IDS.sub("", eva.get("/admin/deliveries").text)
