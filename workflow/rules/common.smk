# What all rules need: the checked configuration, the names of things, and the digest of code.
import os
from importlib.metadata import version
from pathlib import Path

from workflow.scripts.digest import code_digest, texts_digest
from workflow.scripts.settings import checked, part, programs

ENV = "../envs/study.yaml"
CODE = "workflow/scripts"

# What computes: another version of it may give other numbers, so it trains anew.
VERSIONS = {name: version(name) for name in ("jax", "jaxlib", "numpy", "optax")}
# Where folds are dealt or other classifiers fitted, scikit-learn as well.
PEER_VERSIONS = {**VERSIONS, "scikit-learn": version("scikit-learn")}

config = checked(config)
PROGRAMS = programs(config["experiments"])
# The clean arm: its experiments, and their training programs.
CLEAN = config["clean"]["experiments"]
CLEAN_PROGRAMS = programs(
    {
        name: {k: v for k, v in settings.items() if k not in ("refit", "choose_at")}
        for name, settings in CLEAN.items()
    }
)

# The claims of the ledger by id; which of them a chapter makes: those that rest on its numbers.
CLAIMS = config["claims"]
CHAPTER_CLAIMS = {
    chapter: [
        name
        for name, claim in CLAIMS.items()
        if f"numbers_{chapter}" in claim["tables"]
    ]
    for chapter in CHAPTERS
}

SKETCHES = ["sketch_neuron", "sketch_xor", "sketch_isolet"]
# Figures of the source; then ours: the ledger, the clean arm, and what stands beside the study.
PUBLISHED = ["xor", *(f"fig{i}" for i in range(1, 9))]
BESIDE = ["tuning", "optimizers", "parity", "timing", "audit", "leak", "baselines"]
FIGURES = [*PUBLISHED, "ledger", *BESIDE, "record"]
CHAPTER_FIGURES = [
    figure for chapter in CHAPTERS for figure in config["chapters"][chapter]["figures"]
]
# Tables without a figure, read by the numbers alone.
TABLES = ["experiments"]
# Effects behind the claims, by part of the study: the experiments as published and of the clean arm.
EFFECTS = {
    "momentum": (
        ["momentum", "long", "high_rate", "sigmoid", "standard_normal"],
        ["momentum", "sigmoid"],
    ),
    "units": (["fig5"], ["units"]),
    "batches": (["fig6"], ["batch_size"]),
    "depth": (["fig7"], ["depth"]),
    "optimizers": (["fig8"], ["optimizers"]),
}
# The tables that hold numbers.
NUMBERS = [
    "xor",
    "experiments",
    "fig5",
    "fig7",
    "fig8",
    *(f"effects_{part}" for part in EFFECTS),
    "parity",
    "timing",
    "baselines",
    "leak",
    "audit_counts",
    "record",
    *(f"numbers_{chapter}" for chapter in CHAPTERS),
]
# Which experiments a table is made from.
SOURCES = {
    **{f"fig{i}": ["momentum"] for i in range(1, 5)},
    **{f"fig{i}": [f"fig{i}"] for i in range(5, 9)},
    "experiments": ["momentum", "long", "high_rate", "sigmoid", "standard_normal"],
}


wildcard_constraints:
    figure="|".join([*FIGURES, *SKETCHES, *TABLES, *CHAPTER_FIGURES]),
    experiment="|".join(config["experiments"]),
    clean="|".join(CLEAN),
    part="|".join(EFFECTS),
    claim="|".join(CLAIMS),
    chapter="|".join(CHAPTERS),


# The repository holds the reports of the full study. In a fresh clone they are files without a
# history, and what they were made from is missing: they must not pass for up to date.
if not Path("results").exists():
    Path("results").mkdir()
    for report in (file for file in Path("reports").rglob("*") if file.is_file()):
        os.utime(report, (1, 1))


def runs_of(*experiments):
    """The two files that each experiment's training leaves."""
    return [
        f"results/runs/{experiment}/{file}.parquet"
        for experiment in experiments
        for file in ("epochs", "speakers")
    ]
