"""Figures that once misled: freed arenas, shared objects, half-sized lists, untouched pages."""

import re

import pytest

MB = 1024**2


@pytest.fixture(scope="module", autouse=True)
def loaded(module_kernel):
    module_kernel.run("%load_ext pmat_nb")
    module_kernel.run(
        "import gc, sys, threading\nimport numpy as np\nfrom functools import lru_cache"
    )


@pytest.fixture(autouse=True)
def emptied(kernel):
    kernel.run("gc.enable()\nfor n in [n for n in globals() if n[:2] == 't_']: del globals()[n]")
    kernel.run("%reset -f out")
    kernel.run("%pmat_cleanup --target all --aggressive --compact")
    yield


def shown(kernel, line):
    magic, _, rest = line.partition(" ")
    return kernel.value(f"repr(get_ipython().run_line_magic({magic!r}, {rest!r}))")


def figures(kernel):
    return kernel.value("get_ipython().run_line_magic('pmat_stats', '').to_dict()")


def rows(kernel, line=""):
    asked = f"get_ipython().run_line_magic('pmat_vars', {line!r}).to_dict()['variables']"
    return kernel.value(asked)


def first(text, label):
    return next(line for line in text.splitlines() if line.strip().startswith(label))


RECORDS = "t_recs = [{'id': i, 'name': 'user %d' % i, 'score': i * 1.5} for i in range(1_000_000)]"


def in_a_thread(kernel):
    kernel.run("t_x = np.ones(3_900_000); del t_x")
    kernel.run(
        "def t_work():\n    global t_held\n    t_held = [np.ones(1_000_000) for _ in range(40)]\n"
        "t_thread = threading.Thread(target=t_work); t_thread.start(); t_thread.join()\ndel t_held"
    )


def test_what_an_arena_gave_back_is_not_held(kernel):
    in_a_thread(kernel)
    kernel.run("import ctypes; ctypes.CDLL(None).malloc_trim(0)")
    found = figures(kernel)
    assert 0 <= found["slack_bytes"] < found["rss_bytes"]
    assert abs(found["unattributed_bytes"]) < 0.2 * found["rss_bytes"], shown(
        kernel, "pmat_stats --detailed"
    )


def test_much_free_memory_comes_with_what_hands_it_back(kernel):
    in_a_thread(kernel)
    assert figures(kernel)["slack_bytes"] > 64 * MB
    line = first(shown(kernel, "pmat_stats"), "allocator")
    assert line.endswith("→ %pmat_cleanup --compact")
    kernel.run("%pmat_cleanup --compact")
    assert "→" not in first(shown(kernel, "pmat_stats"), "allocator")


def test_the_largest_object_comes_first_although_two_names_hold_it(kernel):
    kernel.run("t_keep = [0] * 600_000\nt_X = np.ones(25_000_000); t_d = {'train': t_X}")
    assert rows(kernel)[0]["name"] == "t_X"
    assert first(shown(kernel, "pmat"), "largest").split()[1:4] == ["t_X", "191", "MB,"]
    listed = shown(kernel, "pmat_stats --by variable").splitlines()
    assert listed[2].split()[:3] == ["t_X", "191", "MB"]
    assert "shares 191 MB counted elsewhere" in first("\n".join(listed), "t_d")


def test_groups_by_variable_add_up_to_what_is_in_memory(kernel):
    kernel.run("t_X = np.ones(10_000_000); t_d = {'train': t_X}; t_e = [t_X, t_d]")
    groups = kernel.value(
        "get_ipython().run_line_magic('pmat_stats', '--by variable').to_dict()['groups']"
    )
    used = figures(kernel)["pools"]["analysis"]["used_bytes"]
    assert sum(group["used_bytes"] for group in groups) == pytest.approx(used, abs=MB)


def test_a_list_of_records_is_estimated_beside_its_lower_bound(kernel):
    kernel.run(RECORDS)
    text = shown(kernel, "pmat_stats")
    estimate = re.search(r"t_recs ≥ \d+ \(~ (\d+)\)", text)
    assert estimate, text
    assert 260 < int(estimate[1]) < 360
    assert re.search(r"about \d+ MB of it is t_recs", first(text, "unattributed"))
    assert "%pmat_vars --exact sizes all" in text
    assert "~" in first(shown(kernel, "pmat"), "largest")


