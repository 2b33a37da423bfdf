"""The operators' page of background tasks."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select, update

from app.kernel import clock, worker_process
from app.kernel.db import db, unit_of_work
from app.kernel.tasks import Task
from tests.background import waiting_jobs
from tests.client import Client


@pytest.fixture
def rows(app: Flask) -> dict[str, int]:
    """A task in each state and one of another organization: state → id."""
    now = clock.now()
    long_ago, soon = now - timedelta(minutes=9), now + timedelta(minutes=9)
    states: dict[str, dict[str, Any]] = {
        "failed": {
            "failed_at": long_ago,
            "attempts": 6,
            "last_error": "SMTPDataError 554",
            "last_attempt_at": long_ago,
        },
        "overdue": {"due_at": long_ago},
        "running": {"claimed_by": worker_process.current(), "lease_until": soon, "attempts": 1},
        "waiting": {"due_at": soon},
        "done": {"done_at": long_ago},
        "foreign": {"failed_at": long_ago, "organization_id": 99},
    }
    base = {"kind": "notifications.send_delivery", "organization_id": 1, "due_at": now, "created_at": long_ago}
    base |= {"attempts": 0, "last_error": ""}
    with app.app_context(), unit_of_work(write=True):
        return {
            state: db.session.scalar(
                insert(Task).returning(Task.id), base | {"key": state, "payload": {"delivery_id": 1}} | values
            )
            or 0
            for state, values in states.items()
        }


def row(app: Flask, task_id: int) -> Task:
    with app.app_context():
        return db.session.get_one(Task, task_id)


def test_it_lists_open_tasks(eva: Client, rows: dict[str, int]) -> None:
    page = eva.get("/admin/tasks").get_data(as_text=True)
    shown = [state for state, task_id in rows.items() if f'id="task-{task_id}"' in page]
    assert shown == ["failed", "overdue", "running", "waiting"]
    assert "SMTPDataError 554" in page
    assert "6 intentos" in page


@pytest.mark.parametrize("state", ["failed", "overdue", "running", "waiting"])
def test_it_is_filtered_by_state(eva: Client, rows: dict[str, int], state: str) -> None:
    page = eva.get(f"/admin/tasks?state={state}").get_data(as_text=True)
    assert [name for name, task_id in rows.items() if f'id="task-{task_id}"' in page] == [state]


def test_a_failed_task_starts_again(app: Flask, eva: Client, rows: dict[str, int]) -> None:
    assert eva.post(f"/admin/tasks/{rows['failed']}/attempts", {}).status_code in {200, 303}
    task = row(app, rows["failed"])
    assert (task.failed_at, task.attempts, task.last_error) == (None, 0, "")
    assert waiting_jobs(app) == 1


def test_every_failed_task_of_a_kind_starts_again(app: Flask, eva: Client, rows: dict[str, int]) -> None:
    with app.app_context(), unit_of_work(write=True):
        db.session.execute(update(Task).where(Task.key == "waiting").values(failed_at=clock.now()))
        db.session.execute(
            update(Task).where(Task.key == "overdue").values(failed_at=clock.now(), kind="reports.build")
        )
    assert eva.post("/admin/tasks/attempts", {"kind": "notifications.send_delivery"}).status_code in {200, 303}
    with app.app_context():
        failed = set(db.session.scalars(select(Task.key).where(Task.failed_at.is_not(None))))
    assert failed == {"overdue", "foreign"}


def test_a_running_task_is_left_alone(app: Flask, eva: Client, rows: dict[str, int]) -> None:
    eva.post(f"/admin/tasks/{rows['running']}/attempts", {})
    assert row(app, rows["running"]).attempts == 1


def test_it_hides_tasks_of_other_organizations(eva: Client, rows: dict[str, int]) -> None:
    assert eva.post(f"/admin/tasks/{rows['foreign']}/attempts", {}).status_code == 404


def test_the_administration_shows_a_badge_for_failed_tasks(eva: Client, rows: dict[str, int]) -> None:
    page = eva.get("/admin").get_data(as_text=True)
    assert "Hay tareas que no se pudieron terminar." in page
