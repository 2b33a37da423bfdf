"""Roles are rows: built-in ones equal the code, an organization's own work like them, memberships have dates."""

from datetime import UTC, date, datetime

import pytest
import time_machine
from flask import Flask
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.clinics.models import Therapist
from app.identity import queries
from app.identity.actions.roles import sync_builtin_roles
from app.identity.models import Membership, Role, RolePermission
from app.identity.queries.actors import actor_of_user
from app.kernel import access
from app.kernel.access import Permission, system_actor
from app.kernel.db import db
from app.kernel.errors import Forbidden, NotFound
from app.patients import permissions as patients
from app.patients.models import Patient
from app.tenancy.models import Organization
from tests import build
from tests.cast import Cast
from tests.client import Client
from tests.queries import count_queries

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
PHARMACIST = (patients.READ.code, patients.READ_ALL.code)


@pytest.fixture
def pharmacist(app: Flask, cast: Cast) -> Client:
    """Fabio works in Arequipa as a pharmacist, and as nothing else."""
    with app.app_context():
        db.session.execute(delete(Membership).where(Membership.user_id == cast.fabio_user))
        build.role("pharmacist", PHARMACIST)
        build.membership(cast.fabio_user, cast.arequipa, "pharmacist")
    return Client(app).sign_in("fabio@example.com")


def test_a_role_of_an_organization_allows_exactly_its_permissions(pharmacist: Client) -> None:
    me = pharmacist.api("GET", "/api/auth/user/").get_json()
    assert (me["role"], me["roles"], me["clinic_ids"]) == ("pharmacist", ["pharmacist"], [2])
    assert pharmacist.api("GET", "/api/auth/permissions/").get_json()["permissions"] == sorted(PHARMACIST)
    assert pharmacist.api("GET", "/api/patients/").status_code == 200
    assert pharmacist.get("/patients").status_code == 200
    assert pharmacist.api("POST", "/api/patients/", {}).status_code == 403
    for path in ("/agenda", "/front-desk", "/till", "/admin/users", "/reports", "/account"):
        assert pharmacist.get(path).status_code == 403


def test_a_permission_given_or_taken_counts_at_the_next_request(pharmacist: Client, app: Flask) -> None:
    with app.app_context():
        role_id = db.session.scalars(select(Role.id).where(Role.code == "pharmacist")).one()
        db.session.execute(insert(RolePermission).values(role_id=role_id, permission_code="report.read"))
        gone = (RolePermission.role_id == role_id, RolePermission.permission_code == patients.READ.code)
        db.session.execute(delete(RolePermission).where(*gone))
        db.session.commit()
    assert pharmacist.get("/patients").status_code == 403
    assert pharmacist.get("/reports").status_code == 200


def test_an_admin_gives_a_role_of_the_organization(app: Flask, eva: Client, cast: Cast) -> None:
    with app.app_context():
        build.role("pharmacist", PHARMACIST)
    assert 'value="1:pharmacist"' in eva.get(f"/admin/users/{cast.ana_user}").text
    form = {"full_name": "Ana Torres", "email": "ana@example.com", "roles": "1:pharmacist"}
    assert eva.post(f"/admin/users/{cast.ana_user}", form).status_code == 303
    with app.app_context():
        assert build.roles_of(cast.ana_user) == {(1, "pharmacist")}
    granted = eva.api("GET", f"/api/permissions/user/{cast.ana_user}/").get_json()["results"]
    assert granted == [{"clinic_id": 1, "role": "pharmacist", "permissions": sorted(PHARMACIST)}]


def test_a_role_of_another_organization_cannot_be_given(app: Flask, eva: Client, cast: Cast) -> None:
    with app.app_context():
        db.session.execute(insert(Organization).values(id=77, name="Vecinos"))
        build.role("masseur", PHARMACIST, organization=77)
    form = {"full_name": "Ana Torres", "email": "ana@example.com", "roles": "1:masseur"}
    assert eva.post(f"/admin/users/{cast.ana_user}", form).status_code == 422
    with app.app_context():
        assert build.roles_of(cast.ana_user) == {(1, "receptionist")}


@pytest.mark.parametrize(
    ("valid_from", "valid_until", "at", "holds"),
    [
        (None, None, "2026-11-20T15:00Z", True),
        (date(2026, 11, 20), None, "2026-11-20T04:59Z", False),  # 23:59 of the 19th in Lima
        (date(2026, 11, 20), None, "2026-11-20T05:00Z", True),
        (None, date(2026, 11, 20), "2026-11-21T04:59Z", True),  # its last evening
        (None, date(2026, 11, 20), "2026-11-21T05:00Z", False),
    ],
)
def test_a_membership_holds_on_the_days_of_its_clinic(
    app: Flask, cast: Cast, valid_from: date | None, valid_until: date | None, at: str, holds: bool
) -> None:
    now = datetime.fromisoformat(at)
    with app.app_context():
        mine = Membership.user_id == cast.ana_user
        db.session.execute(update(Membership).where(mine).values(valid_from=valid_from, valid_until=valid_until))
        actor = actor_of_user(cast.ana_user, channel="job", now=now)
        told = queries.roles.holders(patients.READ_ALL, clinic_id=cast.miraflores, now=now)
    assert access.can(actor, patients.READ_ALL, cast.miraflores) is holds
    assert actor.clinics_with(patients.READ_ALL) == ({cast.miraflores} if holds else set())
    assert (cast.ana_user in {person.id for person in told}) is holds


