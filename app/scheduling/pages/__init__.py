"""Pages of this domain, a module and a blueprint per screen."""

from app.scheduling.pages import agenda, appointments, blocks, booking, hours, my_day, transitions

BLUEPRINTS = (
    agenda.pages,
    blocks.pages,
    booking.pages,
    appointments.pages,
    hours.pages,
    my_day.pages,
    transitions.pages,
)
