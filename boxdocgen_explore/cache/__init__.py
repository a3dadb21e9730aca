"""The cache on disk: checked pages go in, and come out only for their user."""

from boxdocgen_explore.cache import frame_cache
from boxdocgen_explore.cache.first_seen import remember, transitions, watched_batches
from boxdocgen_explore.cache.store import PageStore, StoreWarning
from boxdocgen_explore.cache.users import (
    CacheInfo,
    cache_info,
    clear,
    default_cache_dir,
    offline_cache,
    online_cache,
)

__all__ = [
    "CacheInfo",
    "PageStore",
    "StoreWarning",
    "cache_info",
    "clear",
    "default_cache_dir",
    "frame_cache",
    "offline_cache",
    "online_cache",
    "remember",
    "transitions",
    "watched_batches",
]
