"""The shapes of people as the API answers them."""

from datetime import date

from pydantic import AwareDatetime

from app.http.resources import PersonResource


class FoundPatientResource(PersonResource):
    """A person in a list."""

    given_names: str
    paternal_surname: str
    maternal_surname: str
    document_type: str
    document_number: str | None
    birth_date: date | None
    sex: str
    phone: str
    email: str


class PatientResource(FoundPatientResource):
    """``age`` is in whole years; ``admin_note`` is for staff."""

    age: int | None
    other_phone: str
    occupation: str
    address: str
    ubigeo: str | None
    district: str | None
    emergency_name: str
    emergency_phone: str
    version: int
    created_at: AwareDatetime
    admin_note: str = ""
