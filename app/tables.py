"""Every table in one place to import: what migrations compare with and tests build from."""

from app.billing import models as billing
from app.clinics import models as clinics
from app.encounters import models as encounters
from app.identity import models as identity
from app.kernel import access_log, idempotency, outbox, tasks
from app.notifications import models as notifications
from app.patients import models as patients
from app.reports import models as reports
from app.scheduling import models as scheduling
from app.tenancy import models as tenancy

__all__ = [
    "access_log",
    "billing",
    "clinics",
    "encounters",
    "idempotency",
    "identity",
    "notifications",
    "outbox",
    "patients",
    "reports",
    "scheduling",
    "tasks",
    "tenancy",
]
