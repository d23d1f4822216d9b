"""Settings: those of the project are valid, and a mistake is one line that names the key."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflow.conftest import QUICK, ROOT, copied, needs, snakemake
from workflow.lib import chapters, settings
from workflow.lib.chapters import Chapter
from workflow.lib.reading import SettingsError, read
from workflow.lib.settings import merged
from workflow.lib.study import Study

FULL = ROOT / "workflow/config/study.yaml"
NAMES = sorted(path.parent.name for path in chapters.FOLDER.glob("*/settings.yaml"))


def loaded(*changes: dict[str, Any]) -> tuple[Study, dict[str, Chapter]]:
    """The settings as rules/common.smk reads them, with the changes of configuration files."""
    config = read(FULL)
    for change in changes:
        config = merged(config, change)
    shared = {key: config[key] for key in config if key in Study.model_fields}
    study = settings.checked(Study, shared, "")
    return study, chapters.found(config, study)


# --- the settings of the project ------------------------------------------------------------------


@pytest.mark.parametrize("study", ["full", "quick"])
def test_the_settings_are_valid(study: str) -> None:
    shared, found = loaded(read(ROOT / QUICK) if study == "quick" else {})
    assert shared.study == study
    assert sorted(found) == NAMES
    orders = [chapter.page.order for chapter in found.values()]
    assert orders == sorted(orders)


def keys(content: Any, place: str = "") -> set[str]:
    if not isinstance(content, dict):
        return {place}
    return {found for key, inner in content.items() for found in keys(inner, f"{place}/{key}")}


@pytest.mark.parametrize("name", NAMES)
def test_the_quick_study_sets_only_what_the_full_study_sets(name: str) -> None:
    """Otherwise a setting of the full study could be absent from its own file."""
    folder = chapters.FOLDER / name
    full, quick = read(folder / "settings.yaml"), read(folder / "quick.yaml")
    assert keys(quick) <= {
        place[:end]
        for place in keys(full)
        for end in [*(i for i, c in enumerate(place) if c == "/"), len(place)]
    }
    assert "page" not in quick


def test_every_published_experiment_has_ten_seeds_or_more() -> None:
    study, found = loaded()
    experiments = [study.experiments]
    experiments += [getattr(chapter.settings, "experiments", {}) for chapter in found.values()]
    few = [name for each in experiments for name, run in each.items() if run.seeds < 10]
    assert few == []


def test_how_many_jobs_share_an_experiment_is_no_parameter() -> None:
    """It changes no number."""
    run = loaded()[0].batch_sizes
    assert run.jobs > 1
    assert run.model_copy(update={"jobs": 1}).model_dump() == run.model_dump()


# --- mistakes -------------------------------------------------------------------------------------

STUDY_MISTAKES = [
    ({"study": "thesis"}, "study: 'thesis': input should be 'full' or 'quick' (expected: quick:"),
    ({"data": {"standin": "maybe"}}, "data.standin: 'maybe': "),
    ({"data": {"urls": {"mnist": ["ftp://a/"]}}}, "data.urls.mnist.0: 'ftp://a/': "),
    ({"data": {"folder": []}}, "data.folder: unknown key; did you mean folders?"),
    ({"data": 3}, "data: 3: expected keys with values"),
    (
        {"ledger": {"significance": float("nan")}},
        "ledger.significance: nan: expected a finite number",
    ),
    ({"reference": {"init": float("inf")}}, "reference.init: inf: expected a finite number"),
    ({"ledger": {"significance": 5}}, "ledger.significance: 5: input should be less than 1"),
    ({"reference": {"epoch": 3}}, "reference.epoch: unknown key; did you mean epochs?"),
    ({"reference": {"seeds": "ten"}}, "reference.seeds: 'ten': input should be a valid integer"),
    ({"reference": {"seeds": 0}}, "reference.seeds: 0: input should be greater than or equal to 1"),
    ({"reference": {"epochs": 2.5}}, "reference.epochs: 2.5: input should be a valid integer"),
    (
        {"reference": {"arms": {"learning_rate": ["1e-3"]}}},
        "reference.arms.learning_rate.0: '1e-3': input should be a valid number",
    ),
    (
        {"reference": {"arms": {"momentum": [1.5]}}},
        "reference.arms.momentum.0: 1.5: input should be less than 1 (expected: from 0 to below 1)",
    ),
    (
        {"reference": {"activation": "step"}},
        "reference.activation: 'step': input should be 'relu', 'sigmoid' or 'tanh'",
    ),
    (
        {"reference": {"init": "xavier"}},
        "reference.init: 'xavier': input should be 'uniform_fan_in'",
    ),
    ({"batch_sizes": {"batch_size": 4}}, "batch_sizes: batch_size is both fixed and varied"),
    (
        {"batch_sizes": {"vary": {"optimizer": ["adam", "sgd"]}}},
        "batch_sizes.vary: dictionary should have at most 1 item",
    ),
]
CHAPTER_MISTAKES = [
    (
        {"isolet": {"experiments": {"fig8": {"arms": {"momentum": [0.9]}}}}},
        "isolet.experiments.fig8: sgd_momentum has no arm momentum; it has learning_rate",
    ),
    (
        {"isolet": {"experiments": {"fig5": {"vary": {"hidden_units": [[16]]}}}}},
        "isolet.experiments.fig5.hidden_units: ",
    ),
    ({"isolett": {}}, "isolett: unknown section; did you mean isolet?"),
    ({"thesis": {}}, "thesis: unknown section; known: "),
    ({"isolet": 3}, "isolet: expected keys with values, found 3"),
    ({"isolet": None}, "isolet: expected keys with values, found None"),
    ({"isolet": {"experiment": {}}}, "isolet.experiment: unknown key; did you mean experiments?"),
    (
        {"isolet": {"experiments": {"fig5": {"epoch": 3}}}},
        "isolet.experiments.fig5.epoch: unknown key; did you mean epochs?",
    ),
    (
        {"isolet": {"page": {"front": ["fig55"]}}},
        "isolet.page: front: no figure fig55; did you mean fig5?",
    ),
    (
        {"isolet": {"page": {"clocks": ["fig55"]}}},
        "isolet.page: clocks: no figure or table fig55; did you mean fig5?",
    ),
    (
        {"isolet": {"page": {"clocks": ["fig5"]}}},
        "isolet.page: front: fig5 shows times, which only the page of times does",
    ),
    (
        {"isolet": {"page": {"clocks": ["fig5"], "front": []}}},
        "isolet.page.clocks: the folder has no clocks.html, which shows them",
    ),
    # A claim compares momentum 0.9 with momentum 0.
    (
        {"reference": {"arms": {"momentum": [0.0, 0.8]}}},
        "isolet.claims.K3.numbers.k3.test_accuracy: ",
    ),
]


@pytest.mark.parametrize(
    ("mistake", "start"),
    [
        *STUDY_MISTAKES,
        *(pytest.param(*each, marks=needs("isolet")) for each in CHAPTER_MISTAKES),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(mistake: dict[str, Any], start: str) -> None:
    with pytest.raises(SettingsError) as error:
        loaded(mistake)
    lines = str(error.value).splitlines()
    assert lines[0].startswith(f"  {start}")
    keys_named = {line.split(": ")[0] for line in lines}
    assert len(lines) == len(keys_named), lines


def test_all_mistakes_are_named_at_once() -> None:
    first, second = NAMES[:2]
    with pytest.raises(SettingsError) as error:
        loaded({first: {"nothing": 1}, second: {"nothing": 2}, "nowhere": 3})
    starts = [line.split(":")[0] for line in str(error.value).splitlines()]
    assert starts == ["  nowhere", f"  {first}.nothing", f"  {second}.nothing"]


@needs("quadrants")
@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "figure: quadrants",
            "figure: quadrant",
            "M2: no figure quadrant; did you mean quadrants?",
        ),
        ("bound: 0.5,", "bond: 0.5,", "M2.checks.2.bond: unknown key; did you mean bound?"),
        ("rule: below", "rule: under", "M1.checks.0.rule: 'under': input should be 'above', "),
        ('    - {what: "ratio', '    - - {what: "ratio', "M1.checks.0: [{"),
    ],
)
def test_a_mistake_in_a_claim_is_one_line(old: str, new: str, line: str, tmp_path: Path) -> None:
    shutil.copytree(chapters.FOLDER / "quadrants", tmp_path / "quadrants")
    path = tmp_path / "quadrants/claims.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        chapters.found({"study": "full"}, loaded()[0], tmp_path)
    assert str(error.value).splitlines()[0].startswith(f"  quadrants.claims.{line}")


# --- what Snakemake shows -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("project"), only=())


def test_snakemake_shows_the_mistake_without_a_traceback(project: Path) -> None:
    mistakes = {"data": {"standin": "maybe"}, "reference": {"seeds": -1}}
    (project / "mine.yaml").write_text(yaml.safe_dump(mistakes), encoding="utf-8")
    status, output = snakemake(project, "--dry-run", "--cores", "1", "--configfile", "mine.yaml")
    assert status != 0
    assert "The settings cannot be used:\n  data.standin: 'maybe': input should be" in output
    assert "\n  reference.seeds: -1: input should be greater than or equal to 1" in output
    assert "Traceback" not in output


def test_a_mistake_on_the_command_line_is_shown_in_the_same_way(project: Path) -> None:
    status, output = snakemake(project, "--dry-run", "--cores", "1", "--config", "study=thesis")
    assert status != 0
    assert "\n  study: 'thesis': input should be 'full' or 'quick'" in output
    assert "Traceback" not in output
