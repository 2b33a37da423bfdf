"""Pages of this domain, a module and a blueprint per screen."""

from app.scheduling.pages import visits

BLUEPRINTS = (visits.pages,)
