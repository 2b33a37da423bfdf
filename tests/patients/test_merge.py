"""Two records of one person become one, and apart again."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from app.billing.models import Movement, Ticket, TillSession
from app.encounters.models import Encounter
from app.kernel import merging
from app.kernel.db import Base, db
from app.kernel.outbox import EventRow
from app.patients.models import CareRelation, Patient
from app.patients.rules import Details
from tests import build
from tests.build import NOW
from tests.cast import Cast
from tests.client import Client
from tests.patients.conftest import Add

NOT_MOVED = {  # by reason
    *("event_log", "access_log"),  # append-only: they keep what was true then
    *("patient_merge", "possible_duplicate", "patient"),  # about the records themselves
}


def rows(app: Flask) -> dict[str, list[Any]]:
    """Whose everything is: the patient of each row by table, and the two records."""
    with app.app_context():
        found = {
            reference.table: list(
                db.session.execute(select(reference.model.id, reference.column).order_by("id")).tuples()
            )
            for reference in merging.references("patient")
            if reference.table != "care_relation"
        }
        relation = CareRelation
        active = select(relation.patient_id, relation.therapist_id).where(relation.ended_at.is_(None))
        found["care"] = sorted(db.session.execute(active).tuples())
        columns = [c for c in Patient.__table__.c if c.name != "version"]
        found["patient"] = [tuple(row) for row in db.session.execute(select(*columns).order_by("id"))]
    return found


def compare(person: Client, survivor: int, loser: int) -> dict[str, str]:
    """What the page of comparison sends when nothing is chosen by hand."""
    html = person.get(f"/patients/{survivor}/merge?patient_id={loser}").text
    hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', html)
    chosen = re.findall(r'name="(choice_\w+)" value="(\w+)" checked', html)
    return {**dict(hidden), **dict(chosen)}


@pytest.fixture
def twin(app: Flask, add_people: Add) -> int:
    """A second record of Clara, with an encounter, a paid visit of hers and a care relation with Hugo."""
    (twin_id,) = add_people(
        Details(
            "Clara", "Núñez", phone="+51987654321", occupation="Docente", document_type="PAS", document_number="AA12345"
        )
    )
    with app.app_context():
        build.visit(
            NOW - timedelta(days=3),
            patient=twin_id,
            therapist=Cast.hugo,
            status="fulfilled",
            started_at=NOW - timedelta(days=3),
        )
        build.visit(NOW + timedelta(days=2), patient=Cast.clara)
        db.session.commit()
    return twin_id


def test_it_moves_everything_and_undoing_puts_each_row_back(app: Flask, diego: Client, cast: Cast, twin: int) -> None:
    before = rows(app)
    form = compare(diego, cast.clara, twin)
    assert form["choice_occupation"] == "other"  # only the other has one
    assert diego.post(f"/patients/{cast.clara}/merge", form).location == f"/patients/{cast.clara}"
    after = rows(app)
    for table in ("appointment", "ticket", "encounter"):
        assert {patient for _id, patient in after[table]} == {cast.clara}
    assert after["care"] == [(cast.clara, cast.bruno), (cast.clara, cast.hugo)]
    with app.app_context():
        clara, other = db.session.get_one(Patient, cast.clara), db.session.get_one(Patient, twin)
        assert (clara.occupation, clara.document_number, clara.user_id) == ("Docente", "45678912", cast.clara_user)
        assert (other.merged_into_id, other.document_number) == (cast.clara, None)
        kinds = db.session.scalars(select(EventRow.type).where(EventRow.type.startswith("patients.patients"))).all()
        assert kinds == ["patients.patients.merged.v1"]
    page = diego.get(f"/patients/{cast.clara}/merge").text
    undo = re.search(r'action="(/patients/merges/\d+/undo)"', page)
    assert undo
    assert diego.post(undo[1]).location == f"/patients/{twin}"
    assert rows(app) == before
    assert diego.post(undo[1]).status_code == 404


def test_old_links_and_ids_lead_to_the_survivor(diego: Client, ana: Client, cast: Cast, twin: int) -> None:
    diego.post(f"/patients/{cast.clara}/merge", compare(diego, cast.clara, twin))
    for person in (diego, ana):
        assert person.get(f"/patients/{twin}").location == f"/patients/{cast.clara}"
        assert person.api("GET", f"/api/patients/{twin}/").get_json()["id"] == cast.clara
    assert ana.api("PATCH", f"/api/patients/{twin}/", {"occupation": "Jubilada"}).get_json()["id"] == cast.clara
    assert ana.api("GET", "/api/patients/?search=nunez").get_json()["count"] == 1
    diego.post(f"/patients/{twin}/restoration")  # restores nothing: it is a pointer
    assert ana.api("GET", "/api/patients/?search=nunez").get_json()["count"] == 1


def test_an_account_moves_and_comes_back(app: Flask, diego: Client, cast: Cast, twin: int) -> None:
    form = compare(diego, twin, cast.clara)
    diego.post(f"/patients/{twin}/merge", form)
    assert user_of(app, twin) == cast.clara_user
    undo = re.search(r"/patients/merges/\d+/undo", diego.get(f"/patients/{twin}/merge").text)
    assert undo
    diego.post(undo[0])
    assert (user_of(app, twin), user_of(app, cast.clara)) == (None, cast.clara_user)


def user_of(app: Flask, patient_id: int) -> int | None:
    with app.app_context():
        return db.session.scalar(select(Patient.user_id).where(Patient.id == patient_id))


def test_undoing_keeps_what_came_since(app: Flask, diego: Client, ana: Client, cast: Cast, twin: int) -> None:
    diego.post(f"/patients/{cast.clara}/merge", compare(diego, cast.clara, twin))
    ana.api("PATCH", f"/api/patients/{cast.clara}/", {"address": "Calle Nueva 1", "phone": "912000111"})
    with app.app_context():
        build.visit(NOW + timedelta(days=4), patient=cast.clara, therapist=cast.hugo)
        db.session.commit()
    undo = re.search(r"/patients/merges/\d+/undo", diego.get(f"/patients/{cast.clara}/merge").text)
    assert undo
    diego.post(undo[0])
    clara = ana.api("GET", f"/api/patients/{cast.clara}/").get_json()
    assert (clara["address"], clara["phone"], clara["occupation"]) == ("Calle Nueva 1", "+51912000111", "")
    assert (cast.clara, cast.hugo) in rows(app)["care"]  # by the visit that came since
    assert (twin, cast.hugo) in rows(app)["care"]


def test_visits_at_the_same_time_are_refused(app: Flask, diego: Client, cast: Cast, twin: int) -> None:
    with app.app_context():
        build.visit(NOW + timedelta(days=2, minutes=10), patient=twin, therapist=Cast.hugo)
        db.session.commit()
    before = rows(app)
    answer = diego.post(f"/patients/{cast.clara}/merge", compare(diego, cast.clara, twin))
    assert answer.status_code == 409
    assert "citas a la misma hora" in answer.text
    assert rows(app) == before


@pytest.mark.prepares_in_test
def test_two_accounts_and_stale_records_are_refused(diego: Client, ana: Client, cast: Cast, twin: int) -> None:
    two = diego.post(f"/patients/{cast.clara}/merge", compare(diego, cast.clara, cast.gloria))
    assert (two.status_code, "tienen una cuenta" in two.text) == (409, True)
    form = compare(diego, cast.clara, twin)
    ana.api("PATCH", f"/api/patients/{twin}/", {"occupation": "Jubilada"})
    assert diego.post(f"/patients/{cast.clara}/merge", form).status_code == 409


def test_closed_sessions_keep_their_bytes(app: Flask, diego: Client, cast: Cast, twin: int) -> None:
    with app.app_context():
        session_id = build.till_session(opened_at=NOW - timedelta(hours=2))
        build.payment(build.ticket(patient=twin), now=NOW)
        values = {"status": "closed", "closed_at": NOW, "closed_by": 1, "snapshot": "{}", "snapshot_sha256": "x"}
        db.session.execute(update(TillSession).where(TillSession.id == session_id).values(**values))
        db.session.commit()
    before = money(app)
    assert diego.post(f"/patients/{cast.clara}/merge", compare(diego, cast.clara, twin)).status_code == 303
    assert money(app) == before


def money(app: Flask) -> list[Any]:
    with app.app_context():
        sessions = [tuple(row) for row in db.session.execute(select(*TillSession.__table__.c))]
        movements = [tuple(row) for row in db.session.execute(select(*Movement.__table__.c))]
        tickets = db.session.scalar(select(func.count()).select_from(Ticket))
        return [*sessions, *movements, tickets, db.session.scalar(select(func.count()).select_from(Encounter))]


@pytest.mark.parametrize("path", ["/patients/1/merge", "/patients/merges/1/undo"])
def test_it_requires_patient_merge(ana: Client, bruno: Client, path: str) -> None:
    assert ana.post(path).status_code == bruno.post(path).status_code == 403


@pytest.mark.prepares_in_test
def test_it_hides_another_organization(diego: Client, add_people: Add, cast: Cast) -> None:
    (stranger,) = add_people(Details("Clara", "Forastera"), organization_id=2)
    assert diego.get(f"/patients/{stranger}/merge").status_code == 404
    assert diego.get(f"/patients/{cast.clara}/merge?patient_id={stranger}").status_code == 404


def test_every_column_that_refers_to_a_patient_is_declared(app: Flask) -> None:
    with app.app_context():
        declared = {(reference.table, reference.column.key) for reference in merging.references("patient")}
    referring = {
        (table.name, column.name)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if column.name == "patient_id" or any(key.target_fullname == "patient.id" for key in column.foreign_keys)
        if table.name not in NOT_MOVED
    }
    assert referring == declared
