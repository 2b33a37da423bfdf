"""Request values into the typed parameters of a report."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from werkzeug.datastructures import MultiDict

from app.kernel.errors import Invalid
from app.kernel.i18n import N_
from app.reports.registry import Params, Report

NOT_PARAMETERS = frozenset({"report", "format", "clinic_id", "csrf_token", "submission_id"})


def given(values: MultiDict[str, str]) -> dict[str, Any]:
    """What a query string or a form says of a report; empty fields say nothing."""
    lists = ((name, [v for v in found if v]) for name, found in values.lists() if name not in NOT_PARAMETERS)
    return {name: found[0] if len(found) == 1 else found for name, found in lists if found}


def parameters(report: Report, values: Mapping[str, Any]) -> Params:
    """Values as the parameters of ``report``. Raises Invalid with a sentence per field."""
    try:
        return report.params.model_validate(dict(values))
    except ValidationError as error:
        raise Invalid({_place(e["loc"]): _sentence(e) for e in error.errors(include_url=False)}) from error


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in location) or "__all__"


def _sentence(error: Any) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"].startswith("date"):
        return N_("Escriba una fecha como 2026-11-24.")
    if error["type"] == "extra_forbidden":
        return N_("Este reporte no tiene ese filtro.")
    return N_("El valor no es válido.")
