"""Settings in a real kernel: every source, trust, saving, completion, at once in force."""

import json

import pytest

PROJECT = """\
# of the project
[memory]
cache_pool = "300MB"   # ours
allow_swap = true

[memory.pressure]
low = 0.31
"""


def shown(kernel, options=""):
    """What ``%pmat_configure`` says, as its JSON."""
    result = kernel.run(
        f"print(get_ipython().run_line_magic('pmat_configure', '{options}').to_json())"
    )
    assert result.status == "ok", (result.error, result.stderr)
    return json.loads(result.stdout)


def setting(kernel, key):
    row = shown(kernel)["settings"][key]
    return row["value"], row["source"]


@pytest.fixture(scope="module")
def loaded(make_kernel):
    kernel = make_kernel()
    work, home = kernel.folder / "work" / "deeper", kernel.folder / "home"
    work.mkdir(parents=True)
    (kernel.folder / "work" / "pmat.toml").write_text(PROJECT)
    user = home / ".config" / "pmat_nb"
    user.mkdir(parents=True)
    (user / "pmat.toml").write_text('[memory]\ntemp_pool = "20MB"\nstring_pool = "20MB"\n')
    profile = home / ".ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_kernel_config.py").write_text(
        "c.PmatNb.string_pool = '30MB'\nc.PmatNb.cache_pool = '30MB'\n"
        "c.PmatNb.ast_pol = '1MB'\nc.InteractiveShellApp.extensions = ['pmat_nb']\n"
    )
    kernel.start(
        cwd=work,
        env={"PMAT_MEMORY_MAX": "7GB", "PMAT_MEMORY_TEMP_POOL": "40MB", "PMAT_MEMORY_TRACK": "1"},
    )
    yield kernel
    kernel.stop()


def test_every_source_counts_from_the_first_cell(loaded):
    for key, value, source in (
        ("max_total", "7GB", "PMAT_MEMORY_MAX"),
        ("temp_pool", "40MB", "PMAT_MEMORY_TEMP_POOL"),
        ("cache_pool", "300MB", "project "),
        ("string_pool", "30MB", "PmatNb.string_pool"),
        ("ast_pool", "512MB", "default"),
        ("pressure_low", "31%", "project "),
        ("allow_swap", "off", "default (project "),
    ):
        found = setting(loaded, key)
        assert found[0] == value and found[1].startswith(source), (key, found)
    limits = loaded.run("%pmat_limit").text
    assert "7 GB" in limits and "PMAT_MEMORY_MAX" in limits


def test_what_was_wrong_or_waits_was_said_at_load(loaded):
    said = loaded.run("%reload_ext pmat_nb").stderr
    assert "c.PmatNb.ast_pol" in said and "ast_pool" in said
    assert "allow_swap in it counts only after %pmat_configure --trust" in said
    assert "tracking memory in" in said


def test_the_log_is_the_users_alone_and_grows(loaded):
    log = min((loaded.folder / "home").rglob("track/*.ndjson"))
    assert log.stat().st_mode & 0o077 == 0
    assert json.loads(log.read_text().splitlines()[0])["rss_bytes"] > 0
    shown(loaded, "--track off")
    assert not any("watch" in name for name in loaded.value(
        "[t.name for t in __import__('threading').enumerate()]"
    ) if "pmat" in name)  # fmt: skip


def test_config_magic_shows_and_sets(loaded):
    assert loaded.run("%config PmatNb.cache_pool").text == "'300MB'"
    assert loaded.run("%config PmatNb.gc_interval = '90s'").status == "ok"
    assert setting(loaded, "gc_interval") == ("90s", "PmatNb.gc_interval")
    bad = loaded.run("%config PmatNb.gc_interval = 'soon'")
    assert "'soon' is not a duration" in bad.stderr
    assert setting(loaded, "gc_interval")[0] == "90s"
    assert loaded.run("%config PmatNb.gc_interval = None").status == "ok"
    assert setting(loaded, "gc_interval") == ("10min", "default")
    assert "cache_pool" in loaded.run("%config PmatNb").stdout
    assert "PmatNb" in loaded.run("%config").stdout


def test_trust_then_save_then_reset(loaded):
    project = loaded.folder / "work" / "pmat.toml"
    assert setting(loaded, "allow_swap")[0] == "off"
    assert f"trusted as it is now: {project}" in shown(loaded, "--trust")["notes"]
    assert setting(loaded, "allow_swap") == ("on", f"project {project}")
    shown(loaded, "--reset --cache-pool 200MB --cache-ttl 5min --save")
    assert project.read_text() == PROJECT.replace('"300MB"', '"200MB"').replace(
        "allow_swap = true\n", 'allow_swap = true\ncache_ttl = "5min"\n'
    )
    # It was trusted, and only this user wrote to it since.
    assert setting(loaded, "allow_swap") == ("on", f"project {project}")
    assert setting(loaded, "cache_pool") == ("200MB", f"project {project}")
    shown(loaded, "--cache-pool 1MB --profile minimal")
    assert setting(loaded, "gc_interval") == ("off", "profile minimal (set in this session)")
    shown(loaded, "--reset")
    assert setting(loaded, "cache_pool")[0] == "200MB"
    assert shown(loaded)["profile"] is None
    project.write_text(project.read_text() + "# somebody else\n")
    shown(loaded, "--reset")
    assert setting(loaded, "allow_swap")[0] == "off"


def test_a_limit_acts_at_once_and_a_bad_line_changes_nothing(loaded):
    loaded.run("%pmat_configure --max-total 5GB")
    assert "5 GB" in loaded.run("%pmat_limit").text
    bad = loaded.run("%pmat_configure --max-total 4GB --cache-pool lots")
    assert bad.status == "error" and "--cache-pool" in bad.error.evalue
    assert setting(loaded, "max_total")[0] == "5GB"
    bad = loaded.run("%pmat_configure --save user --reset")
    assert bad.status == "error" and "nothing was set" in bad.error.evalue
    assert setting(loaded, "max_total")[0] == "5GB"
    assert "7 GB" in loaded.run("%pmat_configure --reset\n%pmat_limit").text


def test_alone_it_shows_all_in_human_units(loaded):
    result = loaded.run("%pmat_configure")
    for words in ("512MB", "10min", "80%", "responses", "cleanup_temp", "profile: none"):
        assert words in result.text
    assert "1073741824" not in result.text and "text/html" in result.data
    frame = loaded.value(
        "get_ipython().run_line_magic('pmat_configure', '').to_frame().columns.tolist()"
    )
    assert frame == ["setting", "value", "source", "group", "help"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("%pmat_configure --prof", "--profile"),
        ("%pmat_configure --profile large", "large-project"),
        ("%pmat_configure --no-allow", "--no-allow-swap"),
        ("%pmat_configure --cache-policy lf", "lfu"),
        ("%pmat_configure --save u", "user"),
        ("%pmat_pools --analyze st", "string"),
        ("%pmat_pressure --simulate cr", "critical"),
    ],
)
def test_tab_completes(loaded, typed, expected):
    assert expected in loaded.complete(typed, timeout=120)


def test_it_is_taken_out_with_the_extension(loaded):
    loaded.run("%unload_ext pmat_nb")
    assert "PmatNb" not in loaded.run("%config").stdout
    loaded.run("%load_ext pmat_nb")
    assert setting(loaded, "string_pool") == ("30MB", "PmatNb.string_pool")
    assert loaded.run("%config").stdout.count("PmatNb") == 1
