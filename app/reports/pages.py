"""Reports on screen, and the files that a user requested."""

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Response, request
from flask_babel import gettext as _

from app.http import cycle, error_responses, fragments
from app.http.html import PageBlueprint
from app.kernel import storage
from app.kernel.errors import DomainError, Invalid
from app.reports import actions, files, forms, permissions, queries, registry, rules
from app.reports.registry import Params, Report
from app.reports.renderers.plain import cell, grouped

pages = PageBlueprint("reports", __name__)
pages.add_app_template_filter(cell, "cell")
pages.add_app_template_filter(grouped, "grouped")


@pages.get("/reports", requires=permissions.READ)
def index() -> Response:
    return fragments.page(
        "reports/index.html",
        parts={"report-files": "reports/_files.html"},
        reports=registry.all_reports(),
        **_files(None, {}),
    )


def _retry(*, error: DomainError, code: str) -> Response:
    chosen, clinic = registry.find(code), cycle.clinic_id(permissions.READ)
    defaults = chosen.defaults(clinic_id=clinic, now=cycle.now())
    return _report(chosen, clinic, defaults, {**defaults.initial}, error=error)


@pages.get("/reports/<code>", requires=permissions.READ, retry=_retry)
def report(code: str) -> Response:
    """One report on screen, from the same query as its files."""
    chosen, clinic = registry.find(code), cycle.clinic_id(permissions.READ)
    defaults = chosen.defaults(clinic_id=clinic, now=cycle.now())
    params = forms.parameters(chosen, forms.submitted_values(request.args))
    data = chosen.load(clinic_id=clinic, params=params, actor=cycle.actor(), now=cycle.now())
    files.note_reading(chosen, clinic, action="read")
    doc = chosen.document(data)
    submitted = params.model_dump(mode="json", exclude_defaults=True)
    return _report(chosen, clinic, defaults, {**defaults.initial, **submitted}, doc=doc, **doc.context)


def _report(
    chosen: Report,
    clinic: int,
    defaults: registry.ParameterDefaults,
    values: dict[str, Any],
    *,
    doc: registry.Document | None = None,
    error: DomainError | None = None,
    **context: Any,
) -> Response:
    return fragments.page(
        "reports/report.html",
        parts={"report-files": "reports/_files.html"},
        report=chosen,
        defaults=defaults,
        values=values,
        doc=doc,
        header=doc.header if doc else None,
        problem=_problem(error),
        steps=_steps(values) if "date" in values and doc else None,
        **_files(chosen, {"clinic_id": clinic, **values}),
        **context,
    )


def _problem(error: DomainError | None) -> str:
    if error is None:
        return ""
    if not isinstance(error, Invalid):
        return error_responses.sentence(error)
    return " ".join(line for lines in error_responses.field_messages(error).values() for line in lines)


def _files(chosen: Report | None, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "chosen": chosen,
        "saved_run": None,
        "filters": [(k, item) for k, v in values.items() for item in (v if isinstance(v, list) else [v])],
        "formats": [(str(f), _(rules.FORMAT_LABELS[f])) for f in rules.Format],
        "runs": queries.own_runs(actor=cycle.actor()),
    }


def _steps(values: dict[str, Any]) -> tuple[str, str]:
    """The addresses of the day before and the day after, with the same filters."""
    day = date.fromisoformat(values["date"])
    before, after = ({**values, "date": (day + timedelta(days=n)).isoformat()} for n in (-1, 1))
    return f"?{urlencode(before, doseq=True)}", f"?{urlencode(after, doseq=True)}"


@pages.post("/reports/runs", requires=permissions.READ)
def request_run() -> Response:
    chosen, clinic = registry.find(request.form.get("report", "")), cycle.clinic_id(permissions.READ)
    format_ = rules.parse_format(request.form.get("format", ""))
    values = forms.submitted_values(request.form)
    params: Params = forms.parameters(chosen, values)
    actor = cycle.actor()
    run_id = actions.request_report(chosen, format_, params, clinic_id=clinic, actor=actor, now=cycle.now())
    context = _files(chosen, {"clinic_id": clinic, **values})
    head = fragments.render_partial("reports/_head_files.html", **context)
    if request.form.get("saves"):
        context["saved_run"] = run_id
    html = fragments.render_partial("reports/_files.html", **context)
    return fragments.fragment_response(
        html,
        redirect_url="/reports#report-files",
        toast=_("Reporte pedido. Aparecerá aquí al terminar."),
        oob_swaps=(fragments.oob_swap("#report-head-files", head),),
    )


@pages.get("/reports/runs/<int:run_id>", requires=permissions.READ)
def run(run_id: int) -> Response:
    """The row of one run, as its live region fetches it."""
    report_run = queries.run(run_id, actor=cycle.actor())
    return fragments.page(
        "reports/run.html", parts={f"report-run-{run_id}": "reports/_run.html"}, run=report_run, saved_run=None
    )


@pages.get("/reports/runs/<int:run_id>/file", requires=permissions.READ)
def file(run_id: int) -> Response:
    """The file, for the user who requested it; authorised again at each download (D19)."""
    return files.run_response(queries.run(run_id, actor=cycle.actor()), storage.read)


BLUEPRINTS = (pages,)
