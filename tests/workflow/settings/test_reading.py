"""Files and `--config` that cannot be used are one line with their place, before anything runs."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.conftest import QUICK, copied, snakemake
from workflow.lib import chapters
from workflow.lib.reading import SHOWN, SettingsError, entry, read
from workflow.lib.start.command import check

FIRST = (
    "Using workflow specific profile profiles/default for setting default command line arguments.\n"
)
TARGET = "results/data/train.parquet"
CHAPTER = tuple(c.parent.name for c in sorted(chapters.FOLDER.glob("*/claims.yaml")))[:1]
"""The first chapter with claims, whatever the others are."""

# Content of a file, and what is said of it after its name.
UNUSABLE = [
    (b"a: [1, 2", ", line 1: is not valid YAML: while parsing a flow sequence, expected ','"),
    (b"a: 1\nb: [1\nc: 2\n", ", line 3: is not valid YAML: "),
    (b"a:\n\tb: 1", ", line 2: is not valid YAML: "),
    (b"a: 1\n---\na: 2", ", line 2: is not valid YAML: expected a single document"),
    (b"a: *b", ", line 1: is not valid YAML: found undefined alias 'b'"),
    (b"a: !!python/name:os.system x", ", line 1: is not valid YAML: could not determine"),
    (b"a: 1\nb: {c: 2020-13-01}", ", line 2: b.c: month must be in 1..12"),
    (b"a: " + b"9" * 5000, ", line 1: a: Exceeds the limit"),
    (b"a: " + b"[" * 2000 + b"]" * 2000, ": is nested too deeply"),
    (b"a: 1\nb: \0\0", ", line 2: is not valid YAML: special characters are not allowed"),
    (b"\x89PNG\xff\xfe", ": is not text in UTF-8"),
    ("study: quick".encode("utf-16"), ": is not text in UTF-8"),
    (b"- a", ": expected keys with values, found ['a']"),
    (b"", ": expected keys with values, found None"),
    (b"a: 1\nb: 2\na: 3", ", line 3: the key a is given twice"),
    (b"K: {a: 1,\n  a: 2}", ", line 2: the key K.a is given twice"),
    (b"a: &x\n  b: {c: *x}", ", line 1: a.b.c contains itself"),
    (b"a: &x [1, *x]", ", line 1: a.1 contains itself"),
    (b"a: &x {b: 1, <<: *x}", ", line 1: a.<< contains itself"),
    (b"a: 1\n3: 4", ", line 2: the key 3 is not text"),
    (b"a:\n  ? [1]\n  : 2", ", line 2: a key is not text"),
]


@pytest.mark.parametrize(("content", "said"), UNUSABLE)
def test_a_file_that_cannot_be_used(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as error:
        read(path)
    assert str(error.value).startswith(f"  {path}{said}")
    assert len(error.value.lines) == 1


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path, "Is a directory"),
        (tmp_path / "s", "No such file or directory"),
    ):
        with pytest.raises(SettingsError) as error:
            read(path)
        assert str(error.value) == f"  {path}: {reason}"


def test_every_mistake_of_a_file_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("a: {b: 1, b: 2}\nc: 1\nc: 1\n4: 1\n")
    with pytest.raises(SettingsError) as error:
        read(path)
    assert re.findall(r"line (\d)", str(error.value)) == ["1", "3", "4"]


def test_values_that_share_an_anchor_are_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\nc: [*x, *x]\n")
    assert read(path)["b"] == {"p": 1, "q": 3}


def test_a_long_message_is_cut() -> None:
    lines = str(SettingsError(*[f"  k{i}: is missing" for i in range(192)])).splitlines()
    assert lines[-2:] == [f"  k{SHOWN - 1}: is missing", f"  and {192 - SHOWN} more"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("study=quick", {"study": "quick"}),
        ("data={standin: false, folders: [a]}", {"data": {"standin": False, "folders": ["a"]}}),
        ("reference={'seeds': 3}", {"reference": {"seeds": 3}}),
        ("study=", {"study": None}),
    ],
)
def test_an_entry_of_the_command_line(text: str, value: dict[str, Any]) -> None:
    assert entry(text) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("study", "--config study: expected KEY=VALUE"),
        ("data.standin=false", "--config data.standin=false: expected KEY=VALUE or KEY='{KEY: VAL"),
        ("data={standin: ", "--config data, line 1: is not valid YAML: "),
        ("data={a: 1, a: 2}", "--config data, line 1: the key a is given twice"),
    ],
)
def test_an_entry_that_cannot_be_used(text: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        entry(text)
    assert str(error.value).startswith(f"  {said}")


def test_all_files_and_entries_are_checked_at_once(tmp_path: Path) -> None:
    given = ["-n", "--configfile", str(tmp_path), "nowhere.yaml", "--cores", "1", "-C", "a", "b=1"]
    with pytest.raises(SystemExit) as ended:
        check(given)
    assert str(ended.value).splitlines() == [
        "The settings cannot be used:",
        f"  {tmp_path}: Is a directory",
        "  nowhere.yaml: No such file or directory",
        "  --config a: expected KEY=VALUE or KEY='{KEY: VALUE, ...}'",
        "Targets go before --configfile.",
    ]


# --- what Snakemake shows -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("project"), only=CHAPTER)


def refused(project: Path, *arguments: str, environment: dict[str, str] | None = None) -> str:
    """What a dry run says in place of a plan."""
    given = ("--dry-run", "--cores", "1", *arguments)
    status, output = snakemake(project, *given, environment=environment)
    assert status == 1, output
    assert output.startswith(FIRST), output
    return output.removeprefix(FIRST)


@pytest.mark.parametrize(
    ("content", "said"), [UNUSABLE[1], UNUSABLE[9], UNUSABLE[11], UNUSABLE[15], UNUSABLE[16]]
)
def test_of_a_file_after_configfile(content: bytes, said: str, project: Path) -> None:
    (project / "mine.yaml").write_bytes(content)
    output = refused(project, TARGET, "--configfile", QUICK, "mine.yaml")
    assert output.startswith(f"The settings cannot be used:\n  mine.yaml{said}")
    assert len(output.splitlines()) == 3


def test_of_a_missing_file_and_of_a_target_in_its_place(project: Path) -> None:
    assert refused(project, "--configfile", "nowhere.yaml") == (
        "The settings cannot be used:\n  nowhere.yaml: No such file or directory\n"
    )
    assert refused(project, f"--configfile={QUICK}", TARGET, "--configfile", QUICK, TARGET) == (
        f"The settings cannot be used:\n  {TARGET}: No such file or directory\n"
        "Targets go before --configfile.\n"
    )


@pytest.mark.parametrize(
    "name", ["config/study.yaml", "config/quick.yaml", "settings.yaml", "quick.yaml", "claims.yaml"]
)
def test_of_a_key_given_twice_in_a_file_of_the_project(name: str, project: Path) -> None:
    file = f"workflow/{name if '/' in name else f'chapters/{CHAPTER[0]}/{name}'}"
    path, text = project / file, (project / file).read_text("utf-8")
    path.write_text(f"{text}\ntwice: 1\ntwice: 2\n", encoding="utf-8")
    output = refused(project, "--configfile", QUICK)
    path.write_text(text, encoding="utf-8")
    said = f"{file}, line {len(text.splitlines()) + 3}: the key twice is given twice\n"
    assert re.fullmatch(rf"The settings cannot be used:\n  (/.*)?{said}", output)


def test_nested_settings_after_config_keep_their_siblings(project: Path) -> None:
    given = "data={standin: false, folder: []}", "reference={seeds: 0}"
    assert refused(project, "--config", *given).splitlines()[1:] == [
        "  data.folder: unknown key; did you mean folders?",
        "  reference.seeds: 0: input should be greater than or equal to 1 (expected: a whole "
        "number from 1)",
    ]
    valid = "data={standin: false}", "reference={seeds: 3}", "study=quick"
    status, output = snakemake(project, "-n", "--cores", "1", TARGET, "--config", *valid)
    assert status == 0, output


def test_settings_that_replace_those_of_the_study_are_added_to_them(project: Path) -> None:
    given = ("--configfile", QUICK, "--replace-workflow-config")
    assert snakemake(project, "-n", "--cores", "1", TARGET, *given)[0] == 0


def test_of_a_run_from_another_folder(project: Path, tmp_path: Path) -> None:
    given = ("-n", "--cores", "1", "-s", str(project / "Snakefile"))
    for more in ((), ("--configfile", str(project / QUICK))):
        status, output = snakemake(tmp_path, *given, *more)
        assert (status, output.splitlines()[1:]) == (
            1,
            [f"Run Snakemake in the project's folder: cd {project}"],
        )


def test_of_a_folder_that_cannot_be_written_to(project: Path) -> None:
    file = project / "file"
    file.touch()
    assert refused(project, environment={"XDG_CACHE_HOME": str(file)}) == (
        f"The folder {file}/snakemake cannot be written to (Not a directory). Snakemake needs it: "
        "set XDG_CACHE_HOME to a folder that you can write to.\n"
    )


def test_of_variables_that_would_change_numbers(project: Path) -> None:
    set_by_user = {"JAX_ENABLE_X64": "1", "JAX_DEBUG_NANS": "1", "JAX_SOMETHING_NEW": "1"}
    status, output = snakemake(project, "-n", "--cores", "1", TARGET, environment=set_by_user)
    assert status == 0
    assert "Not used by the study: JAX_DEBUG_NANS, JAX_ENABLE_X64, JAX_SOMETHING_NEW\n" in output
