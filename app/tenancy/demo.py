"""The demo's organization with its two clinics."""

from typing import Any

from app.kernel.demo import DemoContext, put
from app.tenancy.models import Clinic, Organization

ORGANIZATION = 1
MIRAFLORES, AREQUIPA = 1, 2
ZONE = "America/Lima"


def write_clinics(context: DemoContext) -> None:
    put(Organization, [{"id": ORGANIZATION, "name": "Manos que Curan"}])
    put(Clinic, [_clinic(MIRAFLORES, "Centro Miraflores", context), _clinic(AREQUIPA, "Centro Arequipa", context)])


def _clinic(clinic_id: int, name: str, context: DemoContext) -> dict[str, Any]:
    return {"id": clinic_id, "organization_id": ORGANIZATION, "name": name, "timezone": context.zone}


DEMO = write_clinics
