"""The patients' pages: ``people`` (list and forms), ``duplicates`` and ``merge`` (records of one person), ``picker``
(choose inside another form), ``register`` (one's own registration). The page of one patient is composed in
``app.timeline``."""

from app.patients.pages import duplicates, merge, people, picker, register

BLUEPRINTS = (duplicates.pages, merge.pages, people.pages, picker.pages, register.pages)
