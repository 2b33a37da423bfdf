"""Notifies the user who requested a run when it has ended."""

from datetime import datetime

from flask_babel import force_locale, gettext

from app.identity.queries import actors
from app.kernel.errors import NotFound
from app.kernel.languages import default_locale
from app.kernel.outbox import EventRow
from app.notifications import actions as notifications
from app.reports import registry
from app.reports.events import ReportReady


def on_run_finished(*, event: EventRow, now: datetime) -> None:
    ready = event.parse(ReportReady)
    try:
        requester = actors.actor_of_user(ready.user_id, channel="job", now=now)
    except NotFound:
        return  # the account was deactivated meanwhile
    with force_locale(requester.locale or default_locale()):
        title = gettext("Reporte listo") if ready.ok else gettext("El reporte no se pudo generar")
        text = f"{gettext(registry.find(ready.report).title)}, {ready.format.upper()}"
    notifications.notify(
        user_id=ready.user_id,
        key=f"report:{ready.run_id}:{'ready' if ready.ok else 'failed'}",
        kind="report_ready" if ready.ok else "report_failed",
        title=title,
        text=text,
        href=f"/reports/runs/{ready.run_id}/file" if ready.ok else "/reports#report-files",
        data={"report_id": ready.run_id},
        now=now,
    )


SUBSCRIPTIONS = ((ReportReady, "reports.notify_finished", on_run_finished),)
