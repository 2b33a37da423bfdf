"""Pages of this domain, a module and a blueprint per screen."""

from app.scheduling.pages import my_day, portal, visits

BLUEPRINTS = (
    my_day.pages,
    portal.pages,
    visits.pages,
)
