"""Redis: wake-up messages and the job queue. Nothing depends on it: the database holds all work.

No function raises into a request: booking and charging continue while Redis is unavailable.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from flask import current_app
from redis import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

T = TypeVar("T")

WAKE = "mediconnect:wake"  # "there are new events", read by the relay
PAUSE_AFTER_FAILURE = 1.0  # seconds in which no further attempt delays a request


class Broker:
    """One per application; kept in ``app.extensions['broker']``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.redis: Redis = Redis.from_url(url, socket_connect_timeout=0.5, socket_timeout=5, health_check_interval=30)
        self._failed_at = 0.0

    def publish(self, channel: str, message: dict[str, Any]) -> bool:
        """Send a message; False when Redis is unavailable."""
        return self.attempt(lambda redis: redis.publish(channel, orjson.dumps(message))) is not None

    def attempt(self, command: Callable[[Redis], T]) -> T | None:
        """The result of a command, or None when Redis is unavailable."""
        if time.monotonic() - self._failed_at < PAUSE_AFTER_FAILURE:
            return None
        try:
            return command(self.redis)
        except (RedisError, OSError) as error:
            self._failed_at = time.monotonic()
            log.warning("redis is away: %s", type(error).__name__)
            return None

    def is_up(self) -> bool:
        try:
            return bool(self.redis.ping())
        except (RedisError, OSError):
            return False


def broker() -> Broker:
    return current_app.extensions["broker"]
