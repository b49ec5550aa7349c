"""From the evidence on one site to its verdict and how sure it is.

Each piece of evidence adds its weight (``calibration.SITE``) to a score, whose logistic
is the probability that the site goes on growing without bound.
"""

from __future__ import annotations

from itertools import pairwise

from .blocks import is_one_block
from .calibration import LIMITS, SITE, sigmoid, surest
from .records import Evidence, Judgement, SiteGrowth, Verdict
from .series import growth_of

__all__ = ["FLOOR_BYTES", "LEAST_BYTES", "is_quiet", "judge_site", "pieces", "site_rate"]

# Bytes per iteration of one site below which growth is not worth a row.
FLOOR_BYTES = 256.0
# A site of less may still be a wrapper of something large in a library's own pool.
LEAST_BYTES = 48.0


def judge_site(evidence: Evidence) -> Judgement:
    """The verdict on a site. What the user keeps by design is ``kept`` where growth is shown."""
    found = pieces(evidence)
    most = LIMITS["surest"]
    probability = sigmoid(SITE["intercept"] + sum(SITE[name] * n for name, n in found.items()))
    probability = min(most, max(1 - most, probability))
    if evidence.kept_by and _is_replaced(evidence.windows):
        return Judgement("noise", LIMITS["kept"], None, "replaced")
    grows = probability >= 0.5 or "total_agrees" in found or _rises(evidence.windows)
    if evidence.kept_by and grows and not _shrinks(evidence.windows):
        return Judgement("kept", max(probability, LIMITS["kept"]), None, evidence.kept_by)
    if probability >= 0.5:
        verdict: Verdict = "leak"
        entries = evidence.lengths[-1][1] if evidence.lengths else None
        seen = evidence.iterations // evidence.period
        probability = min(probability, surest(seen, entries))
    else:
        verdict, probability = _harmless(evidence, found), 1 - probability
    if verdict != "leak" and all(SITE[name] > 0 for name in found):
        # Nothing speaks against it: that it was not seen for longer is no bound.
        probability = min(probability, 0.5)
    if probability < LIMITS["undecided"]:
        more = max(4, evidence.iterations)
        return Judgement("undecided", probability, more, "not enough runs to tell")
    return Judgement(verdict, probability, None, ", ".join(found))


def is_quiet(evidence: Evidence) -> bool:
    """Whether it is noise whatever retains it: nothing shows that it grows."""
    found = pieces(evidence)
    grows = "total_agrees" in found or _rises(evidence.windows)
    return not grows and judge_site(evidence).verdict == "noise"


def pieces(evidence: Evidence) -> dict[str, float]:
    """The evidence by name, each with its amount; names as in ``calibration.SITE``."""
    found: dict[str, float] = {}
    found.update(_of_windows(evidence))
    found.update(_of_lengths(evidence))
    # Of one block that is replaced none lives on, however large they become.
    if evidence.sampled and evidence.age >= 2 and "block_grows" not in found:
        if evidence.alive == evidence.sampled:
            found["cohort_alive"] = min(3.0, evidence.age / 4)
        else:
            dead = evidence.sampled - evidence.alive
            found["cohort_dies"] = min(1.0, 2 * dead / evidence.sampled)
    if evidence.bound is not None:
        found["bound_known"] = 1.0
    found.update(_of_total(evidence))
    return found


