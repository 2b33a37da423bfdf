"""The task table: nothing is lost, nothing is done by two, what fails is tried again and at last shown."""

import subprocess
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from redis import Redis
from sqlalchemy import select

from app.kernel import clock, expiry, outbox, task_runner, tasks, worker_process
from app.kernel.db import db, unit_of_work
from app.kernel.events import Event
from app.kernel.outbox import EventRow
from app.kernel.tasks import Job, Task, TaskFailed, TaskKind, TaskPostponed, retry_after
from app.tenancy.models import Organization
from tests.background import run_pending_work, sweep, waiting_jobs

KIND = TaskKind("test.work", retry=retry_after(10, 60))
OTHER = TaskKind("test.other", transaction=False)


class Work:
    """A task's function that counts, and fails as it is told."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.given_up: list[int] = []
        self.error: Exception | None = None

    def __call__(self, *, number: int, now: datetime, **_claim: Any) -> None:
        self.done.append(number)
        if self.error:
            raise self.error

    def give_up(self, *, number: int, now: datetime) -> None:
        self.given_up.append(number)


@pytest.fixture
def work(app: Flask) -> Work:
    """The function of both kinds."""
    function = Work()
    tasks.register(app, [Job(KIND, function, on_failed=function.give_up), Job(OTHER, function)])
    return function


def add(app: Flask, number: int = 1, kind: TaskKind = KIND, **given: Any) -> int | None:
    with app.app_context(), unit_of_work(write=True):
        return tasks.add(kind, key=str(number), organization_id=1, **{"now": clock.now(), **given}, number=number)


def row(app: Flask, task_id: int | None) -> Task:
    with app.app_context():
        return db.session.get_one(Task, task_id)


def run(app: Flask, task_id: int | None, *, at: datetime | None = None) -> None:
    assert task_id
    with app.app_context(), time_machine.travel(at or clock.now(), tick=False):
        task_runner.run(task_id)


def claim(app: Flask, task_id: int | None, *, now: datetime) -> task_runner.Claim | None:
    assert task_id
    with app.app_context(), unit_of_work(write=True):
        return task_runner.claim(task_id, now=now)


# ------------------------------------------------------------------ kinds


def test_an_unknown_kind_is_refused_when_it_is_added(app: Flask) -> None:
    with pytest.raises(tasks.UnknownKind):
        add(app, kind=TaskKind("nobody.knows"))
    assert waiting_jobs(app) == 0


def test_a_declared_kind_without_a_job_does_not_start(app: Flask) -> None:
    with pytest.raises(tasks.UnknownKind, match=r"test\.other"):
        tasks.register(app, [Job(KIND, Work())], declared=[KIND, OTHER])


def test_a_kind_with_two_jobs_does_not_start(app: Flask) -> None:
    with pytest.raises(ValueError, match=r"test\.work"):
        tasks.register(app, [Job(KIND, Work()), Job(KIND, Work())])


def test_a_row_of_an_unknown_kind_becomes_a_dead_letter(app: Flask, work: Work) -> None:
    task_id = add(app)
    tasks.register(app, [])
    app.extensions["broker"].redis.flushdb()
    assert sweep(app) == 1
    run(app, task_id)
    assert (row(app, task_id).last_error, row(app, task_id).failed_at is None) == ("no package knows this kind", False)


# ------------------------------------------------------------------ once


def test_the_same_key_is_added_once(app: Flask, work: Work) -> None:
    assert add(app) is not None
    assert add(app) is None
    assert add(app, kind=OTHER) is not None
    run_pending_work(app)
    assert work.done == [1, 1]


def test_a_transaction_that_fails_adds_nothing(app: Flask, work: Work) -> None:
    def add_and_fail() -> None:
        with app.app_context(), unit_of_work(write=True):
            tasks.add(KIND, key="1", organization_id=1, now=clock.now(), number=1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        add_and_fail()
    with app.app_context():
        assert db.session.scalars(select(Task.id)).all() == []
    assert waiting_jobs(app) == 0


def test_two_workers_at_once_do_it_once(app: Flask, work: Work) -> None:
    task_id = add(app)
    assert task_id
    start, claims = threading.Barrier(2), []

    def take() -> None:
        with app.app_context():
            start.wait(10)
            with unit_of_work(write=True):
                claims.append(task_runner.claim(task_id, now=clock.now()))

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(found is None for found in claims) == [False, True]


def test_writes_and_mark_commit_together(app: Flask) -> None:
    """A function that wrote and then failed has written nothing."""

    def rename(*, number: int, now: datetime) -> None:
        db.session.get_one(Organization, 1).name = "Otra"
        db.session.flush()
        raise ZeroDivisionError

    tasks.register(app, [Job(KIND, rename)])
    run(app, add(app))
    with app.app_context():
        assert db.session.get_one(Organization, 1).name != "Otra"


@pytest.mark.parametrize("kind", [KIND, OTHER])
def test_whoever_lost_the_claim_changes_nothing(app: Flask, kind: TaskKind) -> None:
    """While the first worker stands still another one takes the task; the first one's writes are rolled back."""
    start = clock.now()

    def stand_still(*, number: int, now: datetime, claim: task_runner.Claim | None = None) -> None:
        taken_over = Task.__table__.update().values(attempts=7)  # as another worker's claim would
        if not claim:
            db.session.execute(taken_over)
            return
        with unit_of_work(write=True):
            db.session.execute(taken_over)
            task_runner.complete(claim, now=start)

    tasks.register(app, [Job(kind, stand_still)])
    task_id = add(app, kind=kind)
    run(app, task_id)
    assert row(app, task_id).done_at is None
    assert row(app, task_id).attempts == 1


