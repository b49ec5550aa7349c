"""The magics as people type them, in a real kernel."""

import json
import time

import pytest


@pytest.fixture(scope="module", autouse=True)
def loaded(module_kernel):
    module_kernel.run("%load_ext pmat_nb")
    module_kernel.run("data = bytearray(100_000_000)")


def test_status_is_short_and_says_what_is_next(kernel):
    result = kernel.run("%pmat")
    assert len(result.text.splitlines()) <= 6
    assert "data" in result.text
    assert "%pmat_vars" in result.text
    assert "<" in result.data["text/html"]


def test_stats_name_every_part(kernel):
    text = kernel.run("%pmat_stats").text
    for part in ("your data", "libraries", "unattributed", "usable"):
        assert part in text
    assert max(map(len, text.splitlines())) <= 100


def test_detailed_adds_the_pool_tree_and_the_limits(kernel):
    text = kernel.run("%pmat_stats --detailed").text
    assert "Total Allocated" in text
    assert "physical memory" in text or "container limit" in text


@pytest.mark.parametrize("what", ["pool", "variable", "cell", "type"])
def test_by_groups_the_memory(kernel, what):
    result = kernel.run(f"%pmat_stats --by {what}")
    assert result.status == "ok"
    assert result.text
    kernel.run(f"frame = %pmat_stats --by {what} --format frame")
    assert kernel.value("type(frame).__name__") == "DataFrame"


def test_json_is_one_line_of_strict_json(kernel):
    text = kernel.run("%pmat_stats --format json").text
    assert len(text.splitlines()) == 1
    found = json.loads(text)
    assert '"pressure_level":"' in text
    assert found["rss_bytes"] > 100_000_000


def test_output_goes_to_a_file_or_standard_output(kernel):
    result = kernel.run("%pmat_stats --format json -o stats.json")
    assert result.text is None or result.text == ""
    assert kernel.value("__import__('json').load(open('stats.json'))['rss_bytes']") > 0
    assert json.loads(kernel.run("%pmat_stats --format json -o -").stdout)["rss_bytes"] > 0
    assert "your data" in kernel.run("%pmat_stats -o -").stdout


def test_a_report_is_a_value(kernel):
    kernel.run("r = %pmat_stats")
    assert kernel.value("r.rss_bytes") > 100_000_000
    assert kernel.value("int(r.to_frame()['used_bytes'].sum())") == kernel.value("r.rss_bytes")
    assert kernel.run("r.plot()").data.get("image/png")
    assert kernel.value("'matplotlib.pyplot' in __import__('sys').modules") is False


def test_the_top_of_the_variables(kernel):
    kernel.run("a1, a2, a3 = (bytearray(1_000_000 * n) for n in (1, 2, 3))")
    text = kernel.run("%pmat_vars --top 2").text
    assert "data" in text
    assert "a3" in text
    assert "a1" not in text
    kernel.run("f = %pmat_vars --top 2 --format frame")
    assert kernel.value("list(f['name'])") == ["data", "a3"]
    found = json.loads(kernel.run("%pmat_vars --top 2 --format json").text)
    assert [row["name"] for row in found["variables"]] == ["data", "a3"]


def test_why_names_the_holders(kernel):
    kernel.run("registry = {'k': [data]}")
    text = kernel.run("%pmat_why data").text
    assert "registry" in text
    assert "bytearray" in text
    kernel.run("del registry")


def test_why_of_an_unknown_name_suggests_a_known_one(kernel):
    result = kernel.run("%pmat_why dota")
    assert result.status == "error"
    assert "data" in result.stderr + result.stdout
    assert not (result.error and result.error.traceback and "File" in str(result.error.traceback))


def test_history_is_a_frame_of_cells(kernel):
    kernel.run("marker = 'for the history'")
    kernel.run("h = %pmat_history --format frame")
    lines = kernel.value("[str(x) for x in h['first_line']]")
    assert "marker = 'for the history'" in lines
    assert "running" in kernel.run("%pmat_history --sessions").text
    kernel.run("%%pmat_limit 2GB\nlimited = 'a limited cell'")
    assert "limited = 'a limited cell'" in kernel.run("%pmat_history").text
    assert kernel.run("%pmat_history --plot").data.get("image/png")


def test_a_growing_cell_is_forecast(kernel):
    kernel.run("leak = []")
    for _ in range(16):
        kernel.run("leak.append(bytearray(20_000_000))")
    text = kernel.run("%pmat_history --forecast").text
    assert "reaches the limit" in text
    assert "more runs" in text
    kernel.run("leak.clear()")


