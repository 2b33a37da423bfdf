"""The shapes of visits and free times as the API answers them."""

from datetime import date as Day

from pydantic import AwareDatetime

from app.http.resources import Money, NamedResource, Resource


class SlotResource(Resource):
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    therapist_id: int
    clinic_id: int
    room_id: int | None


class SlotsResource(Resource):
    results: list[SlotResource]


class ParticipantResource(Resource):
    id: int | None
    full_name: str


class AppointmentTicketResource(Resource):
    id: int
    number: str
    payment_state: str


class AppointmentResource(Resource):
    """A visit. With ``busy`` it is another therapist's: when, where and with whom, the rest is null.

    ``notes`` are for who works in the clinic.
    """

    id: int
    uid: str | None
    sequence: int | None
    version: int | None
    status: str | None
    confirmation: str | None
    encounter_status: str | None
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    busy: bool
    reason: str | None
    notes: str | None = None
    patient: ParticipantResource | None
    therapist: ParticipantResource
    clinic: NamedResource
    service: NamedResource | None
    room: NamedResource | None
    price: Money | None
    currency: str | None
    ticket: AppointmentTicketResource | None


class DayResource(Resource):
    date: Day
    clinic_id: int
    count: int
    results: list[AppointmentResource]
