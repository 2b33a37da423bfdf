"""Bodies and queries of all JSON resources: what they refuse, by name."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from pydantic import AliasChoices, BaseModel, ValidationError

from tests.client import Client

TWO_RANGES = "date_from=2026-11-25&date_to=2026-11-24"


def models(app: Flask) -> dict[str, type[BaseModel]]:
    """The bodies and queries of every route, by name."""
    specs = [view.__dict__["spec"] for view in app.view_functions.values() if "spec" in view.__dict__]
    found = [spec.option(kind) for spec in specs for kind in ("body", "query")]
    return {model.__name__: model for model in found if model is not None}


def date_fields(app: Flask) -> Iterator[tuple[type[BaseModel], str]]:
    """The date fields of all models, by the name on the wire."""
    for model in models(app).values():
        for name, field in model.model_fields.items():
            if "datetime.date" in str(field.annotation) or field.annotation is dt.date:
                alias = field.validation_alias
                yield model, alias.choices[0] if isinstance(alias, AliasChoices) else alias or name


@pytest.mark.any_engine
def test_every_body_and_query_refuses_unknown_fields(app: Flask) -> None:
    assert len(models(app)) > 20
    for model in models(app).values():
        with pytest.raises(ValidationError) as refused:
            model.model_validate({"foo": 1})
        assert (("foo",), "extra_forbidden") in {(e["loc"], e["type"]) for e in refused.value.errors()}, model


@pytest.mark.any_engine
@pytest.mark.parametrize("value", [0, 86400, "0", "86400", "20261124", "2026-W48-2", "0001-01-01", "9999-12-31", 1.5])
def test_only_a_written_day_is_a_day(app: Flask, value: Any) -> None:
    fields = list(date_fields(app))
    assert {"birth_date", "date_from", "date_to", "start"} <= {name for _model, name in fields}
    for model, name in fields:
        with pytest.raises(ValidationError) as refused:
            model.model_validate({name: value})
        assert ((name,), "value_error") in {(e["loc"], e["type"]) for e in refused.value.errors()}, model


@pytest.mark.any_engine
def test_an_unknown_field_is_named_with_what_is_allowed(ana: Client, diego: Client) -> None:
    sent = {"therapist_id": 1, "starts_at": "2026-11-24T10:00", "foo": 1}
    refused = ana.api("POST", "/api/appointments/", sent)
    assert refused.status_code == 400
    assert set(refused.get_json()["details"]) == {"foo"}
    assert "therapist_id, doctor" in refused.get_json()["details"]["foo"][0]
    twice = ana.api("POST", "/api/appointments/", {"therapist_id": 1, "doctor": 1, "starts_at": "2026-11-24T10:00"})
    assert "dos nombres" in twice.get_json()["details"]["doctor"][0]
    nested = {"report": "improved-daily-cash", "parameters": {"foo": 1}}
    run = diego.api("POST", "/api/reports/generate/", nested)
    assert "payment_methods" in run.get_json()["details"]["foo"][0]


@pytest.mark.any_engine
@pytest.mark.parametrize(
    ("path", "name", "allowed"),
    [
        ("appointments/?status=banana", "status", "booked"),
        ("appointments/?ordering=banana", "ordering", "starts_at"),
        (f"appointments/?{TWO_RANGES}", "date_to", "anterior"),
        ("appointments/?date=2026-13-01", "date", "2026-11-24"),
        ("appointments/?doctor=banana", "doctor", "entero"),
        ("appointments/?therapist_id=0", "therapist_id", "pequeño"),
        ("appointments/?page=1&page=2", "page", "dos veces"),
        (f"appointments/available/?therapist_id=1&{TWO_RANGES}", "date_to", "anterior"),
        ("appointments/available/?therapist_id=1&date_from=0", "date_from", "2026-11-24"),
        ("appointments/available-slots/?doctor=1&date=9999-12-31", "date", "2026-11-24"),
        ("tickets/?status=banana", "status", "open, voided"),
        (f"tickets/?{TWO_RANGES}", "date_to", "anterior"),
        ("tickets/?date=86400", "date", "2026-11-24"),
        ("tickets/?owed=banana", "owed", "true o false"),
        ("till-sessions/?status=banana", "status", "open, closed"),
        ("patients/?ordering=banana", "ordering", "name"),
        ("notifications/?unread=banana", "unread", "true o false"),
        ("services/?foo=1", "foo", "clinic_id"),
        ("therapists/?ordering=price", "ordering", "surnames"),
    ],
)
def test_an_unknown_filter_value_is_refused(ana: Client, path: str, name: str, allowed: str) -> None:
    answer = ana.api("GET", f"/api/{path}")
    assert answer.status_code == 400, answer.text
    assert allowed in answer.get_json()["details"][name][0]


@pytest.mark.any_engine
def test_the_description_names_the_idempotency_key_where_it_is_honoured(ana: Client) -> None:
    paths = ana.api("GET", "/api/openapi.json").get_json()["paths"]
    honoured = {
        path
        for path, methods in paths.items()
        if "Idempotency-Key" in {p["name"] for p in methods.get("post", {}).get("parameters", ())}
    }
    assert {"/api/appointments/", "/api/auth/register/", "/api/tickets/{ticket_id}/payments/"} <= honoured
    assert not {"/api/auth/login/", "/api/auth/refresh/"} & honoured
