"""Weekly hours, absences and extra shifts, as admins and supervisors plan them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select, update

from app.clinics import queries as clinics
from app.clinics.models import therapist_service
from app.kernel import clock
from app.kernel.db import db, unit_of_work
from app.kernel.outbox import EventRow
from app.scheduling.models import Appointment, TimeOff, WorkingHours
from app.scheduling.queries import slots
from app.scheduling.rules import week as week_rules
from app.scheduling.rules.calendar import open_periods
from app.scheduling.rules.week import WeekShift
from tests.cast import Cast
from tests.client import Client
from tests.queries import count_queries

DAY = timedelta(days=1)


def week(**days: tuple[str, ...]) -> dict[str, str]:
    """The form for ``d0=("09:00", "13:00")`` with further break hours and room."""
    names = ("starts_minute", "ends_minute", "break_starts_minute", "break_ends_minute", "room_id")
    form = {f"days-{day}-{name}": "" for day in range(7) for name in names}
    for day, values in days.items():
        form |= {f"days-{day[1:]}-{name}": value for name, value in zip(names, values, strict=False)}
    return form


def shifts(app: Flask, therapist_id: int, clinic_id: int = 1) -> list[tuple[Any, ...]]:
    with app.app_context():
        rows = db.session.execute(
            select(WorkingHours.weekday, WorkingHours.starts_minute, WorkingHours.ends_minute, WorkingHours.room_id)
            .where(WorkingHours.therapist_id == therapist_id, WorkingHours.clinic_id == clinic_id)
            .order_by(WorkingHours.weekday)
        )
        return [tuple(row) for row in rows]


def absence(days: int, **changes: str) -> dict[str, str]:
    """The form of an absence on the local day in so many days, 09:00 to 18:00."""
    day = clock.local_day(clock.now(), "America/Lima") + days * DAY
    form = {"kind": "off", "starts_at": f"{day}T09:00", "ends_at": f"{day}T18:00", "reason": "Congreso"}
    return form | {"clinic_id": "1"} | changes


def book(app: Flask, cast: Cast, days: int) -> None:
    """Clara with Bruno at 10:00 in so many days, straight into the table."""
    day = clock.local_day(clock.now(), "America/Lima") + days * DAY
    starts = clock.at(day, 600, "America/Lima")
    with app.app_context():
        db.session.execute(
            insert(Appointment).values(
                uid=f"visit-{days}",
                organization_id=1,
                clinic_id=1,
                therapist_id=cast.bruno,
                patient_id=cast.clara,
                service_id=cast.reflexology,
                starts_at=starts,
                ends_at=starts + timedelta(minutes=45),
                status="booked",
                status_since=starts - 9 * DAY,
                created_at=starts - 9 * DAY,
            )
        )
        db.session.commit()


# ------------------------------------------------------------------ the rule


def check(shifts: list[WeekShift], elsewhere: list[WeekShift], zone: str = "America/Lima") -> None:
    """In a clinic of Lima, beside the shifts of a clinic of ``zone``."""
    others = [week_rules.ZonedShift(shift, zone) for shift in elsewhere]
    week_rules.check_week(shifts, others, zone="America/Lima", today=date(2026, 11, 20))


def test_hours_in_two_zones_are_compared_as_instants() -> None:
    eight_to_nine, ten_to_eleven = WeekShift(0, 480, 540), WeekShift(0, 600, 660)
    # Santiago is two hours ahead of Lima in summer, one in winter
    with pytest.raises(week_rules.InvalidWeek):
        check([eight_to_nine], [ten_to_eleven], "America/Santiago")
    with pytest.raises(week_rules.InvalidWeek):
        check([eight_to_nine], [WeekShift(0, 540, 600)], "America/Santiago")
    check([ten_to_eleven], [ten_to_eleven], "America/Santiago")
    late, early = WeekShift(6, 1380, 1440), WeekShift(0, 0, 60)  # Sunday 23-24 in Lima is Monday 01-02 in Santiago
    with pytest.raises(week_rules.InvalidWeek):
        check([late], [WeekShift(0, 60, 120)], "America/Santiago")
    check([early], [early], "America/Santiago")


def test_a_week_without_overlaps_passes() -> None:
    check([WeekShift(0, 540, 780), WeekShift(0, 840, 1080)], [WeekShift(0, 1080, 1200)])


@pytest.mark.parametrize(
    "shift",
    [
        WeekShift(0, 600, 600),
        WeekShift(0, 600, 1500),
        WeekShift(0, 540, 1080, 500, 560),
        WeekShift(0, 540, 1080, 780, None),
        WeekShift(0, 540, 1080, 840, 780),
        WeekShift(0, 700, 800),
    ],
)
def test_a_bad_shift_names_its_day(shift: WeekShift) -> None:
    with pytest.raises(week_rules.InvalidWeek) as refused:
        check([shift], [WeekShift(0, 720, 780)])
    assert list(refused.value.details) == ["0"]


# ------------------------------------------------------------------ the week


def test_it_works(eva: Client, app: Flask, cast: Cast) -> None:
    overview = eva.get("/admin/hours").text
    assert "lunes a sábado" in overview
    assert eva.get(f"/admin/therapists/{cast.bruno}/hours?clinic_id=1").status_code == 200
    form = week(d0=("08:00", "12:00", "", "", "2"), d6=("16:00", "00:00")) | {"clinic_id": "1"}
    answer = eva.post(f"/admin/therapists/{cast.bruno}/hours", form)
    assert answer.location == f"/admin/therapists/{cast.bruno}/hours#week", answer.text
    assert shifts(app, cast.bruno) == [(0, 480, 720, 2), (6, 960, 1440, None)]
    shown = eva.get(f"/admin/therapists/{cast.bruno}/hours?clinic_id=1").text
    assert 'value="08:00"' in shown
    with app.app_context():
        assert db.session.scalar(select(EventRow.subject_id).where(EventRow.type == "scheduling.hours.changed.v1")) == 1
        monday = date(2026, 11, 30)
        calendar = slots.calendar(clinics.clinic(1), [cast.bruno], monday, monday + DAY)
    assert [(s.starts_at, s.ends_at) for s in open_periods(calendar, cast.bruno, monday)] == [
        (datetime(2026, 11, 30, 13, tzinfo=UTC), datetime(2026, 11, 30, 17, tzinfo=UTC))
    ]
    assert open_periods(calendar, cast.bruno, monday + DAY) == []


def test_a_supervisor_plans_too_and_empties_a_week(diego: Client, app: Flask, cast: Cast) -> None:
    assert diego.post(f"/admin/therapists/{cast.hugo}/hours", week()).status_code == 303
    assert shifts(app, cast.hugo) == []
    assert "Sin horario" in diego.get("/admin/hours").text
    assert "1 terapeuta sin horario" in diego.get("/admin").text


def test_nobody_is_in_two_places_at_once(eva: Client, app: Flask, cast: Cast) -> None:
    form = week(d0=("17:00", "20:00"), d1=("18:00", "20:00")) | {"clinic_id": str(cast.arequipa)}
    answer = eva.post(f"/admin/therapists/{cast.bruno}/hours", form)
    assert answer.status_code == 422
    assert answer.text.count("ya atiende en otro turno o en otra sede") == 1
    assert "Revise los días marcados" in answer.text
    assert shifts(app, cast.bruno, cast.arequipa) == []
    fitting = week(d1=("18:00", "20:00")) | {"clinic_id": str(cast.arequipa)}
    assert eva.post(f"/admin/therapists/{cast.bruno}/hours", fitting).status_code == 303
    assert shifts(app, cast.bruno, cast.arequipa) == [(1, 1080, 1200, None)]
    assert len(shifts(app, cast.bruno)) == 6


@pytest.mark.parametrize("path", ["/admin/hours", "/admin/therapists/1/hours"])
def test_it_requires_hours_manage(path: str, ana: Client, bruno: Client, clara: Client) -> None:
    assert [who.get(path).status_code for who in (ana, bruno, clara)] == [403, 403, 403]


@pytest.mark.parametrize(
    "path", ["/admin/therapists/1/hours", "/admin/therapists/1/time-off", "/admin/time-off/1/removal"]
)
def test_writing_requires_hours_manage(path: str, ana: Client, bruno: Client) -> None:
    assert ana.post(path, week()).status_code == 403
    assert bruno.post(path, week()).status_code == 403


@pytest.mark.prepares_in_test
def test_it_hides_other_clinics(diego: Client, eva: Client, app: Flask, cast: Cast) -> None:
    assert "Inés" not in diego.get("/admin/hours").text
    assert diego.get(f"/admin/therapists/{cast.ines}/hours").status_code == 404
    assert diego.post(f"/admin/therapists/{cast.ines}/hours", week()).status_code == 404
    assert diego.post(f"/admin/therapists/{cast.ines}/time-off", absence(3)).status_code == 404
    foreign = week() | {"clinic_id": str(cast.arequipa)}
    assert diego.post(f"/admin/therapists/{cast.bruno}/hours", foreign).status_code == 404
    assert len(shifts(app, cast.ines, cast.arequipa)) == 6
    eva.post(f"/admin/therapists/{cast.ines}/time-off", absence(3, clinic_id="2"))
    with app.app_context():
        time_off_id = db.session.scalar(select(TimeOff.id))
    assert diego.post(f"/admin/time-off/{time_off_id}/removal").status_code == 404


@pytest.mark.parametrize("day", [("09:00", ""), ("", "18:00"), ("", "", "13:00", "14:00")])
def test_half_a_shift_is_explained(day: tuple[str, ...], eva: Client, app: Flask, cast: Cast) -> None:
    before = shifts(app, cast.bruno)
    answer = eva.post(f"/admin/therapists/{cast.bruno}/hours", {**week(d0=day), "clinic_id": "1"})
    assert answer.status_code == 422
    assert "Escriba la entrada y la salida" in answer.text
    assert shifts(app, cast.bruno) == before


def test_it_rejects_bad_input(eva: Client, app: Flask, cast: Cast) -> None:
    path = f"/admin/therapists/{cast.bruno}/hours"
    bad = week(d0=("09:00", ""), d1=("18:00", "09:00"), d2=("nueve", "10:00")) | {"clinic_id": "1"}
    answer = eva.post(path, bad)
    assert answer.status_code == 422
    assert "Escriba la entrada y la salida, o ninguna." in answer.text
    assert "Escriba una hora, por ejemplo 09:30." in answer.text
    crooked = eva.post(path, week(d1=("18:00", "09:00"), d3=("09:00", "18:00", "08:00", "10:00")) | {"clinic_id": "1"})
    assert "La salida debe ser después de la entrada." in crooked.text
    assert "El refrigerio debe caer dentro del turno." in crooked.text
    room = eva.post(path, week(d0=("09:00", "10:00", "", "", "3")) | {"clinic_id": "1"})
    assert room.status_code == 422  # a room of Arequipa
    assert len(shifts(app, cast.bruno)) == 6


@pytest.mark.parametrize("name", ["week", "time-off"])
def test_fragment_equals_page_part(name: str, eva: Client, cast: Cast) -> None:
    path = f"/admin/therapists/{cast.bruno}/hours?clinic_id=1"
    part = eva.fragment(path, f"section#{name}").text.strip()
    assert part.startswith(f'<section class="card" id="{name}"')
    assert part.split("\n")[0] in eva.get(path).text
    assert "<html" not in part


def test_saving_as_htmx_gives_the_week_and_a_toast(eva: Client, cast: Cast) -> None:
    form = week(d0=("08:00", "12:00")) | {"clinic_id": "1"}
    answer = eva.post_fragment(f"/admin/therapists/{cast.bruno}/hours", form, target="section#week")
    assert answer.status_code == 200
    assert 'value="08:00"' in answer.text
    assert "Horario guardado" in answer.text


def test_the_overview_takes_few_queries(eva: Client, app: Flask) -> None:
    with count_queries(app) as sent:
        eva.get("/admin/hours")
    assert len(sent) <= 9  # the actor, four of the page, the frame


# ------------------------------------------------------------------ absences and extra shifts


def test_an_absence_takes_the_hours_away_until_it_is_removed(eva: Client, app: Flask, cast: Cast) -> None:
    path = f"/admin/therapists/{cast.bruno}/time-off"
    assert eva.post(path, absence(3)).status_code == 303
    assert "Congreso" in eva.get(f"/admin/therapists/{cast.bruno}/hours").text
    with app.app_context():
        row = db.session.scalar(select(TimeOff))
    assert (row.kind, row.therapist_id, row.ends_at - row.starts_at) == ("off", cast.bruno, timedelta(hours=9))
    answer = eva.post_fragment(f"/admin/time-off/{row.id}/removal", target="section#time-off")
    assert "Congreso" not in answer.text
    with app.app_context():
        assert db.session.scalar(select(TimeOff.id)) is None


def test_visits_in_the_way_are_shown_before_anything_is_saved(diego: Client, app: Flask, cast: Cast) -> None:
    book(app, cast, days=3)
    book(app, cast, days=4)
    path = f"/admin/therapists/{cast.bruno}/time-off"
    warned = diego.post(path, absence(3))
    assert warned.status_code == 422
    assert "1 cita en ese tiempo" in warned.text
    assert "Clara Inés Núñez Quispe" in warned.text
    assert 'value="Congreso"' in warned.text
    with app.app_context():
        assert db.session.scalar(select(TimeOff.id)) is None
    seen = absence(3)
    period = f"{seen['starts_at']}/{seen['ends_at']}"
    assert f'name="confirmed" value="{period}"' in warned.text
    assert diego.post(path, absence(4, confirmed=period)).status_code == 422  # other hours, other visits
    assert diego.post(path, absence(3, confirmed=period)).status_code == 303
    with app.app_context():
        assert db.session.scalar(select(TimeOff.id)) is not None
        statuses = set(db.session.scalars(select(Appointment.status)))
    assert statuses == {"booked"}


def test_an_extra_shift_asks_nothing(eva: Client, app: Flask, cast: Cast) -> None:
    book(app, cast, days=3)
    assert eva.post(f"/admin/therapists/{cast.bruno}/time-off", absence(3, kind="extra")).status_code == 303
    assert "Turno extra" in eva.get(f"/admin/therapists/{cast.bruno}/hours").text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"starts_at": "mañana"}, "Escriba una fecha y hora válidas."),
        ({"ends_at": ""}, "Escriba cuándo termina."),
        ({"starts_at": "2020-01-01T09:00", "ends_at": "2020-01-01T10:00"}, "Ya pasó."),
        ({"starts_at": "2030-01-02T09:00", "ends_at": "2030-01-01T10:00"}, "El fin debe ser después del inicio."),
    ],
)
def test_a_bad_absence_is_explained(changes: dict[str, str], text: str, eva: Client, app: Flask, cast: Cast) -> None:
    answer = eva.post(f"/admin/therapists/{cast.bruno}/time-off", absence(3, **changes))
    assert answer.status_code == 422
    assert text in answer.text
    with app.app_context():
        assert db.session.scalar(select(TimeOff.id)) is None


def test_a_therapist_of_two_clinics_is_planned_in_both(eva: Client, app: Flask, cast: Cast) -> None:
    with app.app_context():
        db.session.execute(insert(therapist_service).values(therapist_id=cast.bruno, service_id=cast.massage))
        db.session.commit()
    shown = eva.get(f"/admin/therapists/{cast.bruno}/hours?clinic_id=2").text
    assert "En otras sedes: " in shown
    assert "Semana en Centro Arequipa" in shown


def block(days: int, **changes: str) -> dict[str, str]:
    """The form that blocks Bruno's 11:00 to 12:00 in so many days."""
    day = clock.local_day(clock.now(), "America/Lima") + days * DAY
    form = {"clinic_id": "1", "therapist_id": "1", "starts_at": f"{day}T11:00", "ends_at": f"{day}T12:00"}
    return form | {"reason": "Reunión"} | changes


