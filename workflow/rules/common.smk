# What all rules need: the checked settings, the chapters, and the digest of code.
import contextlib
import io
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from snakemake.cli import parse_args
from snakemake.io import apply_wildcards
from snakemake.logging import logger

from workflow.lib import chapters, made, settings
from workflow.lib.start import command, environment, lock, progress, reasons, requests
from workflow.lib.study import Study
from workflow.lib.verdicts import RULE_TEXTS
from workflow.table.settings import asked, other_table, written
from workflow.lib.digest import code_digest, file_digest, texts_digest

# Without links: the digest of code names files relative to the folder in which they really are.
PROJECT = Path(workflow.basedir).resolve()
ENV = str(PROJECT / "workflow/envs/study.yaml")


def of_project(path):
    """A file of the project, as it is named from the folder where jobs run."""
    return os.path.relpath(PROJECT / path)


# What the user asks for, read before another folder is entered: a profile is named from this one.
# Snakemake would say once more which profiles it uses.
TARGETS = []
if workflow.is_main_process and Path(sys.argv[0]).stem in ("snakemake", "__main__"):
    with contextlib.redirect_stderr(io.StringIO()):
        TARGETS = parse_args(sys.argv[1:])[1].targets

# A job that asks for more threads than there are gets all, and nothing runs beside it.
ALL_CORES = 10_000


