"""The shapes of clinics, therapists and services as the API answers them."""

from app.http.resources import Money, NamedResource, Resource


class ClinicSettingsResource(Resource):
    tax_rate: Money
    opens: str
    closes: str
    closed_weekdays: list[int]
    slot_minutes: int
    notice_minutes: int
    change_notice_hours: int
    horizon_days: int
    auto_confirm: bool
    open_visits_limit: int


class ClinicResource(NamedResource):
    legal_name: str
    tax_id: str
    address: str
    phone: str
    email: str
    timezone: str
    currency: str
    is_active: bool
    settings: ClinicSettingsResource


class GivenServiceResource(NamedResource):
    clinic_id: int
    clinic_name: str


class TherapistResource(NamedResource):
    """``email`` and ``phone`` are for staff, ``document_number`` for who manages therapists."""

    full_name: str
    given_names: str
    surnames: str
    licence_number: str
    is_active: bool
    specialties: list[NamedResource]
    services: list[GivenServiceResource]
    default_service_id: int | None
    email: str = ""
    phone: str = ""
    document_number: str = ""


class DoctorResource(TherapistResource):
    consultation_fee: Money | None
    currency: str


class ServiceResource(NamedResource):
    clinic_id: int
    clinic_name: str
    description: str
    specialty: str | None
    specialty_id: int | None
    duration_minutes: int
    price: Money
    currency: str
    colour: int
    is_online: bool
    is_active: bool
