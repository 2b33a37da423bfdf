"""Another organization, and an admin of one clinic alone."""

import pytest
from flask import Flask
from sqlalchemy import insert

from app.clinics.models import Room, Service, Settings, Specialty, Therapist, therapist_service
from app.kernel.db import db
from app.tenancy.models import Clinic, Organization
from tests import build
from tests.cast import Cast
from tests.client import Client

OTHERS = 9  # the id of everything that belongs to the other organization


@pytest.fixture
def neighbours(app: Flask) -> int:
    """Another organization with a clinic, a room, a service and a therapist, all with this id."""
    with app.app_context():
        run = db.session.execute
        run(insert(Organization).values(id=OTHERS, name="Vecinos"))
        run(insert(Clinic).values(id=OTHERS, organization_id=OTHERS, name="Centro Vecino"))
        run(insert(Settings).values(clinic_id=OTHERS))
        run(insert(Room).values(id=OTHERS, clinic_id=OTHERS, name="Sala vecina"))
        run(insert(Specialty).values(id=OTHERS, organization_id=OTHERS, name="Vecindad"))
        run(
            insert(Service).values(
                id=OTHERS, clinic_id=OTHERS, name="Servicio vecino", duration_minutes=30, price_cents=100
            )
        )
        run(
            insert(Therapist).values(
                id=OTHERS, organization_id=OTHERS, given_names="Vera", surnames="Cruz", display_name="Vera Cruz"
            )
        )
        run(insert(therapist_service).values(therapist_id=OTHERS, service_id=OTHERS))
        db.session.commit()
    return OTHERS


@pytest.fixture
def local_admin(app: Flask, cast: Cast) -> Client:
    """Diego made admin of Miraflores alone."""
    with app.app_context():
        build.membership(cast.diego_user, cast.miraflores, "admin")
    return Client(app).sign_in("diego@example.com")
