"""The user who requested a report is notified of its end."""

import pytest
from flask import Flask

from app.kernel import clock, outbox
from app.kernel.db import unit_of_work
from app.reports import events, registry
from tests.background import run_pending_work
from tests.cast import Cast
from tests.client import Client


@pytest.mark.parametrize(("ok", "title"), [(True, "Reporte listo"), (False, "El reporte no se pudo generar")])
def test_the_requester_is_notified_once(app: Flask, cast: Cast, ana: Client, ok: bool, title: str) -> None:
    with app.app_context(), unit_of_work(write=True):
        code = registry.all_reports()[0].code
        for _twice in range(2):
            event = events.ReportReady(run_id=7, user_id=cast.ana_user, report=code, format="pdf", ok=ok)
            outbox.record(event, actor=None, now=clock.now(), organization_id=1, clinic_id=1, subject_id=7)
    run_pending_work(app)
    (line,) = ana.api("GET", "/api/notifications/").get_json()["results"]
    assert line["title"] == title
    assert line["data"] == {"report_id": 7}
    assert line["href"] == ("/reports/runs/7/file" if ok else "/reports#report-files")