# ------------------------------------------------------------------ retries and dead letters


def test_it_is_tried_again_by_the_policy_of_its_kind_and_then_given_up(app: Flask, work: Work) -> None:
    start = clock.now()
    work.error = KeyError("Clara Rojas")
    task_id = add(app, now=start)
    waits = []
    at = start
    while not row(app, task_id).failed_at:
        run(app, task_id, at=at)
        waits.append((row(app, task_id).due_at - at).total_seconds())
        at = row(app, task_id).due_at
    assert waits[:2] == [10, 60]
    assert row(app, task_id).attempts == KIND.retry.max_attempts == 3
    assert row(app, task_id).last_attempt_at == start + timedelta(seconds=70)
    assert work.given_up == [1]


def test_the_last_error_names_the_place_and_no_person(app: Flask, work: Work) -> None:
    work.error = KeyError("Clara Rojas")
    task_id = add(app)
    run(app, task_id)
    error = row(app, task_id).last_error
    assert error.startswith("KeyError (")
    assert "Clara" not in error


def test_what_cannot_succeed_is_not_tried_again(app: Flask, work: Work) -> None:
    work.error = TaskFailed("refused for good", retry=False)
    task_id = add(app)
    run(app, task_id)
    assert (row(app, task_id).attempts, row(app, task_id).failed_at is None) == (1, False)
    assert work.given_up == [1]


def test_a_dead_letter_starts_again_from_the_beginning(app: Flask, work: Work) -> None:
    work.error = TaskFailed("refused", retry=False)
    task_id = add(app)
    run(app, task_id)
    work.error = None
    with app.app_context(), unit_of_work(write=True):
        assert tasks.retry(Task.id == task_id, now=clock.now()) == 1
    run_pending_work(app)
    assert row(app, task_id).done_at is not None
    assert work.done == [1, 1]


def test_a_task_that_is_done_does_not_start_again(app: Flask, work: Work) -> None:
    task_id = add(app)
    run_pending_work(app)
    with app.app_context(), unit_of_work(write=True):
        assert tasks.retry(Task.id == task_id, now=clock.now()) == 0
    run(app, task_id)
    assert work.done == [1]