def blocks(app: Flask) -> list[tuple[Any, ...]]:
    with app.app_context():
        rows = db.session.execute(select(TimeOff.therapist_id, TimeOff.kind, TimeOff.reason))
        return [tuple(row) for row in rows]


def workday(days: int = 1) -> int:
    """So many days until a day that is no Sunday."""
    day = clock.local_day(clock.now(), "America/Lima") + days * DAY
    return days + 1 if day.weekday() == 6 else days


def test_a_therapist_blocks_an_hour_and_takes_the_block_away(bruno: Client, ana: Client, app: Flask) -> None:
    days = workday()
    day = clock.local_day(clock.now(), "America/Lima") + days * DAY
    free = f"/appointments/new?clinic_id=1&amp;therapist_id=1&amp;starts_at={day}T11:00"
    assert free in bruno.get(f"/agenda?day={day}").text
    assert "Bloquear horas" in bruno.get(free.replace("&amp;", "&")).text
    assert bruno.post("/blocks", block(days)).location == f"/agenda?day={day}"
    assert blocks(app) == [(1, "off", "Reunión")]
    agenda = ana.get(f"/agenda?day={day}").text
    assert free not in agenda
    assert 'href="/blocks/1"' in agenda
    assert "Reunión" in ana.get("/blocks/1").text
    assert bruno.post("/blocks/1/removal").location == "/agenda"
    assert free in ana.get(f"/agenda?day={day}").text


