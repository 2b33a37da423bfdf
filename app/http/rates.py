"""A general rate limit: a token bucket for each key, shared by all processes through Redis.

Each process counts for itself first. Only who has used up half of a bucket here is also counted in Redis, so an
ordinary request costs no round trip; and while Redis is away the process's own count goes on limiting.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from app.kernel.broker import Broker

BURST_SECONDS = 5  # of the rate, at once
MAX_KEYS = 20_000

# Generic cell rate: the instant at which the bucket would be full again is all there is to know.
SCRIPT = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + tonumber(ARGV[1])
local wait = full_at - now - tonumber(ARGV[2])
if wait > 0 then return tostring(wait) end
redis.call('SET', KEYS[1], string.format('%.6f', full_at), 'PX', math.ceil((full_at - now) * 1000) + 1000)
return '0'
"""


class RateLimiter:
    """``per_second`` requests of a key in the long run, five seconds' worth at once; 0 limits nothing."""

    def __init__(self, broker: Broker, per_second: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._broker = broker
        self._cost = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._lock = threading.Lock()
        self._full_at: dict[str, float] = {}

    def wait(self, key: str, requests: int = 1) -> float:
        """Count a request, or one that costs as much as several: 0 when it may pass, else the seconds to wait."""
        cost = min(self._cost * requests, BURST_SECONDS)
        if not cost:
            return 0.0
        wait, used = self._count(key, cost)
        if wait > 0 or used < BURST_SECONDS / 2:
            return wait
        arguments = (1, f"rate:{key}", str(cost), str(BURST_SECONDS))
        shared: Any = self._broker.attempt(lambda redis: redis.eval(SCRIPT, *arguments))
        return float(shared) if shared else 0.0  # None: Redis is away

    def _count(self, key: str, cost: float) -> tuple[float, float]:
        """Seconds to wait, and how much of the bucket is used, in seconds of the rate."""
        now = self._clock()
        with self._lock:
            if len(self._full_at) >= MAX_KEYS:
                self._full_at = {k: at for k, at in self._full_at.items() if at > now}
            full_at = max(self._full_at.get(key, 0.0), now) + cost
            if full_at - now > BURST_SECONDS:
                return full_at - now - BURST_SECONDS, BURST_SECONDS
            self._full_at[key] = full_at
            return 0.0, full_at - now
