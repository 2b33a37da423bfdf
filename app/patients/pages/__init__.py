"""The patients' pages: ``people`` (list and forms), ``picker`` (choose inside another form), ``register``
(one's own registration). The page of one patient is composed in ``app.timeline``."""

from app.patients.pages import people, picker, register

BLUEPRINTS = (people.pages, picker.pages, register.pages)
