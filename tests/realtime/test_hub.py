"""What connected screens and programs receive, over two web processes."""

import pytest
from sqlalchemy import delete

from app.identity import actions as identity
from app.identity.models import Membership
from app.kernel import clock, outbox
from app.kernel.db import db, unit_of_work
from app.realtime import channels, connection, hub, presence, push, relay
from tests.cast import Cast
from tests.realtime.conftest import Process, Socket, wait_until

DAY = "2026-11-20"


def revoke(user_id: int) -> None:
    with unit_of_work(write=True):
        identity.revoke_all_sessions(user_id, actor=None, now=clock.now())


def remove_roles(user_id: int) -> None:
    with unit_of_work(write=True):
        db.session.execute(delete(Membership).where(Membership.user_id == user_id))


def test_a_refresh_reaches_who_joined_the_topic_in_every_process(processes: list[Process]) -> None:
    ana, diego = processes[0].page("ana@example.com"), processes[1].page("diego@example.com")
    ana.join(f"desk:1:{DAY}")
    diego.join("till:1")
    processes[0].call(push.refresh, [f"desk:1:{DAY}"], by="0123456789abcdef")
    processes[0].call(push.refresh, ["till:1"])
    assert ana.frame("refresh") == {"type": "refresh", "topics": [f"desk:1:{DAY}"], "by": "0123456789abcdef"}
    assert diego.frame("refresh") == {"type": "refresh", "topics": ["till:1"]}
    assert ana.is_silent()
    assert diego.is_silent()


def test_topics_that_may_not_be_joined_are_left_out(process: Process) -> None:
    ana = process.page("ana@example.com")
    refused = [
        f"desk:2:{DAY}",
        "nothing:1",
        "desk",
        "desk:x:y",
        "room:100",
        f"inbox:{Cast.diego_user}",
        "room:" + "1" * 300,
        "report:99999999999999999999999",
        "patient-visits:2147483648",
        "report:1\0",
        "report:-99999999999999999999",
    ]
    assert ana.join(f"desk:1:{DAY}", *refused) == [f"desk:1:{DAY}"]


def test_a_connection_joins_a_limited_number_of_topics(process: Process) -> None:
    ana = process.page("ana@example.com")
    assert len(ana.join(*(f"room:{number}" for number in range(60)))) == hub.MAX_TOPICS


def test_a_frame_goes_to_a_topic_a_person_or_a_connection(processes: list[Process]) -> None:
    ana, other_page = processes[0].page("ana@example.com"), processes[1].page("ana@example.com")
    diego = processes[1].page("diego@example.com")
    ana.join("room:1")
    diego.join("room:1")
    processes[0].call(push.to_topic, "room:1", {"type": "note", "n": 1})
    processes[0].call(push.to_user, Cast.ana_user, {"type": "note", "n": 2})
    assert [ana.frame("note")["n"] for _ in range(2)] == [1, 2]
    assert diego.frame("note")["n"] == 1
    assert other_page.frame("note")["n"] == 2
    (only,) = processes[0].call(presence.connections_of, Cast.diego_user)
    processes[0].call(push.to_connection, only, {"type": "note", "n": 3})
    assert diego.frame("note")["n"] == 3
    assert ana.is_silent()
    assert other_page.is_silent()


def test_a_fragment_goes_to_a_topic(process: Process) -> None:
    ana = process.page("ana@example.com")
    ana.join("room:1")
    process.call(push.fragment, "room:1", "<p>ñ</p>")
    assert ana.frame("fragment") == {"type": "fragment", "topic": "room:1", "html": "<p>ñ</p>"}


def test_a_frame_that_is_too_large_is_refused_where_it_is_made() -> None:
    with pytest.raises(ValueError, match="at most"):
        push.to_user(1, {"type": "note", "text": "x" * push.MAX_FRAME_BYTES})


def test_a_message_that_cannot_be_read_is_passed_over(process: Process) -> None:
    ana = process.page("ana@example.com")
    ana.join("room:1")
    redis = process.app.extensions["broker"].redis
    for message in (b"no", b"[]", b"{}", b'{"kind": "push"}'):
        redis.publish(push.REDIS_CHANNEL, message)
    process.call(push.refresh, ["room:1"])
    assert ana.frame("refresh")["topics"] == ["room:1"]


def test_presence_knows_who_is_connected_anywhere(processes: list[Process]) -> None:
    ana, diego = processes[0].page("ana@example.com"), processes[1].page("diego@example.com")
    ana.join("room:7")
    diego.join("room:7", "room:8")
    assert processes[0].call(presence.users_at, "room:7") == {Cast.ana_user, Cast.diego_user}
    assert processes[0].call(presence.users_at, "room:8") == {Cast.diego_user}
    assert len(processes[0].call(presence.connections_of, Cast.ana_user)) == 1
    diego.join("room:8")
    assert processes[0].call(presence.users_at, "room:7") == {Cast.ana_user}
    ana.raw.close()
    wait_until(lambda: not processes[0].call(presence.users_at, "room:7"))
    assert processes[0].call(presence.connections_of, Cast.ana_user) == []


def test_presence_expires_with_its_process(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "EXPIRE_SECONDS", -1)
    process.call(presence.renew, [presence.entry_at("room:9", 3, "gone")])
    assert process.call(presence.users_at, "room:9") == set()


