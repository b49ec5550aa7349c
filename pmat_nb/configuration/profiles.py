"""The profiles: sets of values for a kind of machine or work, each value with its reason.

A value is written as one would type it; ``docs/configuration.md`` shows this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pmat_nb.settings import Value, setting
from pmat_nb.units import GIB

__all__ = ["PROFILES", "Profile", "pick", "profile_values"]


class Profile(NamedTuple):
    """What a profile is for, and its settings: key -> (value as typed, reason)."""

    purpose: str
    settings: Mapping[str, tuple[str, str]]


PROFILES: Mapping[str, Profile] = {
    "pmat": Profile(
        "the pool sizes of PMAT's memory guide as they stand",
        {
            "ast_pool": ("512MB", "as in the guide"),
            "analysis_pool": ("256MB", "as in the guide; advisory, your variables stay"),
            "cache_pool": ("1GB", "as in the guide"),
            "temp_pool": ("128MB", "as in the guide"),
            "string_pool": ("64MB", "as in the guide"),
            "pool_growth": ("own", "each pool's own strategy, as in the guide"),
        },
    ),
    "large-project": Profile(
        "much code and data on a large machine",
        {
            "ast_pool": ("2GB", "trees of a large code base stay parsed"),
            "analysis_pool": ("1GB", "a mark to watch; advisory"),
            "cache_pool": ("4GB", "recomputing costs more than memory here"),
            "gc_interval": ("120s", "many objects make much cyclic garbage"),
            "pool_growth": ("incremental", "large limits should be approached in small steps"),
        },
    ),
    "ci-pipeline": Profile(
        "notebooks run without a person, on a shared runner",
        {
            "max_total": ("2GB", "a run that outgrows its runner fails early and says where"),
            "ast_pool": ("64MB", "each run parses once"),
            "cache_pool": ("128MB", "each cell runs once, so little is asked for twice"),
            "temp_pool": ("64MB", "buffers are rarely reused in one pass"),
            "string_pool": ("32MB", "as small as the rest"),
            "cache_ttl": ("5min", "what one cell has not reused the next will not"),
            "cache_defrag": ("10%", "clean up early: nobody waits between cells"),
            "temp_defrag": ("10%", "the same"),
            "string_defrag": ("10%", "the same"),
            "gc_interval": ("60s", "time is cheaper than memory on a runner"),
            "gc_threshold": ("50%", "collect well before the limit"),
            "pressure_auto_respond": ("on", "nobody is there to clean up by hand"),
            "allow_swap": ("off", "a runner's disk is slow, small or shared"),
            "notices": ("off", "nobody reads them; failures are errors"),
            "track": ("on", "the log streams out what can be read after a failed run"),
        },
    ),
    "interactive": Profile(
        "a person at a notebook on their own computer",
        {
            "max_total": ("auto", "other programs' memory is left to them"),
            "cache_pool": ("512MB", "room for a day's work beside a browser"),
            "temp_pool": ("128MB", "scratch buffers are reused while cells are edited"),
            "cache_policy": ("adaptive", "what is re-run changes during the day"),
            "gc_interval": ("5min", "often enough, and too rarely to be felt"),
            "notices": ("important", "say what matters, at most a line"),
            "sizing_budget": ("0.25s", "an answer while one still looks at it"),
        },
    ),
    "container": Profile(
        "a kernel in a container, whose limit ends it without a word",
        {
            "max_total": ("85%", "stop the cell before the container's OOM killer acts"),
            "cache_pool": ("256MB", "caches count against the container"),
            "temp_pool": ("64MB", "the same"),
            "ast_pool": ("128MB", "the same"),
            "string_pool": ("32MB", "the same"),
            "gc_interval": ("2min", "garbage counts against the container too"),
            "gc_threshold": ("60%", "collect before pressure is HIGH"),
            "allow_swap": ("off", "a container's disk is often memory or a network"),
        },
    ),
    "low-memory": Profile(
        "less than 2 GB usable",
        {
            "max_total": ("auto", "every byte there is, less the reserve"),
            "cache_pool": ("64MB", "a cache must not be what fills the machine"),
            "temp_pool": ("32MB", "a few small buffers"),
            "string_pool": ("16MB", "what pays: equal strings shared"),
            "ast_pool": ("32MB", "parsing again is quick"),
            "cache_ttl": ("10min", "old entries make room"),
            "cache_defrag": ("20%", "expired entries go between cells"),
            "temp_defrag": ("20%", "idle buffers go between cells"),
            "gc_interval": ("60s", "garbage weighs more here than the pause"),
            "gc_threshold": ("50%", "collect before pressure is HIGH"),
            "pool_growth": ("incremental", "small steps, each tried only when needed"),
        },
    ),
    "balanced": Profile(
        "2 to 4 GB usable",
        {
            "max_total": ("auto", "every byte there is, less the reserve"),
            "cache_pool": ("256MB", "a tenth of the machine"),
            "temp_pool": ("64MB", "scratch for arrays of a few million numbers"),
            "string_pool": ("32MB", "half the default"),
            "ast_pool": ("128MB", "a quarter of the default"),
            "cache_policy": ("lru", "predictable"),
            "gc_interval": ("5min", "twice as often as by default"),
            "gc_threshold": ("70%", "collect while pressure is HIGH"),
        },
    ),
    "performance": Profile(
        "4 GB usable or more: memory is there to save time",
        {
            "max_total": ("auto", "every byte there is, less the reserve"),
            "cache_pool": ("2GB", "keep what took long to compute"),
            "temp_pool": ("512MB", "large buffers are reused instead of mapped again"),
            "string_pool": ("128MB", "more strings are looked up before a new one is kept"),
            "ast_pool": ("1GB", "parse once"),
            "cache_policy": ("adaptive", "follow what is really asked for"),
            "pool_growth": ("exponential", "reach the useful size quickly"),
            "gc_interval": ("30min", "Python's own collector does the rest"),
            "gc_threshold": ("90%", "collect early only when it is needed"),
        },
    ),
    "minimal": Profile(
        "the smallest footprint of pmat_nb itself",
        {
            "cache_pool": ("16MB", "next to nothing is kept"),
            "temp_pool": ("8MB", "the same"),
            "string_pool": ("8MB", "the same"),
            "ast_pool": ("8MB", "the same"),
            "history": ("off", "no rows, no writer thread"),
            "gc_interval": ("off", "Python's own collector alone"),
            "sample_interval": ("10s", "a tenth of the samples"),
            "notices": ("off", "nothing by itself"),
        },
    ),
}


def profile_values(name: str) -> dict[str, Value]:
    """The values of the profile ``name``, parsed."""
    return {
        key: setting(key).parse(text, called=key)
        for key, (text, _) in PROFILES[name].settings.items()
    }


def pick(usable_bytes: int | None) -> tuple[str, str]:
    """Which profile ``auto`` stands for, and why in words; ``balanced`` where unknown."""
    if usable_bytes is None:
        return "balanced", "auto, usable memory unknown"
    words = f"auto, {usable_bytes / GIB:.1f} GB usable"
    if usable_bytes < 2 * GIB:
        return "low-memory", words
    return ("balanced" if usable_bytes < 4 * GIB else "performance"), words
