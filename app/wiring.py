"""THE list: what each domain plugs into the product. Read this page to know what there is."""

from flask import Flask

from app.api import openapi
from app.billing import api as billing_api
from app.billing import live as billing_live
from app.billing import pages as billing_pages
from app.billing import permissions as billing_permissions
from app.billing import reports as billing_reports
from app.billing import subscribers as billing_subscribers
from app.clinics import api as clinics_api
from app.clinics import events as clinics_events
from app.clinics import pages as clinics_pages
from app.clinics import permissions as clinics_permissions
from app.clinics import queries as clinics_queries
from app.identity import api as identity_api
from app.identity import login
from app.identity import pages as identity_pages
from app.identity import permissions as identity_permissions
from app.identity import queries as identity_queries
from app.identity import rules as identity_rules
from app.kernel import access, outbox, queue
from app.kernel.words import N_
from app.notifications import api as notifications_api
from app.notifications import jobs as notifications_jobs
from app.notifications import live as notifications_live
from app.notifications import pages as notifications_pages
from app.notifications import permissions as notifications_permissions
from app.notifications import queries as notifications_queries
from app.notifications import sockets as notifications_sockets
from app.operations import api as operations_api
from app.operations import maintenance
from app.patients import api as patients_api
from app.patients import pages as patients_pages
from app.patients import permissions as patients_permissions
from app.realtime import regions, relay, sockets
from app.reports import api as reports_api
from app.reports import events as reports_events
from app.reports import jobs as reports_jobs
from app.reports import live as reports_live
from app.reports import pages as reports_pages
from app.reports import permissions as reports_permissions
from app.reports import registry as reports_registry
from app.reports import subscribers as reports_subscribers
from app.scheduling import api as scheduling_api
from app.scheduling import events as scheduling_events
from app.scheduling import jobs as scheduling_jobs
from app.scheduling import live as scheduling_live
from app.scheduling import pages as scheduling_pages
from app.scheduling import permissions as scheduling_permissions
from app.scheduling import reports as scheduling_reports
from app.scheduling import subscribers as scheduling_subscribers
from app.web import cards, frame, navigation

PERMISSIONS = (
    identity_permissions,
    clinics_permissions,
    billing_permissions,
    scheduling_permissions,
    notifications_permissions,
    patients_permissions,
    reports_permissions,
)
PAGES = (
    *identity_pages.BLUEPRINTS,
    *clinics_pages.BLUEPRINTS,
    *billing_pages.BLUEPRINTS,
    *scheduling_pages.BLUEPRINTS,
    notifications_pages.pages,
    *patients_pages.BLUEPRINTS,
    reports_pages.pages,
)
APIS = (
    openapi.api,
    identity_api.api,
    operations_api.api,
    clinics_api.api,
    *billing_api.APIS,
    scheduling_api.api,
    notifications_api.api,
    patients_api.api,
    reports_api.api,
)
LIVE_REGIONS: tuple[regions.Region, ...] = (
    scheduling_live.AGENDA,
    scheduling_live.DESK,
    scheduling_live.MY_VISITS,
    billing_live.TILL,
    billing_live.TICKET,
    notifications_live.INBOX,
    reports_live.RUN,
)
MENU: tuple[navigation.Entry, ...] = (
    navigation.Entry(
        N_("Recepción"), "/front-desk", "armchair", requires=scheduling_permissions.RECEIVE, home_of=("receptionist",)
    ),
    navigation.Entry(
        N_("Mis citas"), "/my", "calendar-check", requires=scheduling_permissions.READ_OWN, home_of=("patient",)
    ),
    navigation.Entry(
        N_("Mi día"), "/my-day", "activity", requires=scheduling_permissions.READ_ASSIGNED, home_of=("therapist",)
    ),
    navigation.Entry(N_("Agenda"), "/agenda", "calendar", requires=scheduling_permissions.READ),
    navigation.Entry(N_("Pacientes"), "/patients", "users", requires=patients_permissions.READ),
    navigation.Entry(
        N_("Caja"), "/till", "cash-register", requires=billing_permissions.OPERATE_TILL, home_of=("supervisor",)
    ),
    navigation.Entry(N_("Tickets"), "/tickets", "ticket", requires=billing_permissions.READ),
    navigation.Entry(N_("Reportes"), "/reports", "report", requires=reports_permissions.READ),
    navigation.Entry(
        N_("Ajustes"),
        "/admin",
        "settings",
        requires=clinics_permissions.MANAGE_THERAPISTS,
        home_of=("admin",),
    ),
)
ADMIN_CARDS: tuple[cards.Card, ...] = (
    *clinics_pages.CARDS,
    scheduling_pages.hours.CARD,
    identity_pages.CARD,
    notifications_pages.CARD,
)
SUBSCRIBERS: tuple[tuple[type[outbox.Event], outbox.Subscriber], ...] = (
    (clinics_events.ClinicCreated, billing_subscribers.on_clinic_created),
    (scheduling_events.AppointmentBooked, scheduling_subscribers.on_booked),
    (scheduling_events.AppointmentMoved, scheduling_subscribers.on_moved),
    (scheduling_events.AppointmentCancelled, scheduling_subscribers.on_cancelled),
    (scheduling_events.StatusChanged, scheduling_subscribers.on_status_changed),
    (reports_events.ReportReady, reports_subscribers.on_run_finished),
)
REPORTS: tuple[reports_registry.Report, ...] = (*billing_reports.REPORTS, *scheduling_reports.REPORTS)


def register(app: Flask) -> None:
    """Plug everything in; the order of the menu is the order of the list."""
    login.register(app)
    app.extensions["sessions_alive"] = identity_queries.sessions_alive
    sockets.register(app)
    notifications_sockets.register(app)
    for blueprint in (*PAGES, *APIS):
        app.register_blueprint(blueprint)


def register_once() -> None:
    """What belongs to the process and not to one application."""
    for module in PERMISSIONS:
        access.declare(module.GRANTS)
    navigation.add(*MENU)
    cards.add(*ADMIN_CARDS)
    regions.add(*LIVE_REGIONS)
    reports_registry.add(*REPORTS)
    for event, subscriber in SUBSCRIBERS:
        outbox.subscribe(event, subscriber)
    outbox.on_wake(relay.ring)
    frame.ROLE_WORDS.update({str(role): label for role, label in identity_rules.ROLE_LABELS.items()})
    frame.provide("clinics", clinics_queries.names_of)
    frame.provide("unread_count", lambda actor: notifications_queries.unread_count(actor=actor))
    frame.provide("inbox_topic", lambda actor: notifications_queries.topic_of(actor.user_id))
    patients_pages.add_slot(N_("Citas"), "/patients/{id}/appointments", scheduling_permissions.READ)
    patients_pages.add_link(
        N_("Reservar"), "/appointments/new?patient_id={id}", "calendar-plus", scheduling_permissions.BOOK
    )
    queue.add_job(notifications_jobs.send_delivery, timeout=notifications_jobs.TIMEOUT, transaction=False)
    queue.every(10, notifications_jobs.sweep_deliveries)
    queue.every(60, scheduling_jobs.remind_due)
    queue.add_job(reports_jobs.build_report, queue=queue.SLOW, timeout=reports_jobs.TIMEOUT, transaction=False)
    queue.every(15, reports_jobs.sweep_runs)
    queue.every(3600, reports_jobs.forget_old_runs)
    queue.every(15, queue.sweep_tasks)
    queue.every(3600, maintenance.run_clean_up)
