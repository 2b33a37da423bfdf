"""Converts request values into the typed parameters of a report."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from werkzeug.datastructures import MultiDict

from app.kernel.errors import Invalid
from app.kernel.i18n import N_
from app.reports.registry import Params, Report

NOT_PARAMETERS = frozenset({"report", "format", "clinic_id", "csrf_token", "submission_id"})


def submitted_values(values: MultiDict[str, str]) -> dict[str, Any]:
    """Report parameters of a query string or form, without empty fields."""
    lists = ((name, [v for v in items if v]) for name, items in values.lists() if name not in NOT_PARAMETERS)
    return {name: items[0] if len(items) == 1 else items for name, items in lists if items}


def parameters(report: Report, values: Mapping[str, Any]) -> Params:
    """Values as the parameters of ``report``. Raises Invalid with a message per field."""
    try:
        return report.params.model_validate(dict(values))
    except ValidationError as error:
        raise Invalid({_field_path(e["loc"]): _message(e) for e in error.errors(include_url=False)}) from error


def _field_path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in location) or "__all__"


def _message(error: Any) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"].startswith("date"):
        return N_("Escriba una fecha como 2026-11-24.")
    if error["type"] == "extra_forbidden":
        return N_("Este reporte no tiene ese filtro.")
    return N_("El valor no es válido.")
