"""When the guard looks, and which child it holds responsible. Pure arithmetic.

Bytes and seconds throughout.
"""

from __future__ import annotations

MIB = 1024**2

# Faster than any growth measured (np.ones with huge pages: 2-3 GB/s).
FASTEST_GROWTH = 4 * 1024**3
# What innocent code maps without touching it. Stacks of Python threads, the fastest of
# all, are not waited for: the kernel makes room for them itself.
FASTEST_MAPPING = 4 * 1024**3

NEAR_S = 0.002
FAR_S = 0.2
IDLE_S = 1.0
# With a ceiling its gap must follow what is mapped; below 4 ms this costs more
# of a core than it saves.
CEILING_NEAR_S = 0.004
CEILING_FAR_S = 0.1

RAISE_AGAIN_S = 0.05
RAISE_AGAIN_GROWTH = 8 * MIB


def poll_interval_s(headroom: int, ceiling_gap: int | None) -> float:
    """Seconds until the next look, from the bytes left to the limit.

    ``ceiling_gap`` is how much may be mapped before the ceiling refuses it, None
    without a ceiling.
    """
    wait = min(FAR_S, max(NEAR_S, headroom / FASTEST_GROWTH))
    if ceiling_gap is not None:
        mapping = min(CEILING_FAR_S, max(CEILING_NEAR_S, ceiling_gap / FASTEST_MAPPING))
        wait = min(wait, mapping)
    return wait


def guilty_children(
    growth: dict[int, int], total_growth: int, *, least: int = 16 * MIB
) -> list[int]:
    """The children whose growth caused an excess, largest first.

    ``growth`` maps pid to what each gained since the scope began; ``total_growth``
    is what the whole tree gained. A child counts when it gained at least ``least``
    and a tenth of the total.
    """
    bar = max(least, total_growth // 10)
    return sorted((pid for pid, grew in growth.items() if grew >= bar), key=lambda p: -growth[p])


# Cluster runtimes limit their own workers and restart them when they are killed.
_SELF_LIMITING = (
    b"ray::",
    b"raylet",
    b"gcs_server",
    b"ray/",
    b"dask",
    b"distributed",
    b"org.apache.spark",
    b"pyspark",
)


def limits_itself(command_line: bytes, environment: bytes) -> bool:
    """Whether a process belongs to Dask, Ray or Spark, by how it was started.

    A Dask worker started by a nanny is a plain ``multiprocessing`` spawn; only
    its environment tells (the nanny sets these three together).
    """
    if any(mark in command_line for mark in _SELF_LIMITING):
        return True
    return b"spawn_main" in command_line and (
        b"\0DASK_" in environment or b"MALLOC_TRIM_THRESHOLD_=" in environment
    )