# ------------------------------------------------------------------ leases and the sweep


def test_a_lease_keeps_others_away_until_it_ends(app: Flask, work: Work) -> None:
    start = clock.now()
    task_id = add(app, now=start)
    assert claim(app, task_id, now=start)
    assert claim(app, task_id, now=start + task_runner.LEASE - timedelta(seconds=1)) is None
    second = claim(app, task_id, now=start + task_runner.LEASE)
    assert second
    assert second.attempt == 2


def test_a_heartbeat_extends_the_lease(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long step of work that talks to nobody keeps its task."""
    monkeypatch.setattr(task_runner, "HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr(task_runner, "LEASE", timedelta(seconds=5))
    extended, keep = threading.Event(), task_runner.extend

    def extend(claim: task_runner.Claim, *, now: datetime) -> None:
        keep(claim, now=now + timedelta(seconds=60))
        extended.set()

    def wait(*, number: int, now: datetime, claim: task_runner.Claim) -> None:
        assert extended.wait(10)

    monkeypatch.setattr(task_runner, "extend", extend)
    tasks.register(app, [Job(OTHER, wait)])
    task_id = add(app, kind=OTHER)
    run(app, task_id)
    assert row(app, task_id).done_at is not None


def test_work_of_a_dead_process_is_taken_up_by_the_next_sweep(app: Flask, work: Work) -> None:
    """Its lease has not ended, but its process has."""
    now = clock.now()
    task_id = add(app, now=now)
    with subprocess.Popen(["sleep", "60"]) as process:
        started = worker_process._started(process.pid)
        dead = f"{worker_process.machine()}/{process.pid}/{started}"
        with app.app_context(), unit_of_work(write=True):
            theirs = {"claimed_by": dead, "lease_until": now + timedelta(minutes=9), "attempts": 1}
            db.session.execute(Task.__table__.update().values(**theirs))
        app.extensions["broker"].redis.flushdb()
        assert sweep(app) == 0
        process.kill()
    assert sweep(app) == 1
    run_pending_work(app)
    assert (work.done, row(app, task_id).attempts) == ([1], 2)


def test_a_process_of_another_machine_is_not_held_for_dead() -> None:
    assert not worker_process.is_dead("elsewhere-1/1/1")
    assert not worker_process.is_dead(worker_process.current())


def test_an_emptied_redis_loses_nothing(app: Flask, work: Work) -> None:
    for number in range(3):
        add(app, number)
    app.extensions["broker"].redis.flushdb()
    assert sweep(app) == 3
    assert sweep(app) == 0  # they are in the queue now
    run_pending_work(app)
    assert sorted(work.done) == [0, 1, 2]


def test_while_redis_is_away_work_waits_for_the_sweep(app: Flask, work: Work) -> None:
    broker = app.extensions["broker"]
    there = broker.redis
    broker.redis = Redis.from_url("unix:///nowhere/redis.sock")
    task_id = add(app)
    assert sweep(app) == 0
    broker.redis = there
    assert row(app, task_id).attempts == 0
    assert sweep(app) == 1
    run_pending_work(app)
    assert work.done == [1]


def test_what_is_due_later_is_swept_later(app: Flask, work: Work) -> None:
    start = clock.now()
    add(app, now=start, due_at=start + timedelta(minutes=3))
    assert (waiting_jobs(app), sweep(app)) == (0, 0)
    with time_machine.travel(start + timedelta(minutes=3), tick=False):
        assert sweep(app) == 1
        run_pending_work(app)
    assert work.done == [1]


def test_done_tasks_are_kept_for_thirty_days_and_failed_ones_for_good(app: Flask, work: Work) -> None:
    done = add(app, 1)
    run_pending_work(app)
    work.error = TaskFailed("refused", retry=False)
    failed = add(app, 2)
    run_pending_work(app)

    def left(days: int) -> list[int]:
        with app.app_context(), unit_of_work(write=True):
            expiry.delete_expired(now=clock.now() + timedelta(days=days))
            return list(db.session.scalars(select(Task.id).order_by(Task.id)))

    assert left(29) == [done, failed]
    assert left(31) == [failed]


# ------------------------------------------------------------------ subscribers


def record(app: Flask, event: Event) -> None:
    with app.app_context(), unit_of_work(write=True):
        outbox.record(event, actor=None, now=clock.now(), organization_id=1, clinic_id=1, subject_id=1)


def subscribe(app: Flask, *subscriptions: outbox.Subscription) -> None:
    tasks.register(app, outbox.register(app, subscriptions))


def an_event(app: Flask) -> Event:
    from app.clinics.events import ClinicCreated

    return ClinicCreated(clinic_id=1)


def test_a_subscriber_to_everything_gets_every_event(app: Flask) -> None:
    from app.notifications.events import InboxChanged

    seen: list[str] = []

    def note(*, event: EventRow, now: datetime) -> None:
        seen.append(event.type)

    subscribe(app, outbox.subscribe_all("test.everything", note), (InboxChanged, "test.inbox", note))
    record(app, an_event(app))
    record(app, InboxChanged(user_id=1))
    run_pending_work(app)
    assert sorted(seen) == ["clinics.clinic.created.v1", *["notifications.inbox.changed.v1"] * 2]


def test_two_subscribers_of_one_id_do_not_start(app: Flask) -> None:
    def note(*, event: EventRow, now: datetime) -> None: ...

    with pytest.raises(ValueError, match=r"test\.same"):
        subscribe(app, outbox.subscribe_all("test.same", note), outbox.subscribe_all("test.same", note))


def test_one_failing_subscriber_holds_up_no_other(app: Flask) -> None:
    seen: list[int] = []

    def fail(*, event: EventRow, now: datetime) -> None:
        raise ZeroDivisionError

    def note(*, event: EventRow, now: datetime) -> None:
        seen.append(event.id)

    subscribe(app, outbox.subscribe_all("test.fails", fail), outbox.subscribe_all("test.notes", note))
    record(app, an_event(app))
    run_pending_work(app)
    assert len(seen) == 1
    with app.app_context():
        kinds = db.session.scalars(select(Task.kind).where(Task.done_at.is_(None))).all()
    assert kinds == ["test.fails"]


def test_a_subscriber_writes_at_most_once(app: Flask) -> None:
    """Whoever comes second, with the task still under way, finds its writes rolled back."""

    def count(*, event: EventRow, now: datetime) -> None:
        organization = db.session.get_one(Organization, 1)
        organization.name += "+"

    subscribe(app, outbox.subscribe_all("test.count", count))
    record(app, an_event(app))
    run_pending_work(app)
    with app.app_context():
        (task_id,) = db.session.scalars(select(Task.id))
        db.session.remove()
        task_runner.run(task_id)
        assert db.session.get_one(Organization, 1).name.count("+") == 1


def test_subscriber_ids_are_chosen(app: Flask) -> None:
    """They stand in the table and stay when code moves: never a path to a function."""
    ids = [name for names in app.extensions["subscribers"].values() for name in names]
    assert ids
    assert not [name for name in ids if name.startswith("app.") or name.count(".") != 1]


def test_what_could_not_begin_runs_later_and_counts_no_attempt(app: Flask, work: Work) -> None:
    start = clock.now()
    task_id = add(app)
    work.error = TaskPostponed("the server is away", until=start + timedelta(minutes=5))
    for _time in range(KIND.retry.max_attempts + 2):
        run(app, task_id, at=start + timedelta(minutes=6))
    task = row(app, task_id)
    assert (task.attempts, task.last_error, task.claimed_by) == (0, "the server is away", None)
    assert (task.due_at, task.failed_at) == (start + timedelta(minutes=5), None)

    work.error = None
    run(app, task_id, at=start + timedelta(minutes=5))
    assert row(app, task_id).done_at is not None
    assert row(app, task_id).last_error == ""