def test_a_session_loses_a_role_whose_days_are_over(app: Flask, ana: Client, cast: Cast) -> None:
    assert ana.get("/patients").status_code == 200
    with app.app_context():
        mine = Membership.user_id == cast.ana_user
        db.session.execute(update(Membership).where(mine).values(valid_until=date(2020, 1, 1)))
        db.session.commit()
    assert ana.get("/patients").status_code == 403


def test_roles_that_stay_keep_their_dates(app: Flask, eva: Client, cast: Cast) -> None:
    with app.app_context():
        mine = Membership.user_id == cast.ana_user
        db.session.execute(update(Membership).where(mine).values(valid_until=date(2030, 1, 31)))
        db.session.commit()
    form = {"full_name": "Ana Torres", "email": "ana@example.com", "roles": ["1:receptionist", "1:supervisor"]}
    assert eva.post(f"/admin/users/{cast.ana_user}", form).status_code == 303
    with app.app_context():
        rows = select(Role.code, Membership.valid_until).join(Role, Role.id == Membership.role_id)
        held = dict(db.session.execute(rows.where(Membership.user_id == cast.ana_user)).tuples().all())
    assert held == {"receptionist": date(2030, 1, 31), "supervisor": None}


def test_built_in_roles_equal_the_code_and_others_are_left_alone(app: Flask) -> None:
    with app.app_context():
        assert queries.roles.builtin_drift() == []
        own = build.role("pharmacist", PHARMACIST)
        admin = db.session.scalars(select(Role.id).where(Role.code == "admin")).one()
        db.session.execute(delete(RolePermission).where(RolePermission.role_id == admin))
        db.session.execute(insert(RolePermission).values(role_id=admin, permission_code="made.up"))
        db.session.execute(update(Role).where(Role.code == "patient").values(label="X"))
        assert queries.roles.builtin_drift() == ["admin", "patient"]

        assert sync_builtin_roles()

        assert queries.roles.builtin_drift() == []
        assert not sync_builtin_roles()
        assert queries.roles.codes_by_role([admin, own]) == {
            admin: sorted(access.codes_of("admin")),
            own: sorted(PHARMACIST),
        }
        assert db.session.scalar(select(func.count(Role.id)).where(Role.is_builtin.is_(True))) == 5


def test_every_permission_code_fits_its_column_and_has_no_space(app: Flask) -> None:
    with app.app_context():
        assert all(len(code) <= 60 and " " not in code for code in access.vocabulary())


def test_the_system_may_do_everything_and_sees_the_clinics_it_was_given() -> None:
    permission = Permission("anything.at_all", "")
    actor = system_actor(1, [2])
    assert access.can(actor, permission, 1)
    assert access.can_anywhere(actor, permission)
    assert actor.clinics_with(permission) == {2}
    assert (actor.user_id, actor.session_id, actor.channel, str(actor.kind)) == (None, None, "system", "system")
    with pytest.raises(Forbidden):
        _ = actor.person_id


def test_a_job_acts_with_the_rights_held_now(app: Flask, cast: Cast) -> None:
    with app.app_context():
        clara = actor_of_user(cast.clara_user, channel="job", now=NOW)
        bruno = actor_of_user(cast.bruno_user, channel="job", now=NOW)
        with pytest.raises(NotFound):
            actor_of_user(99, channel="job", now=NOW)
    assert (clara.profiles, clara.role, clara.own) == ({"patient": cast.clara}, "patient", clara.own | {"account.own"})
    assert (bruno.profiles, bruno.role, bruno.own) == ({"therapist": cast.bruno}, "therapist", frozenset())
    assert (clara.channel, clara.session_id) == ("job", None)


def test_an_account_describes_one_patient_and_one_therapist_only(app: Flask, cast: Cast) -> None:
    with app.app_context():
        for model, user_id in ((Patient, cast.clara_user), (Therapist, cast.bruno_user)):
            with pytest.raises(IntegrityError):
                db.session.execute(update(model).where(model.id == 2).values(user_id=user_id))
            db.session.rollback()


@time_machine.travel(NOW, tick=False)
def test_the_actor_is_loaded_by_one_statement(app: Flask, cast: Cast) -> None:
    with app.app_context(), count_queries(app) as seen:
        actor_of_user(cast.eva_user, channel="job", now=NOW)
    assert len(seen) == 1
