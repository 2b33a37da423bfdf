"""Reports as JSON and as files: at once when small, else as a run with its progress."""

from typing import Any

from flask import Response, request
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from app.http import cycle
from app.http.json import ApiBlueprint
from app.http.resources import Body, Day, Id, PageQuery, Query, page_of
from app.kernel import storage
from app.kernel.access import Actor
from app.kernel.errors import NotFound
from app.reports import actions, files, forms, permissions, queries, registry, renderers, rules
from app.reports.registry import Params, Report
from app.reports.resources import RunResource

api = ApiBlueprint("reports_api", __name__)


class ReportQuery(Query):
    """Filters of all reports; each report accepts its own: a day, or a period."""

    date_: Day | None = Field(None, alias="date")
    start: Day | None = None
    end: Day | None = None
    date_from: Day | None = None
    date_to: Day | None = None
    payment_methods: str | None = None
    clinic_id: Id | None = None
    therapist_id: Id | None = None
    format: str | None = None


class ReportBody(Body):
    """The same as the query string; values of the body win."""

    date_: Day | None = Field(None, alias="date")
    start: Day | None = None
    end: Day | None = None
    date_from: Day | None = None
    date_to: Day | None = None
    payment_methods: str | list[str] | None = None
    clinic_id: Id | None = None
    therapist_id: Id | None = None
    format: str | None = None


class RunParameters(BaseModel):
    """Parameters of the run; the remaining fields are the report's own filters."""

    model_config = ConfigDict(extra="allow")
    clinic_id: Id | None = None
    format: str | None = None


class NewRun(Body):
    report: str = Field(validation_alias=AliasChoices("report", "report_type", "name"))
    format: str = "pdf"
    parameters: RunParameters = Field(
        default_factory=RunParameters, validation_alias=AliasChoices("parameters", "params", "filters")
    )
    clinic_id: Id | None = None


@api.get("/api/reports/", requires=permissions.READ, query=PageQuery)
def list_reports(query: PageQuery) -> dict[str, Any]:
    """The available reports and their filters."""
    rows = [
        {
            "code": report.code,
            "export_name": report.export_name,
            "title": report.title,
            "formats": [str(f) for f in rules.Format],
            "parameters": list(report.params.model_fields),
        }
        for report in registry.all_reports()
    ]
    return page_of(rows, query)


@api.get("/api/reports/<name>/", requires=permissions.READ, query=ReportQuery)
def read_report(name: str, query: ReportQuery) -> dict[str, Any]:
    """A report as JSON."""
    return _report(name, _values(query))


@api.post("/api/reports/<name>/", requires=permissions.READ, query=ReportQuery, body=ReportBody, endpoint="post_report")
def post_report(name: str, query: ReportQuery, body: ReportBody) -> dict[str, Any]:
    """A report as JSON, its filters in the body."""
    return _report(name, {**_values(query), **_values(body)})


def _report(name: str, values: dict[str, Any]) -> dict[str, Any]:
    report = registry.find(name)
    rules.check_format_parameter(rules.Format.JSON, values.pop("format", None))
    clinic = _clinic(values.pop("clinic_id", None))
    params = forms.parameters(report, values)
    data = report.load(clinic_id=clinic, params=params, actor=cycle.actor(), now=cycle.now())
    files.note_reading(report, clinic, action="read")
    return report.to_json(data)


@api.get("/api/exports/<format_>/<name>/", requires=permissions.READ, query=ReportQuery)
def export(format_: str, name: str, query: ReportQuery) -> Any:
    """A report as a file: at once when it is small, else 202 with ``progress_url``."""
    report, export_format, values = registry.find(name), rules.parse_format(format_), _values(query)
    rules.check_format_parameter(export_format, values.pop("format", None))
    clinic = _clinic(values.pop("clinic_id", None))
    params = forms.parameters(report, values)
    actor, now = cycle.actor(), cycle.now()
    data = report.load(clinic_id=clinic, params=params, actor=actor, now=now)
    if report.row_count(data) > rules.MAX_INLINE_ROWS[export_format]:
        return _in_background(report, export_format, params, clinic, actor)

    files.note_reading(report, clinic)

    def render() -> Response:
        file = renderers.render(report, data, export_format, by=actor.name, params=params, now=now)
        return files.attachment(file.name, file.media_type, file.content)

    return cycle.AfterRead(render)


