"""Every role against every route and the objects that are not theirs: as if they did not exist.

Made from the map of routes and the fields of bodies, queries and forms: a new route with an id is a failure until the
tables here say whose objects it is tried with.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, get_type_hints
from urllib.parse import urlencode

import pytest
import time_machine
from flask import Flask
from pydantic import BaseModel
from sqlalchemy import insert, select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse
from wtforms.fields.core import UnboundField

from app.billing.models import Movement, Ticket
from app.clinics.models import Closure, Room, Service, Settings, Therapist, therapist_service
from app.http.cycle import RouteSpec
from app.identity.models import User, UserSession
from app.kernel.db import db
from app.kernel.tasks import Task
from app.notifications.models import Delivery, Notification
from app.patients.models import Patient, PatientMerge, PossibleDuplicate
from app.reports.models import ReportRun
from app.scheduling.models import TimeOff
from app.tenancy.models import Clinic, Organization
from tests import build
from tests.build import NOW, at
from tests.cast import LONG_AGO, Cast
from tests.client import Client

ABSENT = 987654
OTHERS = 90  # the id of everything of another organization
ROLES = ("ana", "bruno", "clara", "diego", "eva", "fabio")
ENDS_SESSIONS = ("/logout", "/sessions/others/revocation")  # the tests' own too
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


@dataclass(frozen=True)
class World:
    """Ids by kind of object and by whose they are: gloria's in Miraflores, rosa's in Arequipa, of strangers."""

    ids: dict[str, dict[str, int]]

    def hidden(self, role: str, kind: str) -> list[int]:
        return [self.ids[kind][owner] for owner in HIDDEN[kind][role] if owner in self.ids[kind]]


# Whose objects of a kind a role must not see. Strangers are another organization.
_CLINIC = {
    "ana": ("arequipa", "stranger"),
    "bruno": ("arequipa", "stranger"),
    "clara": ("stranger",),  # patients see every clinic in which they may book
    "diego": ("arequipa", "stranger"),
    "eva": ("stranger",),
    "fabio": ("miraflores", "stranger"),
}
_PATIENT = dict.fromkeys(ROLES, ("stranger",)) | {
    "bruno": ("gloria", "rosa", "stranger"),
    "clara": ("gloria", "rosa", "stranger"),
}
_VISIT = {
    "ana": ("rosa", "stranger"),
    "bruno": ("gloria", "rosa", "stranger"),
    "clara": ("gloria", "rosa", "stranger"),
    "diego": ("rosa", "stranger"),
    "eva": ("stranger",),
    "fabio": ("gloria", "stranger"),
}
_PERSONAL = dict.fromkeys(ROLES, ("somebody", "stranger"))
HIDDEN: dict[str, dict[str, tuple[str, ...]]] = {
    "appointment_id": _VISIT,
    "clinic_id": _CLINIC,
    "closure_id": _CLINIC,
    "count_id": dict.fromkeys(ROLES, ()),  # of the till session in the address
    "delivery_id": _CLINIC,
    "duplicate_id": dict.fromkeys(ROLES, ("stranger",)),
    "merge_id": dict.fromkeys(ROLES, ("stranger",)),
    "movement_id": _VISIT,
    "notification_id": _PERSONAL,
    "patient_id": _PATIENT,
    "payment_id": _VISIT,
    "room_id": _CLINIC,
    "run_id": _PERSONAL,
    "service_id": _CLINIC,
    "session_id": _VISIT,
    "specialty_id": dict.fromkeys(ROLES, ("stranger",)),
    "task_id": _PERSONAL,
    "therapist_id": _CLINIC,
    "ticket_id": _VISIT,
    "till_id": _CLINIC,
    "time_off_id": _CLINIC,
    "user_id": dict.fromkeys(ROLES, ("stranger",)),
    "user_session_id": _PERSONAL,
}
# Arguments and fields with another name than their kind.
KINDS = {
    "/account/sessions/<int:session_id>/revocation": "user_session_id",
    "default_service_id": "service_id",
    "other_id": "patient_id",  # of a merge
    "tax_id": "",
    "submission_id": "",
    "form_id": "",
}


@pytest.fixture(autouse=True)
def ten_o_clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=True):
        yield


def add(model: Any, **values: Any) -> int:
    return int(db.session.execute(insert(model).returning(model.id), values).scalar_one())


@pytest.fixture
def world(app: Flask) -> World:
    """Gloria with Hugo in Miraflores, Rosa with Inés in Arequipa, and strangers."""
    with app.app_context():
        _strangers()
        model = db.session.get_one(Patient, Cast.gloria)
        columns = {c.name: getattr(model, c.name) for c in Patient.__table__.columns}
        person = columns | {"user_id": None, "search_text": " nadie"}
        rosa = add(Patient, **person | {"id": 70, "document_number": "40000070", "full_name": "Rosa Flores"})
        for stranger in (OTHERS, OTHERS + 1):
            theirs = {"id": stranger, "organization_id": OTHERS, "document_number": f"400000{stranger}"}
            add(Patient, **person | theirs)
        build.visit(at("11:00"))  # Clara's with Bruno
        visits = {
            "gloria": build.visit(at("12:00"), patient=Cast.gloria, therapist=Cast.hugo, paid=True),
            "rosa": build.visit(
                at("12:00"), patient=rosa, therapist=Cast.ines, clinic=Cast.arequipa, service=Cast.massage, paid=True
            ),
            "stranger": build.visit(
                at("12:00"), patient=OTHERS, therapist=OTHERS, clinic=OTHERS, service=OTHERS, organization_id=OTHERS,
                ticket_cents=None,
            ),
        }  # fmt: skip
        tickets = {who: _ticket_of(visit) for who, visit in visits.items() if who != "stranger"}
        payments = {who: _payment_of(ticket) for who, ticket in tickets.items()}
        ids = {
            "appointment_id": visits,
            "ticket_id": tickets,
            "payment_id": {who: payment.id for who, payment in payments.items()},
            "movement_id": {who: payment.id for who, payment in payments.items()},
            "session_id": {who: payment.session_id for who, payment in payments.items()},
            "patient_id": {"gloria": Cast.gloria, "rosa": rosa, "stranger": OTHERS},
            "clinic_id": {"miraflores": Cast.miraflores, "arequipa": Cast.arequipa, "stranger": OTHERS},
            "closure_id": {
                place: add(Closure, clinic_id=clinic, day=build.TODAY.replace(month=12), reason="Feriado")
                for place, clinic in (("miraflores", 1), ("arequipa", 2), ("stranger", OTHERS))
            },
            "room_id": {"miraflores": Cast.room, "arequipa": 3, "stranger": OTHERS},
            "service_id": {"miraflores": Cast.reflexology, "arequipa": Cast.massage, "stranger": OTHERS},
            "therapist_id": {"miraflores": Cast.hugo, "arequipa": Cast.ines, "stranger": OTHERS},
            "specialty_id": {},
            "count_id": {},
            "till_id": {"miraflores": Cast.till, "arequipa": Cast.other_till},
            "time_off_id": {
                place: add(TimeOff, therapist_id=who, clinic_id=clinic, kind="off", starts_at=at("15:00"),
                           ends_at=at("16:00"), reason="")
                for place, clinic, who in (("miraflores", 1, 2), ("arequipa", 2, 3), ("stranger", OTHERS, OTHERS))
            },
            "user_id": {"stranger": OTHERS},
            **_strangers_records(),
            **_personal_things(),
        }  # fmt: skip
        db.session.commit()
        return World(ids)


def _strangers() -> None:
    add(Organization, id=OTHERS, name="Vecinos")
    add(Clinic, id=OTHERS, organization_id=OTHERS, name="Centro Vecino")
    db.session.execute(insert(Settings).values(clinic_id=OTHERS))
    add(Room, id=OTHERS, clinic_id=OTHERS, name="Sala vecina")
    add(Service, id=OTHERS, clinic_id=OTHERS, name="Servicio vecino", duration_minutes=30, price_cents=100)
    names = {"given_names": "Vera", "surnames": "Cruz", "display_name": "Vera Cruz"}
    add(Therapist, id=OTHERS, organization_id=OTHERS, **names)
    db.session.execute(insert(therapist_service).values(therapist_id=OTHERS, service_id=OTHERS))
    account = {"email": "vera@example.com", "full_name": "Vera Cruz", "password_hash": "", "created_at": LONG_AGO}
    add(User, id=OTHERS, organization_id=OTHERS, is_active=True, **account)


def _strangers_records() -> dict[str, dict[str, int]]:
    """Two records of another organization that may be of one person, and were one for a while."""
    pair = {"organization_id": OTHERS, "patient_id": OTHERS, "other_id": OTHERS + 1, "found_at": NOW}
    merge = {"organization_id": OTHERS, "survivor_id": OTHERS, "loser_id": OTHERS + 1, "merged_at": NOW}
    merge |= {"merged_by": OTHERS, "moved": {}, "before": {}, "chosen": {}}
    return {
        "duplicate_id": {"stranger": add(PossibleDuplicate, **pair)},
        "merge_id": {"stranger": add(PatientMerge, **merge)},
    }


def _ticket_of(visit: int) -> int:
    return db.session.scalars(select(Ticket.id).where(Ticket.appointment_id == visit)).one()


def _payment_of(ticket: int) -> Movement:
    return db.session.scalars(select(Movement).where(Movement.ticket_id == ticket, Movement.kind == "payment")).one()


def _personal_things() -> dict[str, dict[str, int]]:
    """Hugo's inbox, session and report, messages of each clinic, and work of another organization."""
    session = {"user_id": Cast.hugo_user, "kind": "browser", "created_at": NOW, "last_seen_at": NOW}
    session |= {"expires_at": NOW + timedelta(hours=8), "token_hash": "x"}
    line = {"user_id": Cast.hugo_user, "key": "x", "kind": "x", "title": "x", "created_at": NOW}
    run = {"clinic_id": 1, "user_id": Cast.hugo_user, "report": "statistics", "format": "pdf", "params": {}}
    message = {"kind": "x", "address": "x@example.com", "subject": "x", "text": "x", "created_at": NOW}
    places = (("miraflores", 1), ("arequipa", 2), ("stranger", OTHERS))
    work = {"kind": "x", "key": "x", "organization_id": OTHERS, "payload": {}, "due_at": NOW, "created_at": NOW}
    return {
        "user_session_id": {"somebody": add(UserSession, **session)},
        "notification_id": {"somebody": add(Notification, **line)},
        "run_id": {"somebody": add(ReportRun, **run, created_at=NOW)},
        "delivery_id": {place: add(Delivery, **message, key=place, clinic_id=clinic) for place, clinic in places},
        "task_id": {"stranger": add(Task, **work)},
    }


