"""Pages of this domain, a module and a blueprint per screen."""

from app.scheduling.pages import agenda, appointments, booking, desk, hours, my_day, portal, visits

BLUEPRINTS = (
    desk.pages,
    agenda.pages,
    booking.pages,
    appointments.pages,
    hours.pages,
    my_day.pages,
    portal.pages,
    visits.pages,
)
