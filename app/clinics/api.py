"""``/api/clinics``, ``/api/therapists``, ``/api/services``: what there is, and changing it for who manages."""

from dataclasses import replace
from typing import Any

from pydantic import Field
from sqlalchemy import Row

from app.clinics import actions, permissions, queries, rules
from app.clinics.actions.therapists import UNCHANGED
from app.clinics.models import Service, Therapist
from app.clinics.resources import ClinicResource, DoctorResource, ServiceResource, TherapistResource
from app.http import cycle
from app.http.json import ApiBlueprint
from app.http.resources import Body, Cents, Id, ListQuery, Page, listing
from app.kernel import money
from app.kernel.access import can_anywhere
from app.tenancy.models import Clinic

api = ApiBlueprint("clinics_api", __name__)


class ServiceQuery(ListQuery):
    clinic_id: Id | None = None
    therapist_id: Id | None = None


class TherapistQuery(ListQuery):
    clinic_id: Id | None = None
    service_id: Id | None = None
    search: str = Field("", max_length=80)


class ServiceChanges(Body):
    """Only what is sent changes; ``price`` is decimal text."""

    name: str = Field("", max_length=80)
    duration_minutes: int = 0
    price: Cents = Field(0, ge=0)
    description: str = Field("", max_length=1000)
    specialty_id: Id | None = None
    colour: int = 1
    is_online: bool = True
    is_active: bool = True

    def data(self, before: Row[Any] | None = None) -> rules.ServiceData:
        """What was sent, over the service as it stands where there is one."""
        sent = self.model_dump(exclude={"clinic_id", "is_active"}, exclude_unset=True)
        if "price" in sent:
            sent["price_cents"] = sent.pop("price")
        names = rules.ServiceData.__dataclass_fields__
        known = {name: getattr(before, name) for name in names} if before else {}
        return rules.ServiceData(**{"name": "", "duration_minutes": 0, "price_cents": 0, **known, **sent})


class NewService(ServiceChanges):
    clinic_id: Id
    name: str = Field(max_length=80)
    duration_minutes: int
    price: Cents = Field(ge=0)


class TherapistChanges(Body):
    """Only what is sent changes."""

    given_names: str = Field("", max_length=80)
    surnames: str = Field("", max_length=120)
    display_name: str = Field("", max_length=80)
    document_number: str = Field("", max_length=20)
    licence_number: str = Field("", max_length=30)
    email: str = Field("", max_length=254)
    phone: str = Field("", max_length=40)
    specialty_ids: list[Id] | None = None
    service_ids: list[Id] | None = None
    default_service_id: Id | None = None
    is_active: bool = True

    def data(self, before: Row[Any] | None = None) -> rules.TherapistData:
        names = rules.TherapistData.__dataclass_fields__
        sent = self.model_dump(include=set(names), exclude_unset=True)
        start = rules.TherapistData(**{name: getattr(before, name) if before else "" for name in names})
        return replace(start, **sent)


class NewTherapist(TherapistChanges):
    """``clinic_id`` manages the therapist while they have no service; by default the actor's first clinic."""

    clinic_id: Id | None = None
    given_names: str = Field(max_length=80)
    surnames: str = Field(max_length=120)


# ------------------------------------------------------------------ clinics


def clinic_json(row: Row[Any]) -> dict[str, Any]:
    """A clinic; ``settings.tax_rate`` is percent as decimal text, ``"18.00"``, contained in prices."""
    return {
        "id": row.id,
        "name": row.name,
        "legal_name": row.legal_name,
        "tax_id": row.tax_id,
        "address": row.address,
        "phone": row.phone,
        "email": row.email,
        "timezone": row.timezone,
        "currency": row.currency,
        "is_active": row.is_active,
        "settings": {
            "tax_rate": money.decimal_text(row.tax_rate_bp),
            "opens": _hour(row.opens_minute),
            "closes": _hour(row.closes_minute),
            "closed_weekdays": row.closed_weekdays,
            "slot_minutes": row.slot_minutes,
            "notice_minutes": row.notice_minutes,
            "change_notice_hours": row.change_notice_hours,
            "horizon_days": row.horizon_days,
            "auto_confirm": row.auto_confirm,
            "open_visits_limit": row.open_visits_limit,
        },
    }