def _in_background(report: Report, export_format: rules.Format, params: Params, clinic: int, actor: Actor) -> Any:
    """An existing run of the same request, or a new one."""
    now = cycle.now()
    values = params.model_dump(mode="json", exclude_defaults=True)
    existing = queries.reusable_run(
        report=report.code, format_=str(export_format), params=values, clinic_id=clinic, actor=actor, now=now
    )
    if existing is not None:
        return (
            files.run_response(existing, storage.read) if existing["status"] == "done" else (_run_json(existing), 202)
        )

    def request_run() -> tuple[dict[str, Any], int]:
        run_id = actions.request_report(report, export_format, params, clinic_id=clinic, actor=actor, now=now)
        return _run_json(queries.run(run_id, actor=actor)), 202

    return cycle.AfterRead(request_run, write=True)


@api.post("/api/reports/generate/", requires=permissions.READ, body=NewRun, answers=RunResource, status=202)
def generate(body: NewRun) -> dict[str, Any]:
    """Build a report in the background."""
    report, actor = registry.find(body.report), cycle.actor()
    export_format = rules.parse_format(body.format)
    clinic = _clinic(body.parameters.clinic_id if body.clinic_id is None else body.clinic_id)
    rules.check_format_parameter(export_format, body.parameters.format)
    params = forms.parameters(report, dict(body.parameters.model_extra or {}))
    run_id = actions.request_report(report, export_format, params, clinic_id=clinic, actor=actor, now=cycle.now())
    return _run_json(queries.run(run_id, actor=actor))


@api.get("/api/reports/<int:run_id>/", requires=permissions.READ, answers=RunResource)
def run(run_id: int) -> dict[str, Any]:
    """A run: ``status``, ``progress`` 0-100, ``download_url`` when it is done."""
    return _run_json(queries.run(run_id, actor=cycle.actor()))


@api.get("/api/reports/<int:run_id>/file/", requires=permissions.READ)
def run_file(run_id: int) -> Response:
    """The file of a run; authorised at each download."""
    return files.run_response(queries.run(run_id, actor=cycle.actor()), storage.read)


def _values(data: ReportQuery | ReportBody) -> dict[str, Any]:
    values = data.model_dump(exclude_none=True, by_alias=True)
    if isinstance(data, ReportQuery) and len(methods := request.args.getlist("payment_methods")) > 1:
        values["payment_methods"] = methods
    return values


def _clinic(requested: int | None) -> int:
    """The requested clinic, or the first one where the actor reads reports. Raises NotFound."""
    scope = cycle.actor().clinics_with(permissions.READ)
    if requested is None:
        return min(scope)
    if requested not in scope:
        raise NotFound
    return requested


def _run_json(report_run: dict[str, Any]) -> dict[str, Any]:
    url = f"/api/reports/{report_run['id']}/"
    is_done = report_run["status"] == "done"
    return {
        "id": report_run["id"],
        "report": report_run["report"],
        "format": report_run["format"],
        "status": report_run["status"],
        "progress": report_run["progress"],
        "step": report_run["step"],
        "progress_url": url,
        "download_url": f"{url}file/" if is_done else None,
        "file_name": report_run["file_name"],
        "file_size": report_run["file_size"],
        "sha256": report_run["file_sha256"],
        "created_at": report_run["created_at"],
        "finished_at": report_run["finished_at"],
    }


BLUEPRINTS = (api,)
