"""Jobs: build the file of a run, delete old files."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from flask import g
from flask_babel import force_locale, gettext

from app.identity.queries import actors
from app.kernel import clock, storage, task_runner
from app.kernel.access import Actor
from app.kernel.db import after_commit, unit_of_work
from app.kernel.errors import DomainError, Unavailable
from app.kernel.i18n import N_
from app.kernel.languages import default_locale
from app.kernel.scheduler import PeriodicJob
from app.kernel.tasks import Job
from app.realtime import push
from app.reports import actions, registry, renderers, rules
from app.reports.models import ReportRun
from app.reports.task_kinds import BUILD_REPORT

LOADING = N_("Consultando los datos")
STORING = N_("Guardando el archivo")


def build_report(*, run_id: int, now: datetime, claim: task_runner.Claim) -> None:
    """Build the file of a run that is not done. Raises the error, so that the task is tried again."""
    with unit_of_work(write=True):
        run = actions.start(run_id, now=now)
    if run is None:
        return
    try:
        _build(run, claim)
    except task_runner.LeaseLost:
        raise
    except DomainError as error:
        if isinstance(error, Unavailable):
            raise
        message = gettext(error.text) % error.params if error.params else gettext(error.text)
        with unit_of_work(write=True):
            task_runner.complete(claim, now=clock.now())
            actions.fail(run, message, now=clock.now())
    except Exception:
        with unit_of_work(write=True):
            task_runner.extend(claim, now=clock.now())
            actions.requeue(run_id)
        raise
    finally:
        _push_refresh(run_id)


def give_up(*, run_id: int, now: datetime) -> None:
    actions.give_up(run_id=run_id, now=now)
    after_commit(lambda: _push_refresh(run_id))


def _build(run: ReportRun, claim: task_runner.Claim) -> None:
    report, format_ = registry.find(run.report), rules.Format(run.format)
    with unit_of_work(write=False):
        actor = actors.actor_of_user(run.user_id, channel="job", now=clock.now())
    with _acting_as(actor), renderers.prepare(format_) as printer:
        report_progress = _progress_reporter(run.id, claim)
        report_progress(5, gettext(LOADING))
        params = report.params.model_validate(run.params)
        with unit_of_work(write=False):
            data = report.load(clinic_id=run.clinic_id, params=params, actor=actor, now=run.created_at)
        file = renderers.render(
            report,
            data,
            format_,
            by=actor.name,
            params=params,
            now=clock.now(),
            printer=printer,
            progress=report_progress,
        )
        report_progress(95, gettext(STORING))
        key = storage.save(file.content, suffix=f".{format_}")
        try:
            with unit_of_work(write=True):
                task_runner.complete(claim, now=clock.now())
                actions.finish(
                    run,
                    file_key=key,
                    file_name=file.name,
                    file_size=len(file.content),
                    sha256=hashlib.sha256(file.content).hexdigest(),
                    rows=report.row_count(data),
                    now=clock.now(),
                )
        except BaseException:
            storage.delete(key)  # no row refers to it
            raise


@contextmanager
def _acting_as(actor: Actor) -> Iterator[None]:
    """Set the actor and locale of the user who requested the report."""
    g.actor = actor
    try:
        with force_locale(actor.locale or default_locale()):
            yield
    finally:
        g.pop("actor")


def _progress_reporter(run_id: int, claim: task_runner.Claim) -> Callable[[int, str], None]:
    last: list[object] = [None]

    def report_progress(percent: int, step: str) -> None:
        if last[0] != (percent, step):
            last[0] = (percent, step)
            with unit_of_work(write=True):
                task_runner.extend(claim, now=clock.now())
                actions.progress(run_id, percent, step)
            _push_refresh(run_id)

    return report_progress


def _push_refresh(run_id: int) -> None:
    push.refresh([f"report:{run_id}"])


def delete_old_runs(*, now: datetime) -> None:
    with unit_of_work(write=True):
        actions.delete_old_runs(now=now)


JOBS = (Job(BUILD_REPORT, build_report, on_failed=give_up),)
PERIODIC_JOBS = (PeriodicJob(3600, delete_old_runs),)
