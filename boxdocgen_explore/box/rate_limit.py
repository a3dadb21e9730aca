"""The call rate: like Box, this process counts all calls of one user together."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

_MINUTE_S: Final = 60


class RateLimiter:
    """Counts a user's calls in the last minute; the lowest limit of its connections applies.

    >>> limiter, connection = RateLimiter(clock=lambda: 0.0), threading.Event()
    >>> [limiter.wait_s(connection, calls_per_minute=2) for _ in range(3)]
    [0.0, 0.0, 60.0]
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._calls: deque[float] = deque()
        self._limits: WeakKeyDictionary[object, int] = WeakKeyDictionary()
        self._lock = threading.RLock()

    @property
    def limit(self) -> int:
        """Calls per minute; 0 once every connection is closed."""
        with self._lock:
            return min(self._limits.values(), default=0)

    def wait_s(self, connection: object, calls_per_minute: int) -> float:
        """Count a call and return 0.0, or return the seconds to wait before asking again."""
        with self._lock:
            self._limits[connection] = calls_per_minute
            now = self._clock()
            while self._calls and self._calls[0] <= now - _MINUTE_S:
                self._calls.popleft()
            limit = self.limit
            if len(self._calls) >= limit:
                return self._calls[-limit] + _MINUTE_S - now
            self._calls.append(now)
            return 0.0

    def leave(self, connection: object) -> None:
        """Forget the limit of a closed connection; its calls still count."""
        with self._lock:
            self._limits.pop(connection, None)

    def include(self, other: RateLimiter) -> None:
        """Add the calls that ``other`` has counted."""
        with self._lock, other._lock:
            self._calls = deque(sorted([*self._calls, *other._calls]))


_limiters: Final[dict[tuple[str, str], RateLimiter]] = {}
_lock: Final = threading.Lock()


def rate_limiter(host: str, name: str) -> RateLimiter:
    """The limiter of this user on this host, one per process, by the user's id or token digest."""
    with _lock:
        return _limiters.setdefault((host, name), RateLimiter())


def same_user(host: str, token_digest: str, user_id: str) -> None:
    """Let both names share one limiter, once the token's user is known."""
    before, limiter = rate_limiter(host, token_digest), rate_limiter(host, user_id)
    if before is not limiter:
        limiter.include(before)
        with _lock:
            _limiters[host, token_digest] = limiter
