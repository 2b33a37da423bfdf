"""Frames to a real server's sockets: whole ones, however slowly they are read."""

import socket

import orjson
from redis import Redis
from websocket import create_connection

import config
from app.realtime import push
from tests.cast import Cast
from tests.live_server import LiveServer

FRAMES = 110  # more than the kernel takes (93 measured), less than that and the queue of a connection
SMALL_BUFFER = ((socket.SOL_SOCKET, socket.SO_RCVBUF, 4096),)


def test_a_slow_reader_gets_whole_frames(live_server: LiveServer) -> None:
    ana = live_server.api_client("ana@example.com")
    address = f"ws://127.0.0.1:{live_server.port}/ws/live?token={ana.token}"
    reader = create_connection(address, timeout=10, suppress_origin=True, sockopt=SMALL_BUFFER)
    reader.send(orjson.dumps({"type": "subscribe", "topics": [f"inbox:{Cast.ana_user}"], "since": 0}).decode())
    assert orjson.loads(reader.recv())["type"] == "refresh"
    redis = Redis.from_url(config.load(dict(live_server.environment)).redis_url)
    for number in range(FRAMES):
        frame = {"type": "note", "n": number, "text": "x" * 30_000}
        redis.publish(push.REDIS_CHANNEL, orjson.dumps({"kind": "push", "user": Cast.ana_user, "frame": frame}))
        if number % 10 == 0:
            assert ana.call("GET", "/api/auth/user/").status == 200  # the server has had its turn meanwhile
    redis.close()
    assert [orjson.loads(reader.recv())["n"] for _ in range(FRAMES)] == list(range(FRAMES))
    reader.close()