# ------------------------------------------------------------------ the routes


def routes(app: Flask) -> list[tuple[Rule, RouteSpec, str]]:
    """Every route and method but sockets, files and the end of the session."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static" or rule.rule.startswith("/ws") or rule.rule.rstrip("/").endswith(ENDS_SESSIONS):
            continue
        spec = app.view_functions[rule.endpoint].__dict__["spec"]
        found += [(rule, spec, method) for method in sorted(set(rule.methods or ()) - {"HEAD", "OPTIONS"})]
    return found


def kind_of(rule: Rule, name: str) -> str:
    """The kind of object that an argument or a field names; "" for none."""
    kind = KINDS.get(rule.rule, KINDS.get(name, name))
    longer = (known for known in HIDDEN if kind.endswith(f"_{known}"))  # default_service_id
    return kind if kind in HIDDEN else next(longer, kind)


def arguments_of(rule: Rule) -> list[str]:
    return re.findall(r"<int:([^>]+)>", rule.rule)


def fields_of(spec: RouteSpec) -> set[str]:
    """The names of the id fields of a route's body, query and form."""
    found: set[str] = set()
    for option in ("body", "query"):
        model = spec.option(option)
        if model:
            found |= _model_fields(model)
    form = spec.option("form")
    if form is not None:
        cls = form if isinstance(form, type) else get_type_hints(form)["return"]
        found |= {name for name in dir(cls) if isinstance(getattr(cls, name), UnboundField)}
    return {name for name in found if name.endswith(("_id", "_ids")) and KINDS.get(name) != ""}


