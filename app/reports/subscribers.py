"""When a run has ended, whoever asked for it is told (item 136)."""

from datetime import datetime

from flask_babel import force_locale, gettext

from app.kernel.errors import NotFound
from app.kernel.outbox import EventRow
from app.notifications import actions as notifications
from app.reports import queries, registry
from app.reports.events import ReportReady


def on_run_finished(*, event: EventRow, now: datetime) -> None:
    facts = event.data
    try:
        reader = queries.actor_of(facts["user_id"])
    except NotFound:
        return  # the account was closed meanwhile
    with force_locale(reader.locale or notifications.DEFAULT_LOCALE):
        title = gettext("Reporte listo") if facts["ok"] else gettext("El reporte no se pudo generar")
        text = f"{gettext(registry.find(facts['report']).title)}, {facts['format'].upper()}"
    notifications.notify(
        user_id=facts["user_id"],
        key=f"report:{facts['run_id']}:{'ready' if facts['ok'] else 'failed'}",
        kind="report_ready" if facts["ok"] else "report_failed",
        title=title,
        text=text,
        href=f"/reports/runs/{facts['run_id']}/file" if facts["ok"] else "/reports#report-files",
        data={"report_id": facts["run_id"]},
        now=now,
    )


SUBSCRIPTIONS = ((ReportReady, on_run_finished),)