def test_a_page_older_than_its_subscription_hears_what_it_missed(process: Process) -> None:
    ana, diego = process.page("ana@example.com"), process.page("diego@example.com")
    ana.join("room:1")
    before = clock.now().timestamp()
    process.call(push.refresh, ["room:1"])
    ana.frame("refresh")
    diego.send(type="subscribe", topics=["room:1", "room:2"], since=before)
    assert diego.frame("refresh")["topics"] == ["room:1"]
    diego.send(type="subscribe", topics=["room:1", "room:2"], since=clock.now().timestamp())
    assert diego.is_silent()


class TestRights:
    def test_topics_no_longer_allowed_are_left(self, process: Process) -> None:
        ana = process.page("ana@example.com")
        ana.join(f"desk:1:{DAY}", f"inbox:{Cast.ana_user}")
        process.call(remove_roles, Cast.ana_user)
        process.call(push.rights_changed, [Cast.ana_user])
        assert ana.frame("left") == {"type": "left", "topics": [f"desk:1:{DAY}"]}
        process.call(push.refresh, [f"desk:1:{DAY}"])
        process.call(push.refresh, [f"inbox:{Cast.ana_user}"])
        assert ana.frame("refresh")["topics"] == [f"inbox:{Cast.ana_user}"]

    def test_a_revoked_session_ends_by_its_event(self, process: Process) -> None:
        ana, diego = process.page("ana@example.com"), process.page("diego@example.com")
        process.call(revoke, Cast.ana_user)
        process.call(outbox.relay_once, clock.now(), relay.on_published)
        started = clock.now()
        assert ana.close_code() == hub.SESSION_OVER
        assert (clock.now() - started).total_seconds() < 2
        assert diego.is_silent()

    def test_a_revoked_session_ends_without_a_message_too(self, process: Process) -> None:
        ana = process.page("ana@example.com")
        process.call(revoke, Cast.ana_user)
        assert ana.close_code() == hub.SESSION_OVER


class TestMessages:
    def test_a_message_reaches_the_channel_of_a_joined_topic(self, process: Process) -> None:
        ana = process.page("ana@example.com")
        ana.join("room:1")
        ana.send(type="greet", topic="room:1", said="hola")
        assert ana.frame("greeting") == {"type": "greeting", "room": "1", "said": "hola"}

    def test_anything_else_is_ignored(self, process: Process) -> None:
        ana = process.page("ana@example.com")
        ana.join("room:1")
        for text in (
            "",
            "no",
            "[1]",
            '"x"',
            "null",
            '{"type": 5}',
            '{"topic": "room:1"}',
            '{"type":"x","topic":["room:1"]}',
        ):
            ana.raw.send(text)
        ana.send(type="subscribe", topics="room:2")
        ana.send(type="subscribe", topics=[1, None, "room:3"], since="yesterday")
        ana.send(type="greet", topic="room:1")  # not joined any more
        ana.send(type="greet", topic="desk:1:2026-11-20")
        ana.send(type="greet", topic="room:3")
        assert ana.frame("greeting")["room"] == "3"
        assert ana.seen == []

    def test_who_sends_too_many_is_closed(self, process: Process) -> None:
        ana = process.page("ana@example.com")
        for _number in range(connection.BURST + 20):
            ana.send(type="greet", topic="room:1")
        assert ana.close_code() == 1008

    def test_the_same_subscription_again_asks_nothing(self, process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
        ana = process.page("ana@example.com")
        asked: list[str] = []
        may_join = channels.may_join
        monkeypatch.setattr(channels, "may_join", lambda actor, topic: asked.append(topic) or may_join(actor, topic))
        topics = [f"desk:1:{DAY}", "report:7"]
        ana.join(*topics)
        for _number in range(10):
            ana.send(type="subscribe", topics=topics, since=0)
        assert ana.is_silent()
        ana.join(*topics, "room:1")
        assert asked == [*topics, "report:7", "room:1"]

    def test_who_asks_for_ever_new_topics_is_closed(self, process: Process) -> None:
        ana = process.page("ana@example.com")
        for number in range(12):
            ana.send(type="subscribe", topics=[f"report:{number * 40 + offset}" for offset in range(40)])
        assert ana.close_code() == 1008

    def test_who_sends_a_very_long_one_is_closed(self, process: Process) -> None:
        ana = process.page("ana@example.com")
        ana.raw.send('{"type": "' + "x" * 20_000 + '"}')
        assert ana.close_code() == 1009


def test_the_rate_of_messages_is_limited_by_the_second() -> None:
    now = [0.0]
    bucket = connection.TokenBucket(3, 2, clock=lambda: now[0])
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now[0] = 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]
    now[0] = 60.0
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_who_reads_too_slowly_is_dropped_and_the_others_are_not(process: Process) -> None:
    slow, quick = process.page("ana@example.com"), process.page("diego@example.com")
    slow.join("room:1")
    quick.join("room:1")
    text = "x" * 30_000
    for number in range(2_000):
        process.call(push.to_topic, "room:1", {"type": "note", "n": number, "text": text})
        assert quick.frame("note")["n"] == number
        if not process.call(presence.connections_of, Cast.ana_user):
            break
    else:
        raise AssertionError("still connected after 60 MB that nobody read")
    with pytest.raises(Exception, match=r".*"):
        _read_everything(slow)


def _read_everything(socket: Socket) -> None:
    while True:
        socket.raw.recv()
