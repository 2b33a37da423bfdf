"""The list of packages, and how each is registered with an application.

A package is registered by the constants of its role files (``permissions.GRANTS``, ``pages.BLUEPRINTS`` and so on):
``read`` lists them all. A role file without its constant fails at startup; those of ``live`` and ``demo`` are optional.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from itertools import chain
from typing import Any, TypeVar

from flask import Blueprint, Flask

from app.http import finding, health, openapi, screens, search, tokens
from app.http.json import ApiBlueprint
from app.identity import login
from app.identity import queries as identity
from app.kernel import access, demo, expiry, integrity, merging, outbox, scheduler, tasks
from app.realtime import channels, refresh, sockets
from app.realtime.channels import Channel, RightsChanges
from app.reports import registry

T = TypeVar("T")

PACKAGES = (
    "timeline",
    "portal",
    "frontdesk",
    "scheduling",
    "billing",
    "encounters",
    "patients",
    "clinics",
    "reports",
    "notifications",
    "audit",
    "identity",
    "tenancy",
)


OWN_JOBS = (scheduler.PeriodicJob(3600, expiry.run),)


@dataclass(frozen=True, slots=True)
class Domain:
    """What one package registers."""

    name: str
    grants: access.Grants
    profiles: tuple[access.Profile, ...]
    pages: tuple[Blueprint, ...]
    apis: tuple[ApiBlueprint, ...]
    slots: tuple[screens.ScreenSlot, ...]
    finders: tuple[finding.Finder, ...]
    layout_values: Mapping[str, Callable[..., Any]]
    channels: tuple[Channel, ...]
    rights_changes: RightsChanges
    sockets: tuple[sockets.Socket, ...]
    subscriptions: tuple[outbox.Subscription, ...]
    task_kinds: tuple[tasks.TaskKind, ...]
    jobs: tuple[tasks.Job, ...]
    periodic_jobs: tuple[scheduler.PeriodicJob, ...]
    reports: tuple[registry.Report, ...]
    checks: tuple[integrity.Check, ...]
    retention: tuple[expiry.RetentionRule, ...]
    demo: demo.DemoWriter | None
    references: tuple[merging.Reference, ...]


def read(name: str) -> Domain:
    """The package's constants; what it has no role file for is empty."""

    def constant(role: str, constant_name: str, default: Any = ()) -> Any:
        module = f"app.{name}.{role}"
        return getattr(import_module(module), constant_name) if find_spec(module) else default

    def optional(role: str, constant_name: str, default: Any = ()) -> Any:
        module = f"app.{name}.{role}"
        return getattr(import_module(module), constant_name, default) if find_spec(module) else default

    return Domain(
        name=name,
        grants=constant("permissions", "GRANTS", {}),
        profiles=constant("profiles", "PROFILES"),
        pages=constant("pages", "BLUEPRINTS"),
        apis=constant("api", "BLUEPRINTS"),
        slots=constant("slots", "SLOTS"),
        finders=optional("slots", "FINDERS"),
        layout_values=constant("layout", "VALUES", {}),
        channels=optional("live", "CHANNELS"),
        rights_changes=optional("live", "RIGHTS_CHANGED", {}),
        sockets=optional("live", "SOCKETS"),
        subscriptions=constant("subscribers", "SUBSCRIPTIONS"),
        task_kinds=constant("task_kinds", "TASK_KINDS"),
        jobs=constant("jobs", "JOBS"),
        periodic_jobs=constant("jobs", "PERIODIC_JOBS"),
        reports=constant("reports", "REPORTS"),
        checks=constant("checks", "CHECKS"),
        retention=constant("retention", "RULES"),
        demo=optional("demo", "DEMO", None),
        references=constant("merging", "REFERENCES"),
    )


def register(app: Flask) -> list[ApiBlueprint]:
    """Register every package; returns the JSON blueprints, which need no CSRF token."""
    domains = [read(name) for name in PACKAGES]
    access.register(app, [domain.grants for domain in domains], _all(domain.profiles for domain in domains))
    subscribers = outbox.register(app, _all(domain.subscriptions for domain in domains))
    jobs = _all(domain.jobs for domain in domains)
    tasks.register(app, [*subscribers, *jobs], declared=_all(domain.task_kinds for domain in domains))
    scheduler.register(app, [*_all(domain.periodic_jobs for domain in domains), *OWN_JOBS])
    channels.register(app, _all(domain.channels for domain in domains), [d.rights_changes for d in domains])
    refresh.register(app)
    registry.register(app, _all(domain.reports for domain in domains))
    integrity.register(app, _all(domain.checks for domain in domains))
    expiry.register(app, _all(domain.retention for domain in domains))
    demo.register(app, [domain.demo for domain in reversed(domains) if domain.demo])
    merging.register(app, _all(domain.references for domain in domains))
    screens.register(app, _all(domain.slots for domain in domains))
    finding.register(app, _all(domain.finders for domain in domains))
    app.extensions["layout_values"] = {n: value for domain in domains for n, value in domain.layout_values.items()}
    login.register(app)
    tokens.register(app, login.load_by_session)
    sockets.register(
        app,
        _all(domain.sockets for domain in domains),
        load_actor=login.load_by_session,
        sessions_alive=identity.sessions_alive,
    )
    apis = [openapi.api, health.api, *_all(domain.apis for domain in domains)]
    for blueprint in (openapi.pages, search.pages, *_all(domain.pages for domain in domains), *apis):
        app.register_blueprint(blueprint)
    return apis


def _all(groups: Iterable[Iterable[T]]) -> list[T]:
    return list(chain.from_iterable(groups))