def site_rate(evidence: Evidence) -> float:
    """Bytes per iteration: the median of the windows in which it grew.

    Of one block that is replaced, resized by more than is needed: from window to window.
    """
    apart = _rates_apart(evidence.windows)
    if apart and all(map(is_one_block, evidence.windows)):
        return max(0.0, sum(apart) / len(apart))
    rates = sorted(w.bytes_per_iteration for w in evidence.windows if w.bytes_per_iteration > 0)
    return rates[len(rates) // 2] if rates else 0.0


def _of_windows(evidence: Evidence) -> dict[str, float]:
    rates = [w.bytes_per_iteration for w in evidence.windows]
    growing = [rate for rate in rates if rate >= LEAST_BYTES]
    found: dict[str, float] = {}
    if 1 < len(growing) < len(rates) and rates[-len(growing) :] == growing:
        found["windows_begin"] = float(len(growing) - 1)
    if len(growing) == len(rates) > 1 and max(growing) <= 3 * min(growing):
        found["windows_agree"] = float(len(growing) - 1)
    if len(rates) > 1 and rates[-1] < LEAST_BYTES:
        found["window_missing"] = 1.0
    elif len(growing) > 1 and rates[-1] < LIMITS["decelerates"] * rates[0]:
        found["windows_decline"] = 1.0
    if _block_grows(evidence.windows):
        found["block_grows"] = float(len(rates) - 1)
    elif not any(w.blocks_per_iteration > 0 for w in evidence.windows) and not evidence.lengths:
        found["blocks_constant"] = 1.0
    return found


def _block_grows(windows: tuple[SiteGrowth, ...]) -> bool:
    """Whether one block is replaced by a larger one, as much larger from window to window as
    within each: what only changes its size does not agree with itself in this."""
    if len(windows) < 2 or not all(map(is_one_block, windows)):
        return False
    rates = [window.bytes_per_iteration for window in windows] + _rates_apart(windows)
    return min(rates) >= LEAST_BYTES and max(rates) <= 3 * min(rates)


def _rates_apart(windows: tuple[SiteGrowth, ...]) -> list[float]:
    """Bytes per iteration from the end of each window to that of the next."""
    return [
        (after.last[0] - before.last[0])
        / max(1, after.start + after.iterations - before.start - before.iterations)
        for before, after in pairwise(windows)
    ]


def _shrinks(windows: tuple[SiteGrowth, ...]) -> bool:
    """Whether it is one block that is at times much smaller: replaced, not added to."""
    sizes = [window.last[0] for window in windows if is_one_block(window)]
    return any(after < 0.8 * before for before, after in pairwise(sizes))


def _rises(windows: tuple[SiteGrowth, ...]) -> bool:
    """Whether it is one block that is much larger later: resized only now and then."""
    sizes = [window.last[0] for window in windows if window.last[1] in (1, 2)]
    return len(sizes) > 2 and sizes == sorted(sizes) and sizes[-1] > 1.5 * sizes[0]


def _is_replaced(windows: tuple[SiteGrowth, ...]) -> bool:
    """Whether much is replaced in each iteration and no larger in a later window.

    What is collected begins with what one iteration adds, and what is replaced by a larger
    one is larger from window to window by as much as within each.
    """
    growing = [w for w in windows if w.bytes_per_iteration >= LEAST_BYTES]
    if not growing or any(w.first[0] < 8 * w.bytes_per_iteration for w in growing):
        return False
    rate = min(w.bytes_per_iteration for w in growing)
    return all(apart < 0.5 * rate for apart in _rates_apart(tuple(growing)))


def _of_lengths(evidence: Evidence) -> dict[str, float]:
    if len(evidence.lengths) < LIMITS["fewest"]:
        return {}
    growth = growth_of(evidence.lengths)
    if growth.kind in ("bounded", "saw-tooth", "none") or _has_stopped(evidence.lengths):
        return {"lengths_stop": 1.0}
    # A length has no jitter: a little less than before is less.
    pace = growth.late / growth.early if growth.early > 0 else 1.0
    if growth.kind == "decelerating" or pace < LIMITS["length_slows"]:
        return {"lengths_decelerate": 1.0}
    if growth.kind in ("constant", "stepping"):
        return {"lengths_constant": min(2.0, len(evidence.lengths) / 12)}
    return {}


def _has_stopped(lengths: tuple[tuple[int, int], ...]) -> bool:
    """Whether a length, which has no jitter, rests for much longer than ever before."""
    rests = [0]
    for (_, before), (_, after) in pairwise(lengths):
        if after > before:
            rests.append(0)
        else:
            rests[-1] += 1
    return rests[-1] >= 4 * max(1, *rests[:-1], 0) if len(rests) > 1 else rests[-1] >= 4


def _of_total(evidence: Evidence) -> dict[str, float]:
    total, rate = evidence.total, site_rate(evidence)
    if total is None or total.points < LIMITS["fewest"] or rate <= 0:
        return {}
    if total.low > 0.25 * rate:
        return {"total_agrees": 1.0}
    # Whatever else happens, a leak lifts the process by at least its own bytes.
    if total.range < 0.5 * rate * (total.points - 1):
        return {"total_too_small": 1.0}
    flat = total.kind in ("none", "bounded", "saw-tooth") and total.jitter < rate
    return {"total_disagrees": 1.0} if flat or total.high < 0.25 * rate else {}


def _harmless(evidence: Evidence, found: dict[str, float]) -> Verdict:
    if "bound_known" in found or "cohort_dies" in found or "lengths_decelerate" in found:
        return "bounded"
    if "lengths_stop" in found:
        growth = growth_of(evidence.lengths)
        half = evidence.lengths[0][0] + evidence.iterations / 2
        early = growth.settled_at is not None and growth.settled_at < half
        return "warm-up" if growth.kind == "bounded" and early else "bounded"
    if "blocks_constant" in found:
        return "noise"
    return "warm-up" if "window_missing" in found else "bounded"