def _model_fields(model: type[BaseModel]) -> set[str]:
    found = set(model.model_fields)
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= _model_fields(field.annotation)
    return found


def send(client: Client, method: str, path: str, body: dict[str, Any], query: dict[str, Any]) -> TestResponse:
    if path.startswith("/api/"):
        return client.api(method, f"{path}?{urlencode(query)}", body if method in UNSAFE else None)
    if method == "GET":
        return client.http.get(path, query_string=query)
    return client.http.post(path, data={"csrf_token": client._token(), **body}, query_string=query)


def said(answer: TestResponse, *ids: int) -> tuple[int, str]:
    """Status and content, without what differs between equal answers; of a page the status alone."""
    if answer.mimetype == "text/html":
        return answer.status_code, ""
    text = answer.text
    for id_ in ids:
        text = text.replace(f"={id_}", "=#")  # in the addresses of further pages
    return answer.status_code, text


# Values with which a request reaches the object: of every field without a default, and of the ids.
MIRAFLORES = {
    "clinic_id": Cast.miraflores,
    "patient_id": Cast.clara,
    "therapist_id": Cast.bruno,
    "service_id": Cast.reflexology,
    "till_id": Cast.till,
    "appointment_id": 1,
    "ticket_id": 1,
}
AREQUIPA = MIRAFLORES | {
    "clinic_id": Cast.arequipa,
    "therapist_id": Cast.ines,
    "service_id": Cast.massage,
    "till_id": Cast.other_till,
}
VALUES: dict[str, Any] = {
    "amount": "10.00",
    "concept": "Agua",
    "count_id": 1,
    "counted": {"efectivo": "1.00"},
    "current": "una frase para probar",
    "date_from": "2026-11-23",
    "duration_minutes": 30,
    "given_names": "Rosa",
    "kind": "expense",
    "method": "efectivo",
    "name": "Rosa",
    "notification_type": "info",
    "opening_float": "10.00",
    "paternal_surname": "Flores",
    "place": "any",
    "price": "10.00",
    "reason": "clinic",
    "report": "statistics",
    "starts_at": "2026-11-23T15:00:00-05:00",
    "status": "noshow",
    "surnames": "Flores",
    "title": "Aviso",
}
# Bodies whose missing values are of no object.
NO_OBJECT = {"Credentials", "RefreshToken", "Registration"}


