"""The patients' pages: ``people`` (list and forms), ``duplicates`` (records that may be of one person), ``picker``
(choose inside another form), ``register`` (one's own registration). The page of one patient is composed in
``app.timeline``."""

from app.patients.pages import duplicates, people, picker, register

BLUEPRINTS = (duplicates.pages, people.pages, picker.pages, register.pages)
