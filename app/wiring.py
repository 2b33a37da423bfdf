"""THE list: what each domain plugs into the product. Read this page to know what there is."""

from flask import Flask

from app.api import openapi
from app.clinics import permissions as clinics_permissions
from app.clinics import queries as clinics_queries
from app.identity import api as identity_api
from app.identity import login
from app.identity import pages as identity_pages
from app.identity import permissions as identity_permissions
from app.identity import queries as identity_queries
from app.identity import rules as identity_rules
from app.kernel import access, once, outbox, queue
from app.operations import api as operations_api
from app.realtime import regions, relay, sockets
from app.scheduling import api as scheduling_api
from app.scheduling import live as scheduling_live
from app.scheduling import pages as scheduling_pages
from app.scheduling import permissions as scheduling_permissions
from app.web import frame, navigation

PERMISSIONS = (identity_permissions, clinics_permissions, scheduling_permissions)
PAGES = (*identity_pages.BLUEPRINTS, *scheduling_pages.BLUEPRINTS,)
APIS = (openapi.api, identity_api.api, operations_api.api, scheduling_api.api)
LIVE_REGIONS: tuple[regions.Region, ...] = (scheduling_live.AGENDA, scheduling_live.DESK, scheduling_live.MY_VISITS)
MENU: tuple[navigation.Entry, ...] = ()
SUBSCRIBERS: tuple[tuple[type[outbox.Event], outbox.Subscriber], ...] = ()


def register(app: Flask) -> None:
    """Plug everything in; the order of the menu is the order of the list."""
    login.register(app)
    app.extensions["sessions_alive"] = identity_queries.sessions_alive
    sockets.register(app)
    for blueprint in (*PAGES, *APIS):
        app.register_blueprint(blueprint)


def register_once() -> None:
    """What belongs to the process and not to one application."""
    for module in PERMISSIONS:
        access.declare(module.GRANTS)
    navigation.add(*MENU)
    regions.add(*LIVE_REGIONS)
    for event, subscriber in SUBSCRIBERS:
        outbox.subscribe(event, subscriber)
    outbox.on_wake(relay.ring)
    frame.ROLE_WORDS.update({str(role): label for role, label in identity_rules.ROLE_LABELS.items()})
    frame.provide("clinics", clinics_queries.names_of)
    queue.every(15, queue.sweep_tasks)
    queue.every(3600, once.forget_old)