# The version of an optional package, or its absence, is a parameter: jobs rerun once it is installed.
def optional(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None


TORCH, EQUINOX, FLAX = (optional(package) for package in ("torch", "equinox", "flax"))

# Snakemake's own reading (`configfile:`) keeps the last of two equal keys and takes every value within
# `--config` as text. Here it only says what was asked for.
try:
    config = settings.gathered(
        [
            Path(of_project("workflow/config/study.yaml")),
            *workflow.config_settings.configfiles,
        ],
        written(workflow.config_settings.config_args or []),
    )
    TABLE = asked(config)
    STUDY = settings.checked(
        Study, {key: config[key] for key in config if key in Study.model_fields}, ""
    )
    CHAPTERS = chapters.found(config, STUDY)
except settings.SettingsError as error:
    raise SystemExit(f"The settings cannot be used:\n{error}")

if workflow.is_main_process:
    command.check_folder(Path("quick" if STUDY.study == "quick" else "."))

# Quick results go to a separate folder: they never replace those of the full study.
if STUDY.study == "quick":

    workdir: str(PROJECT / "quick")

    # With --directory, Snakemake does not go there, and would write over the full study.
    if workflow.is_main_process and Path.cwd() != (PROJECT / "quick").resolve():
        raise SystemExit(
            "A quick study writes into quick/: run it without --directory."
        )


if workflow.is_main_process and (message := lock.released(Path(".snakemake"))):
    print(message, file=sys.stderr)


onstart:
    lock.note(Path(".snakemake"))
    # For its limit of jobs a second, Snakemake looks at all jobs again every second, once for each job
    # that has ended. On the own machine, cores are the limit.
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None
    progress.show(
        [
            progress.Job(job.output[0], Path(job.log[0]))
            for job in workflow.dag.needrun_jobs()
            if job.output and job.log
        ],
        progress.expected(Path("reports/costs.json")),
    )


# How many GPUs a job that trains asks for: one where the command says how many there are.
if workflow.is_main_process:
    given = workflow.global_resources.get("gpu")
    GPU = min(1, given.value or 0) if given else 0
else:
    GPU = int(os.getenv("NNJAX_GPU", "0"))

# Jobs inherit the environment of this process.
os.environ.update(NNJAX_STUDY=STUDY.study, NNJAX_GPU=str(GPU))
ignored = environment.pin()
if ignored and workflow.is_main_process:
    print(f"Not used by the study: {', '.join(ignored)}", file=sys.stderr)

# The programs of a quick study run so briefly that to optimise them takes longer than it saves.
if STUDY.study == "quick":
    os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

# Another version of what computes may give other numbers, so jobs rerun; so may a variable that
# tells it how.
VERSIONS = {
    **{name: version(name) for name in ("jax", "jaxlib", "numpy", "optax")},
    **environment.recorded(),
}
# The same where scikit-learn makes folds or fits other classifiers.
PEER_VERSIONS = {**VERSIONS, "scikit-learn": version("scikit-learn")}

# Which chapter has a figure, and which a claim.
FIGURES = {figure: c for c in CHAPTERS.values() for figure in c.page.figures}
CLAIMS = {claim: c for c in CHAPTERS.values() for claim in c.claims}

# How many seeds every setting asks for, for the record of where the numbers come from.
SEEDS = chapters.seeds(
    {
        **STUDY.experiments,
        **{name: chapter.settings for name, chapter in CHAPTERS.items()},
    }
)


# Trainings that several jobs share: the folder of the runs and those of its parts.
JOINED = {}


def parts(folder, experiments):
    """The jobs that train experiments, by their folder below `folder`; those of several are joined."""
    found = {}
    for name, experiment in experiments.items():
        shared = {
            f"{name}{suffix}": part for suffix, part in experiment.parts().items()
        }
        found |= shared
        if len(shared) > 1:
            JOINED[f"{folder}/{name}"] = [f"{folder}/{part}" for part in shared]
    return found


# What a job asks a cluster for. In the own machine's runs, nothing is limited by it.
USED = requests.used(PROJECT / "reports/costs.json")


def first_output(rulename, wildcards):
    return str(workflow.get_rule(rulename).output[0].apply_wildcards(wildcards))


def memory_mb(wildcards, attempt, rulename):
    return requests.memory(USED, first_output(rulename, wildcards), attempt)


def minutes(wildcards, attempt, rulename):
    return requests.minutes(USED, first_output(rulename, wildcards), attempt)


# What the wildcards of a rule name.
def figure_of(wildcards):
    return FIGURES[wildcards.figure].page.figures[wildcards.figure]


def figure_script(wildcards):
    return figure_of(wildcards).script or f"plot_{wildcards.figure}"


def chapter_of(wildcards):
    return CHAPTERS[wildcards.chapter]


def claim_of(wildcards):
    return CLAIMS[wildcards.claim].claims[wildcards.claim]


def sources_of(wildcards):
    return chapter_of(wildcards).sources(wildcards.claim, STUDY.experiments)


# What is asked of the user's table. By functions, since braces in names of columns are no wildcards.
def table_asked(wildcards):
    return TABLE.model_dump()


def table_source(wildcards):
    return [os.path.abspath(PROJECT / TABLE.file)] if TABLE.is_file else []


def run_files(sources):
    for experiments in sources.values():
        for folder, *choices in experiments.values():
            yield from [
                f"{folder}/epochs.parquet",
                f"{folder}/speakers.parquet",
                *choices,
            ]


# The chapters before and after one, by name: their titles may change without a new page.
def neighbours(name):
    names = ["", *CHAPTERS, ""]
    place = names.index(name)
    return names[place - 1], names[place + 1]


# What makes a file: pages show it for every number.
def made_by(file):
    maker = next(each for each in workflow.rules if each.is_producer(file))
    return {
        "rule": maker.name,
        "log": apply_wildcards(maker.log[0], maker.get_wildcards(file)),
        "command": f"snakemake --cores 8 {file}",
    }


wildcard_constraints:
    figure="|".join(FIGURES) or "$",
    claim="|".join(CLAIMS) or "$",
    chapter="|".join(CHAPTERS) or "$",


# The repository holds the reports of the full study, and git renews their times. A report that no job
# of this folder has left as it is must not pass for up to date, however new it is.
if workflow.is_main_process:
    foreign = made.foreign(Path("reports"), Path("logs"))
    command.age(foreign)
    logger.addFilter(reasons.Plain(path.as_posix() for path in foreign))
