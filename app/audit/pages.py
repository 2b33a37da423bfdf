"""The operators' page of background tasks, with retries."""

from typing import Any

from flask import Response, request
from flask_babel import gettext as _
from flask_babel import ngettext

from app.audit import actions, permissions, queries
from app.audit.rules import STATE_LABELS, State
from app.http import cycle, fragments
from app.http.html import PageBlueprint

pages = PageBlueprint("audit", __name__)

TASKS = "audit/_tasks.html"


@pages.get("/admin/tasks", requires=permissions.MANAGE_TASKS)
def tasks() -> Response:
    return fragments.page("audit/tasks.html", parts={"tasks": TASKS}, **_tasks(request.args.get("state", "")))


@pages.post("/admin/tasks/<int:task_id>/attempts", requires=permissions.MANAGE_TASKS)
def retry_task(task_id: int) -> Response:
    actions.retry_task(task_id, actor=cycle.actor(), now=cycle.now())
    return _answer(_("La tarea empieza otra vez."))


@pages.post("/admin/tasks/attempts", requires=permissions.MANAGE_TASKS)
def retry_failed() -> Response:
    """Every failed task of the posted ``kind``."""
    count = actions.retry_failed(request.form.get("kind", ""), actor=cycle.actor(), now=cycle.now())
    return _answer(ngettext("%(num)s tarea empieza otra vez.", "%(num)s tareas empiezan otra vez.", count))


def _answer(toast: str) -> Response:
    state = request.form.get("state", "")
    redirect_url = f"/admin/tasks?state={state}" if state in set(State) else "/admin/tasks"
    return fragments.fragment_response(
        fragments.render_partial(TASKS, **_tasks(state)), redirect_url=redirect_url, toast=toast
    )


def _tasks(state: str) -> dict[str, Any]:
    chosen = State(state) if state in set(State) else None
    actor, now = cycle.actor(), cycle.now()
    return {
        "tasks": queries.open_tasks(actor=actor, now=now, state=chosen),
        "counts": queries.counts(actor=actor, now=now),
        "failed_kinds": queries.failed_by_kind(actor=actor),
        "state": chosen or "",
        "labels": STATE_LABELS,
        "now": now,
    }


BLUEPRINTS = (pages,)
