"""Live topics of tills and tickets."""

from sqlalchemy import select

from app.billing import actions, live
from app.kernel import clock
from app.kernel.db import db
from app.kernel.outbox import EventRow
from app.realtime import channels


def test_a_payment_refreshes_its_till_and_ticket(unit, desk, ticket, till):
    with unit():
        actions.payments.take_payment(ticket, method="efectivo", actor=desk, now=clock.now())
    with unit():
        rows = db.session.scalars(select(EventRow).where(EventRow.type == "billing.payment.taken.v1")).all()
        assert {"till:1", f"ticket:1:{ticket}"} <= set(channels.topics_of(rows))


def test_only_staff_of_the_clinic_may_join(app, desk, supervisor, other_clinic_desk):
    for channel, rest in ((live.TILL, ("1",)), (live.TICKET, ("1", "7"))):
        assert channel.may_join(desk, *rest)
        assert channel.may_join(supervisor, *rest)
        assert not channel.may_join(other_clinic_desk, *rest)
