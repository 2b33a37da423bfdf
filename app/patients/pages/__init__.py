"""The patients' pages: ``people`` (list, card, forms), ``picker`` (choose inside another form), ``register``
(one's own registration)."""

from app.patients.pages import people, picker, register

BLUEPRINTS = (people.pages, picker.pages, register.pages)

add_slot = people.add_slot
add_link = people.add_link

__all__ = ["BLUEPRINTS", "add_link", "add_slot"]