def test_a_log_is_analysed_and_its_truncated_end_skipped(kernel):
    kernel.run("%pmat_stats --format json -o one.json")
    kernel.run("log = open('one.json').read().strip() + '\\n'")
    kernel.run("open('all.ndjson', 'w').write(log * 3 + '{')")
    text = kernel.run("%pmat_stats --analyze-log all.ndjson").text
    assert "line 4 is cut off" in text
    result = kernel.run("%pmat_stats --analyze-log missing.ndjson")
    assert result.status == "error"
    assert "missing.ndjson" in result.stderr


def test_watch_updates_itself_while_later_cells_run(kernel):
    start = len(kernel.messages)
    kernel.run("%pmat_stats --watch 0.3")
    updates: list[dict] = []
    for _ in range(6):  # a busy machine gets to it less often
        kernel.run("import time; time.sleep(4)")
        updates = [
            m for m in kernel.messages[start:] if m["header"]["msg_type"] == "update_display_data"
        ]
        if len(updates) >= 2:
            break
    assert len(updates) >= 2
    # What the cell makes has no name before the next sizing: the line says so.
    assert "new since the sizing" in updates[-1]["content"]["data"]["text/plain"]
    kernel.run("%pmat_stats --watch off")
    kernel.drain(0.5)
    quiet = len(kernel.messages)
    kernel.drain(3.0)
    later = [m["header"]["msg_type"] for m in kernel.messages[quiet:]]
    assert "update_display_data" not in later
    names = kernel.value("[t.name for t in __import__('threading').enumerate()]")
    assert "pmat_nb watch" not in names


def test_a_new_watch_replaces_the_old_one(kernel):
    kernel.run("%pmat_stats --watch 1")
    kernel.run("%pmat_stats --watch 1")
    names = kernel.value("[t.name for t in __import__('threading').enumerate()]")
    assert names.count("pmat_nb watch") == 1
    kernel.run("%pmat_stats --watch off")


def test_watching_into_a_file_makes_a_log(kernel):
    kernel.run("%pmat_stats --watch 0.2 -o watched.ndjson")
    time.sleep(6)
    kernel.run("%pmat_stats --watch off")
    assert kernel.value("len(open('watched.ndjson').read().splitlines())") >= 2
    assert kernel.run("%pmat_stats --analyze-log watched.ndjson").status == "ok"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("%pmat_stats --detialed", "--detailed"),
        ("%pmat_stats --by colour", "variable"),
        ("%pmat_stats --watch -1", "--watch"),
        ("%pmat_vars --top 0", "--top"),
        ("%pmat_vars --format xml", "compact"),
        ("%pmat_limit 2 GB", "2GB"),
        ("%pmat_limit --scope cell 2GB", "%%pmat_limit 2GB --scope cell"),
        ("%pmat_limit 2GB --restore-names", "above that cell"),
        ("%pmat_why", "NAME"),
        ("%pmat_why not-a-name", "not-a-name"),
        ("%pmat_stats -o /nonexistent/folder/x.json", "/nonexistent/folder"),
        ("%pmat_configure --sizing-budget -1s", "--sizing-budget"),
        ("%pmat_configure --max-total 0", "--max-total"),
    ],
)
def test_bad_input_is_one_clear_line_without_a_traceback(kernel, line, word):
    result = kernel.run(line)
    assert result.status == "error"
    assert word in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.stderr


def test_help_is_shown_not_raised(kernel):
    for magic in ("pmat", "pmat_stats", "pmat_vars", "pmat_why", "pmat_history", "pmat_configure"):
        result = kernel.run(f"%{magic} -h")
        assert result.status == "ok"
        assert "--format" in result.stdout


def test_help_above_an_empty_cell(kernel):
    result = kernel.run("%%pmat_limit -h")
    assert result.status == "ok"
    assert "--restore-names" in result.stdout


def test_tab_completes(kernel):
    assert "--detailed" in kernel.complete("%pmat_stats --de")
    assert "variable" in kernel.complete("%pmat_stats --by v")
    assert "data" in kernel.complete("%pmat_why da")


def test_settings_show_value_and_source(kernel):
    kernel.run("%pmat_configure --record-source hash")
    text = kernel.run("%pmat_configure").text
    assert "record_source" in text
    assert "hash" in text
    assert "set in this session" in text
    kernel.run("%pmat_configure --reset")
    assert "set in this session" not in kernel.run("%pmat_configure").text


def test_nothing_of_ours_is_in_the_namespace(kernel):
    kernel.run("%pmat_stats --detailed")
    assert not [name for name in kernel.namespace() if "pmat" in name]