def values_of(spec: RouteSpec, role: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Valid body and query of a route."""
    known = VALUES | (AREQUIPA if role == "fabio" else MIRAFLORES)
    bodies: dict[str, Any] = known  # of a form: it takes what it has
    model = spec.option("body")
    if model and model.__name__ not in NO_OBJECT:
        bodies = {name: known[name] for name, field in model.model_fields.items() if field.is_required()}
        bodies |= {name: known[name] for name in model.model_fields if name in known and name.endswith("_id")}
    query = spec.option("query")
    queries = {name: known[name] for name, field in query.model_fields.items() if field.is_required()} if query else {}
    return bodies, queries


def address(rule: Rule, **ids: int) -> str:
    """The address of a route with these ids; texts are of nothing."""
    path = rule.rule
    for name, id_ in ids.items():
        path = path.replace(f"<int:{name}>", str(id_))
    return re.sub(r"<[^>]+>", "x", path)


@pytest.mark.parametrize("role", ROLES)
def test_an_object_of_others_in_the_address_does_not_exist(
    role: str, world: World, request: pytest.FixtureRequest
) -> None:
    client: Client = request.getfixturevalue(role)
    wrong, tried = [], 0
    for rule, spec, method in routes(client.app):
        for name in arguments_of(rule):
            body, query = values_of(spec, role)
            nothing = said(send(client, method, address(rule, **{name: ABSENT}), body, query), ABSENT)
            for id_ in world.hidden(role, kind_of(rule, name)):
                answer = said(send(client, method, address(rule, **{name: id_}), body, query), id_)
                tried += 1
                if answer != nothing or answer[0] >= 500:
                    wrong.append((method, address(rule, **{name: id_}), answer, nothing))
    assert wrong == []
    assert tried > 60


@pytest.mark.parametrize("role", ROLES)
def test_an_id_of_others_in_a_body_or_a_query_does_not_exist(
    role: str, world: World, request: pytest.FixtureRequest
) -> None:
    client: Client = request.getfixturevalue(role)
    own = AREQUIPA if role == "fabio" else MIRAFLORES
    wrong, tried = [], 0
    for rule, spec, method in routes(client.app):
        path = address(rule, **{name: own.get(kind_of(rule, name), 1) for name in arguments_of(rule)})
        for name in sorted(fields_of(spec)):
            kind = kind_of(rule, name.removesuffix("s") if name.endswith("_ids") else name)
            body, query = values_of(spec, role)
            answers = {}
            for id_ in (ABSENT, *world.hidden(role, kind)):
                in_query = {name: id_} if spec.option("query") and name in spec.option("query").model_fields else {}
                in_body = {name: [id_] if name.endswith("_ids") else id_} if not in_query or spec.option("body") else {}
                answers[id_] = said(send(client, method, path, body | in_body, query | in_query), id_)
                tried += 1
            wrong += [
                (method, path, name, id_, answer, answers[ABSENT])
                for id_, answer in answers.items()
                if answer != answers[ABSENT] or answer[0] >= 500
            ]
    assert wrong == []
    assert tried > 30


# What pages read from their address without declaring it.
PAGE_FIELDS = ("clinic_id", "patient_id", "service_id", "therapist_id")


@pytest.mark.parametrize("role", ROLES)
def test_an_id_of_others_in_a_pages_address_does_not_exist(
    role: str, world: World, request: pytest.FixtureRequest
) -> None:
    client: Client = request.getfixturevalue(role)
    own = AREQUIPA if role == "fabio" else MIRAFLORES
    held = set(client.api("GET", "/api/auth/permissions/").get_json()["permissions"])
    wrong, tried = [], 0
    for rule, spec, method in routes(client.app):
        if method != "GET" or rule.rule.startswith("/api") or not held & {p.code for p in spec.requires}:
            continue
        path = address(rule, **{name: own.get(kind_of(rule, name), 1) for name in arguments_of(rule)})
        for name in PAGE_FIELDS:
            nothing = client.http.get(path, query_string={name: ABSENT}).status_code
            for id_ in world.hidden(role, name):
                status = client.http.get(path, query_string={name: id_}).status_code
                tried += 1
                if status != nothing or status >= 500:
                    wrong.append((path, name, id_, status, nothing))
    assert wrong == []
    assert tried > 20
