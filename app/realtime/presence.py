"""Who is connected, over all web processes: sorted sets in Redis whose entries expire.

A member is ``user:connection``, its score the instant (seconds of the epoch) until which it counts. A hub renews its
own every ``RENEW_SECONDS``; those of a killed process are gone after ``EXPIRE_SECONDS``.
"""

import time
from collections.abc import Iterable
from typing import Any

from redis import Redis

from app.kernel.broker import broker

RENEW_SECONDS, EXPIRE_SECONDS = 20, 45

Entry = tuple[str, str]  # key, member


def entry_of_user(user_id: int, connection_id: str) -> Entry:
    return f"mediconnect:present:user:{user_id}", f"{user_id}:{connection_id}"


def entry_at(topic: str, user_id: int, connection_id: str) -> Entry:
    return f"mediconnect:present:topic:{topic}", f"{user_id}:{connection_id}"


def renew(entries: Iterable[Entry]) -> None:
    """Count these as connected from now on."""
    pairs = list(entries)
    now = time.time()

    def write(redis: Redis) -> bool:
        pipe = redis.pipeline(transaction=False)
        for key, member in pairs:
            pipe.zadd(key, {member: now + EXPIRE_SECONDS})
            pipe.zremrangebyscore(key, 0, now)
            pipe.expire(key, EXPIRE_SECONDS)
        pipe.execute()
        return True

    if pairs:
        broker().attempt(write)


def withdraw(entries: Iterable[Entry]) -> None:
    """Count these as gone."""
    pairs = list(entries)

    def write(redis: Redis) -> bool:
        pipe = redis.pipeline(transaction=False)
        for key, member in pairs:
            pipe.zrem(key, member)
        pipe.execute()
        return True

    if pairs:
        broker().attempt(write)


def users_at(topic: str) -> set[int]:
    """The users who have joined a topic of a channel with ``shows_presence``; empty while Redis is unavailable."""
    return {int(member.partition(":")[0]) for member in _members(entry_at(topic, 0, "")[0])}


def connections_of(user_id: int) -> list[str]:
    """The ids of a user's connections; empty while Redis is unavailable."""
    return [member.partition(":")[2] for member in _members(entry_of_user(user_id, "")[0])]


def _members(key: str) -> list[str]:
    members: Any = broker().attempt(lambda redis: redis.zrangebyscore(key, time.time(), "+inf"))
    return [member.decode() for member in members or ()]