def _hour(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


@api.get("/api/clinics/", requires=permissions.READ, query=ListQuery, answers=Page[ClinicResource])
def clinics(query: ListQuery) -> dict[str, Any]:
    """The clinics where you work; all active ones for a patient."""
    orderings = {"name": Clinic.name, "id": Clinic.id}
    return listing(
        queries.lists.clinics(cycle.actor()), query, to_json=clinic_json, orderings=orderings, default_ordering="name"
    )


@api.get("/api/clinics/<int:clinic_id>/", requires=permissions.READ, answers=ClinicResource)
def clinic(clinic_id: int) -> dict[str, Any]:
    return clinic_json(queries.lists.clinic(clinic_id, cycle.actor()))


@api.get(
    "/api/clinics/<int:clinic_id>/doctors/", requires=permissions.READ, query=ListQuery, answers=Page[DoctorResource]
)
def doctors(clinic_id: int, query: ListQuery) -> dict[str, Any]:
    """Who treats in a clinic; ``consultation_fee`` is the price of their default service (D43), null without one."""
    actor = cycle.actor()
    here = queries.lists.clinic(clinic_id, actor)
    found = listing(
        queries.lists.doctors(clinic_id, actor),
        query,
        to_json=lambda row: {
            **therapist_json(row),
            "consultation_fee": None if row.consultation_fee is None else money.decimal_text(row.consultation_fee),
            "currency": here.currency,
        },
        orderings={"name": Therapist.display_name, "id": Therapist.id},
        default_ordering="name",
    )
    found["results"] = queries.lists.with_links(found["results"], actor)
    return found


# ------------------------------------------------------------------ therapists


def therapist_json(row: Row[Any]) -> dict[str, Any]:
    """A therapist; how to reach them is for colleagues."""
    result = {
        "id": row.id,
        "name": row.display_name,
        "full_name": f"{row.given_names} {row.surnames}",
        "given_names": row.given_names,
        "surnames": row.surnames,
        "licence_number": row.licence_number,
        "is_active": row.deleted_at is None,
    }
    actor = cycle.actor()
    if actor.grants:
        result |= {"email": row.email, "phone": row.phone}
    if can_anywhere(actor, permissions.MANAGE_THERAPISTS):
        result["document_number"] = row.document_number
    return result


def _therapist(therapist_id: int) -> dict[str, Any]:
    actor = cycle.actor()
    row = queries.lists.therapist(therapist_id, actor)
    return queries.lists.with_links([therapist_json(row)], actor)[0]


@api.get("/api/therapists/", requires=permissions.READ, query=TherapistQuery, answers=Page[TherapistResource])
def therapists(query: TherapistQuery) -> dict[str, Any]:
    """Who treats in your clinics; filters ``clinic_id``, ``service_id``, ``search``."""
    actor = cycle.actor()
    found = queries.lists.therapists(actor).where(Therapist.deleted_at.is_(None))
    if query.clinic_id is not None or query.service_id is not None:
        found = found.where(Therapist.id.in_(queries.lists.giving(query.clinic_id, query.service_id)))
    if query.search:
        found = found.where(Therapist.display_name.icontains(query.search, autoescape=True))
    orderings = {"name": Therapist.display_name, "surnames": Therapist.surnames, "id": Therapist.id}
    result = listing(found, query, to_json=therapist_json, orderings=orderings, default_ordering="name")
    result["results"] = queries.lists.with_links(result["results"], actor)
    return result


@api.get("/api/therapists/<int:therapist_id>/", requires=permissions.READ, answers=TherapistResource)
def therapist(therapist_id: int) -> dict[str, Any]:
    return _therapist(therapist_id)


@api.post(
    "/api/therapists/", requires=permissions.MANAGE_THERAPISTS, body=NewTherapist, answers=TherapistResource, status=201
)
def create_therapist(body: NewTherapist) -> dict[str, Any]:
    therapist_id = actions.therapists.create_therapist(
        body.data(),
        clinic_id=body.clinic_id or cycle.clinic_id(permissions.MANAGE_THERAPISTS),
        specialty_ids=body.specialty_ids or (),
        service_ids=body.service_ids or (),
        default_service_id=body.default_service_id,
        actor=cycle.actor(),
        now=cycle.now(),
    )
    return _therapist(therapist_id)


@api.patch(
    "/api/therapists/<int:therapist_id>/",
    requires=permissions.MANAGE_THERAPISTS,
    body=TherapistChanges,
    answers=TherapistResource,
)
def change_therapist(therapist_id: int, body: TherapistChanges) -> dict[str, Any]:
    """Change what is sent; ``is_active`` false is leaving, true is coming back."""
    actor, now = cycle.actor(), cycle.now()
    before = queries.lists.therapist(therapist_id, actor, permissions.MANAGE_THERAPISTS)
    actions.therapists.update_therapist(
        therapist_id,
        body.data(before),
        specialty_ids=body.specialty_ids,
        service_ids=body.service_ids,
        default_service_id=body.default_service_id if "default_service_id" in body.model_fields_set else UNCHANGED,
        actor=actor,
        now=now,
    )
    if "is_active" in body.model_fields_set:
        turn = actions.therapists.restore_therapist if body.is_active else actions.therapists.retire_therapist
        turn(therapist_id, actor=actor, now=now)
    return _therapist(therapist_id)


# ------------------------------------------------------------------ services


def service_json(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "clinic_id": row.clinic_id,
        "clinic_name": row.clinic_name,
        "name": row.name,
        "description": row.description,
        "specialty": row.specialty,
        "specialty_id": row.specialty_id,
        "duration_minutes": row.duration_minutes,
        "price": money.decimal_text(row.price_cents),
        "currency": row.currency,
        "colour": row.colour,
        "is_online": row.is_online,
        "is_active": row.is_active,
    }


@api.get("/api/services/", requires=permissions.READ, query=ServiceQuery, answers=Page[ServiceResource])
def services(query: ServiceQuery) -> dict[str, Any]:
    """What is offered in your clinics; filters ``clinic_id``, ``therapist_id``."""
    found = queries.lists.services(cycle.actor()).where(Service.is_active.is_(True))
    if query.clinic_id is not None:
        found = found.where(Service.clinic_id == query.clinic_id)
    if query.therapist_id is not None:
        found = found.where(Service.id.in_(queries.lists.given_by(query.therapist_id)))
    orderings = {"name": Service.name, "price": Service.price_cents, "id": Service.id}
    return listing(found, query, to_json=service_json, orderings=orderings, default_ordering="name")


@api.get("/api/services/<int:service_id>/", requires=permissions.READ, answers=ServiceResource)
def service(service_id: int) -> dict[str, Any]:
    return service_json(queries.lists.service(service_id, cycle.actor()))


@api.post("/api/services/", requires=permissions.MANAGE_SERVICES, body=NewService, answers=ServiceResource, status=201)
def create_service(body: NewService) -> dict[str, Any]:
    actor = cycle.actor()
    service_id = actions.services.create_service(body.clinic_id, body.data(), actor=actor, now=cycle.now())
    return service_json(queries.lists.service(service_id, actor))


@api.patch(
    "/api/services/<int:service_id>/",
    requires=permissions.MANAGE_SERVICES,
    body=ServiceChanges,
    answers=ServiceResource,
)
def change_service(service_id: int, body: ServiceChanges) -> dict[str, Any]:
    """Change what is sent; ``is_active`` false retires it, true offers it again."""
    actor, now = cycle.actor(), cycle.now()
    before = queries.lists.managed_service(service_id, actor)
    actions.services.update_service(service_id, body.data(before), actor=actor, now=now)
    if "is_active" in body.model_fields_set:
        turn = actions.services.restore_service if body.is_active else actions.services.retire_service
        turn(service_id, actor=actor, now=now)
    return service_json(queries.lists.service(service_id, actor))


BLUEPRINTS = (api,)
