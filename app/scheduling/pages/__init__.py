"""Pages of this domain, a module and a blueprint per screen."""

from app.scheduling.pages import agenda, desk, hours, my_day, portal, visits

BLUEPRINTS = (
    desk.pages,
    agenda.pages,
    hours.pages,
    my_day.pages,
    portal.pages,
    visits.pages,
)
