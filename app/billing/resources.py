"""The shapes of tickets, payments and till sessions as the API answers them."""

from datetime import date

from pydantic import AwareDatetime

from app.http.resources import Money, NamedResource, PersonResource, Resource


class TicketResource(Resource):
    id: int
    number: str
    clinic_id: int
    appointment_id: int | None
    patient: PersonResource
    therapist: NamedResource | None
    service: NamedResource | None
    concept: str
    service_day: date
    amount: Money
    paid: Money
    owed: Money
    refund_due: Money
    currency: str
    status: str
    payment_state: str
    issued_at: AwareDatetime
    voided_at: AwareDatetime | None
    void_reason: str


class PaymentLineResource(Resource):
    """A payment or refund of a ticket."""

    id: int
    kind: str
    method: str
    amount: Money
    rounding: Money
    refunded: Money
    tendered: Money | None
    change: Money
    currency: str
    reference: str
    received_at: AwareDatetime
    received_by: str | None
    reverses_id: int | None
    refunded_by_id: int | None


class TicketDetailsResource(TicketResource):
    patient_credit: Money
    payments: list[PaymentLineResource]


class PaymentResource(Resource):
    """``till_session_id`` is null for money that was in no till: a credit of the patient."""

    id: int
    till_session_id: int | None
    method: str
    amount: Money
    rounding: Money
    tendered: Money | None
    change: Money
    currency: str
    reference: str
    received_at: AwareDatetime
    ticket: TicketResource


class RefundResource(PaymentResource):
    reverses_id: int


class MethodResource(Resource):
    code: str
    name: str
    is_cash: bool
    needs_reference: bool


# ------------------------------------------------------------------ tills


class TillResource(NamedResource):
    kind: str


class TillSessionResource(Resource):
    """Amounts are null while the session is counted blind, and where nothing was counted yet."""

    id: int
    number: str
    clinic_id: int
    till: TillResource
    status: str
    business_day: date
    opened_at: AwareDatetime
    opened_by: str
    opening_float: Money | None
    opening_left: Money | None
    opening_difference_number: int | None
    opening_note: str
    closed_at: AwareDatetime | None
    closed_by: str | None
    approved_by: str | None
    difference: Money | None
    difference_number: int | None
    difference_reason: str
    left_for_tomorrow: Money | None
    sha256: str | None
    currency: str


class CountedMethodResource(Resource):
    method: str
    expected: Money
    counted: Money
    difference: Money


class ExpectedMethodResource(Resource):
    method: str
    expected: Money


class TicketReferenceResource(Resource):
    id: int
    number: str


class MovementResource(Resource):
    id: int
    kind: str
    method: str
    amount: Money | None
    currency: str
    ticket: TicketReferenceResource | None
    reference: str
    concept: str
    beneficiary: str
    voucher_number: str
    reverses_id: int | None
    reversed_by_id: int | None
    reason: str
    authorised_by: str | None
    received_at: AwareDatetime
    received_by: str | None


class CountResource(Resource):
    """``decision`` is ``approved``, ``rejected`` or null; ``denominations`` are pieces per value."""

    id: int
    number: int
    counted_at: AwareDatetime
    counted_by: str
    is_current: bool
    methods: list[CountedMethodResource]
    denominations: dict[str, int]
    expected: Money
    counted: Money
    difference: Money
    decision: str | None
    decided_by: str | None
    decision_reason: str


class TillSessionDetailsResource(TillSessionResource):
    state: str
    methods: list[CountedMethodResource] | list[ExpectedMethodResource] | None
    movements: list[MovementResource]
    counts: list[CountResource]