def test_an_exact_size_is_remembered_with_its_age(kernel):
    kernel.run(RECORDS)
    exact = rows(kernel, "--exact")[0]["retained_bytes"]
    row = rows(kernel)[0]
    assert not row["complete"]
    assert row["retained_bytes"] < exact
    assert re.match(rf"~ {exact / MB:.0f} MB \(sized .* ago\)", row["detail"])
    kernel.run("t_recs.append(None)")
    assert "(by a sample)" in rows(kernel)[0]["detail"]


def test_why_tells_of_a_large_list_that_only_its_name_holds_it(kernel):
    kernel.run(RECORDS)
    text = shown(kernel, "pmat_why t_recs")
    assert "only this name holds it" in text
    assert "no holder found in the time" not in text


def test_what_is_not_in_memory_is_marked_and_retains_nothing(kernel):
    kernel.run("t_z = np.zeros(100_000_000); t_w = {'z': t_z}; t_alone = np.zeros(100_000_000)")
    found = {row["name"]: row for row in rows(kernel)}
    for name in ("t_z", "t_w", "t_alone"):
        assert found[name]["retained_bytes"] + found[name]["shared_bytes"] < MB
        assert found[name]["detail"].startswith("763 MB not in memory")
    assert "763 MB not in memory" in shown(kernel, "pmat_why t_z")
    assert "763 MB not in memory" in shown(kernel, "pmat_stats --by variable")


def test_touched_halves_are_told_apart_between_what_is_shared_and_not(kernel):
    kernel.run("t_half = np.zeros(20_000_000); t_half[:10_000_000] = 1; t_list = [t_half]")
    found = {row["name"]: row for row in rows(kernel)}
    for name in ("t_half", "t_list"):
        assert found[name]["shared_bytes"] == pytest.approx(80_000_000, rel=0.05)


def test_the_results_of_a_cached_function_are_a_cache_and_its_retained_size(kernel):
    kernel.run(
        "@lru_cache(None)\ndef t_cached(n): return np.ones(n)\nt_sum = t_cached(10**7).sum()"
    )
    row = next(row for row in rows(kernel) if row["name"] == "t_cached")
    assert row["retained_bytes"] >= 80_000_000
    assert "t_cached" not in row["also_held_by"]
    found = figures(kernel)
    assert found["pools"]["cache"]["used_bytes"] >= 80_000_000
    assert found["pools"]["analysis"]["used_bytes"] < 10 * MB
    assert "%pmat_cleanup --target cache:t_cached" in shown(kernel, "pmat_stats")
    why = shown(kernel, "pmat_why t_cached")
    assert "76.3 MB retained" in why
    before = found["rss_bytes"]
    kernel.run("del t_cached")
    assert before - figures(kernel)["rss_bytes"] > 70_000_000


def test_garbage_that_waits_is_hinted_at_until_it_is_collected(kernel):
    kernel.run("gc.disable()\nfor _ in range(10):\n    t_a = [np.ones(2_000_000)]; t_a.append(t_a)")
    kernel.run("del t_a")
    hinted = "→ %pmat_cleanup (collects garbage)"
    assert first(shown(kernel, "pmat_stats"), "unattributed").endswith(hinted)
    kernel.run("%pmat_cleanup")
    assert "→" not in first(shown(kernel, "pmat_stats"), "unattributed")


def test_a_rest_below_nothing_says_what_is_counted_twice(fresh_kernel):
    """Objects of a module are in its libraries' line, and the user's from when they have a name."""
    kernel = fresh_kernel
    kernel.run("%load_ext pmat_nb")
    kernel.run("_ = open('mod.py', 'w').write('data = [str(n) * 5 for n in range(10**6)]')")
    kernel.run("import mod")
    assert "libraries are as loaded" not in shown(kernel, "pmat_stats")
    kernel.run("data = mod.data")
    found = figures(kernel)
    assert found["unattributed_bytes"] < -0.01 * found["rss_bytes"]
    line = first(shown(kernel, "pmat_stats"), "unattributed")
    assert line.endswith("libraries are as loaded: some is gone or counted above")
