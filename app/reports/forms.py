"""Converts request values into the typed parameters of a report."""

from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from app.http.json import parse
from app.reports.registry import Params, Report

NOT_PARAMETERS = frozenset({"report", "format", "saves", "clinic_id", "csrf_token", "submission_id"})


def submitted_values(values: MultiDict[str, str]) -> dict[str, Any]:
    """Report parameters of a query string or form, without empty fields."""
    lists = ((name, [v for v in items if v]) for name, items in values.lists() if name not in NOT_PARAMETERS)
    return {name: items[0] if len(items) == 1 else items for name, items in lists if items}


def parameters(report: Report, values: Mapping[str, Any]) -> Params:
    """Values as the parameters of ``report``. Raises Invalid with a message per field."""
    params: Params = parse(report.params, dict(values))
    return params