def test_a_block_never_covers_a_visit(ana: Client, app: Flask, cast: Cast) -> None:
    days = workday()
    book(app, cast, days)  # at 10:00
    day = clock.local_day(clock.now(), "America/Lima") + days * DAY
    answer = ana.post("/blocks", block(days, starts_at=f"{day}T09:00"))
    assert answer.status_code == 409
    assert "Muévalas primero" in answer.text
    assert blocks(app) == []


def test_a_therapist_blocks_no_colleague(ana: Client, bruno: Client, fabio: Client, app: Flask) -> None:
    days = workday()
    day = clock.local_day(clock.now(), "America/Lima") + days * DAY
    assert bruno.post("/blocks", block(days, therapist_id="2")).status_code == 404
    assert blocks(app) == []
    ana.post("/blocks", block(days, therapist_id="2"))
    assert "Reunión" in ana.get(f"/agenda?day={day}").text
    assert "Reunión" not in bruno.get(f"/agenda?day={day}&therapist_id=").text
    for other in (bruno, fabio):
        assert other.get("/blocks/1").status_code == 404
        assert other.post("/blocks/1/removal").status_code == 404
    assert len(blocks(app)) == 1


def test_cancelled_visits_stand_in_the_agenda_only_when_asked_for(ana: Client, app: Flask, cast: Cast) -> None:
    days = workday()
    book(app, cast, days)
    day = clock.local_day(clock.now(), "America/Lima") + days * DAY
    with app.app_context(), unit_of_work(write=True):
        db.session.execute(update(Appointment).values(status="cancelled"))
    assert 'id="appt-1"' not in ana.get(f"/agenda?day={day}").text
    assert 'id="appt-1"' in ana.get(f"/agenda?day={day}&freed=1").text
