"""``/admin``: a card per thing that can be set up, with what is missing."""

from flask import Response

from app.clinics import permissions
from app.http import cycle, fragments, screens
from app.http.html import PageBlueprint

pages = PageBlueprint("administration", __name__)


@pages.get("/admin", requires=permissions.MANAGE_THERAPISTS)
def home() -> Response:
    return fragments.page("clinics/home.html", cards=screens.admin_cards(cycle.actor()))
