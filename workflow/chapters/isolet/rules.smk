# The network of the source on ISOLET: its experiments as published, and the same questions by the
# clean protocol. CHAPTER is this folder's chapter; the runs of figures 1 to 4 and of figure 6 are
# shared (workflow/rules/reference.smk).
PUBLISHED = CHAPTER.settings.experiments
CLEAN = CHAPTER.settings.clean.experiments

RUNS = f"results/{CHAPTER.name}/runs"
TUNING = f"results/{CHAPTER.name}/tuning"
REFITS = f"results/{CHAPTER.name}/clean"

# What each job trains.
TRAINED = parts(RUNS, PUBLISHED)
TUNED = parts(TUNING, CLEAN)
REFITTED = parts(REFITS, CLEAN)

# Which runs each table is made from.
TABLES = {
    **dict.fromkeys(("fig1", "fig2", "fig3", "fig4"), ["results/reference"]),
    "fig6": ["results/batch_sizes"],
    **{figure: [f"{RUNS}/{figure}"] for figure in ("fig5", "fig7", "fig8")},
    "experiments": [
        "results/reference",
        *(
            f"{RUNS}/{name}"
            for name in ("long", "high_rate", "sigmoid", "standard_normal")
        ),
    ],
}


rule:
    name:
        f"train_{CHAPTER.name}"
    input:
        train=rules.fetch_isolet.output.train,
        test=rules.fetch_isolet.output.test,
    output:
        epochs=f"{RUNS}/{{name}}/epochs.parquet",
        speakers=f"{RUNS}/{{name}}/speakers.parquet",
    log:
        f"logs/{CHAPTER.name}/train/{{name}}.log",
    benchmark:
        f"logs/{CHAPTER.name}/train/{{name}}.tsv"
    wildcard_constraints:
        name="|".join(TRAINED),
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
        gpu=GPU,
    params:
        experiment=lambda wildcards, of=TRAINED: of[wildcards.name].model_dump(),
        code=code_digest("workflow/scripts/train.py"),
        versions=VERSIONS,
    script:
        "../../scripts/train.py"


# The clean protocol: every choice by cross-validation over the training speakers, then a refit on all
# of them, and only there the test speakers. `tune` and `choose` have no way to the test rows.


rule:
    name:
        f"tune_{CHAPTER.name}"
    input:
        train=rules.fetch_isolet.output.train,
    output:
        epochs=f"{TUNING}/{{name}}/epochs.parquet",
        speakers=f"{TUNING}/{{name}}/speakers.parquet",
    log:
        f"logs/{CHAPTER.name}/tune/{{name}}.log",
    benchmark:
        f"logs/{CHAPTER.name}/tune/{{name}}.tsv"
    wildcard_constraints:
        name="|".join(TUNED),
    # The longest chain is tune, choose, refit: it begins first and is not kept waiting.
    priority: 1
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
        gpu=GPU,
    params:
        experiment=lambda wildcards, of=TUNED: of[wildcards.name].model_dump(
            exclude={"choose_at", "refit"}
        ),
        folds=CHAPTER.settings.clean.folds,
        code=CHAPTER.code("tune"),
        versions=PEER_VERSIONS,
    script:
        "tune.py"


rule:
    name:
        f"choose_{CHAPTER.name}"
    input:
        speakers=f"{TUNING}/{{name}}/speakers.parquet",
    output:
        trials=f"{TUNING}/{{name}}/trials.parquet",
        choices=f"{TUNING}/{{name}}/choices.parquet",
    log:
        f"logs/{CHAPTER.name}/choose/{{name}}.log",
    wildcard_constraints:
        name="|".join(CLEAN),
    priority: 2
    localrule: True
    conda:
        ENV
    params:
        choose_at=lambda wildcards, of=CLEAN: of[wildcards.name].choose_at,
        code=CHAPTER.code("choose"),
    script:
        "choose.py"


rule:
    name:
        f"refit_{CHAPTER.name}"
    input:
        train=rules.fetch_isolet.output.train,
        test=rules.fetch_isolet.output.test,
        choices=lambda wildcards, folder=TUNING: (
            f"{folder}/{wildcards.name.split('/')[0]}/choices.parquet"
        ),
    output:
        epochs=f"{REFITS}/{{name}}/epochs.parquet",
        speakers=f"{REFITS}/{{name}}/speakers.parquet",
    log:
        f"logs/{CHAPTER.name}/refit/{{name}}.log",
    benchmark:
        f"logs/{CHAPTER.name}/refit/{{name}}.tsv"
    wildcard_constraints:
        name="|".join(REFITTED),
    priority: 2
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
        gpu=GPU,
    params:
        experiment=lambda wildcards, of=REFITTED: of[wildcards.name].model_dump(
            exclude={"choose_at", "refit"}
        ),
        refit=lambda wildcards, of=REFITTED: of[wildcards.name].refit.model_dump(),
        code=CHAPTER.code("refit"),
        versions=VERSIONS,
    script:
        "refit.py"


rule:
    name:
        f"summarise_{CHAPTER.name}"
    input:
        epochs=lambda wildcards, of=TABLES: [
            f"{folder}/epochs.parquet" for folder in of[wildcards.table]
        ],
        speakers=lambda wildcards, of=TABLES: [
            f"{folder}/speakers.parquet" for folder in of[wildcards.table]
        ],
        origin=rules.fetch_isolet.output.origin,
    output:
        output="reports/tables/{table}.csv",
    log:
        f"logs/{CHAPTER.name}/summarise/{{table}}.log",
    wildcard_constraints:
        table="|".join(TABLES),
    localrule: True
    conda:
        ENV
    params:
        printed=CHAPTER.settings.printed["k3.test_accuracy"],
        code=CHAPTER.code("summarise"),
    script:
        "summarise.py"


rule:
    name:
        f"summarise_{CHAPTER.name}_tuning"
    input:
        speakers=f"{TUNING}/optimizers/speakers.parquet",
        choices=f"{TUNING}/optimizers/choices.parquet",
        origin=rules.fetch_isolet.output.origin,
    output:
        output="reports/tables/tuning.csv",
    log:
        f"logs/{CHAPTER.name}/summarise_tuning.log",
    localrule: True
    conda:
        ENV
    params:
        code=CHAPTER.code("summarise_tuning"),
    script:
        "summarise_tuning.py"


rule:
    name:
        f"summarise_{CHAPTER.name}_optimizers"
    input:
        published=f"{RUNS}/fig8/epochs.parquet",
        published_speakers=f"{RUNS}/fig8/speakers.parquet",
        clean=f"{REFITS}/optimizers/epochs.parquet",
        clean_speakers=f"{REFITS}/optimizers/speakers.parquet",
        origin=rules.fetch_isolet.output.origin,
    output:
        output="reports/tables/optimizers.csv",
    log:
        f"logs/{CHAPTER.name}/summarise_optimizers.log",
    localrule: True
    conda:
        ENV
    params:
        code=CHAPTER.code("summarise_optimizers"),
    script:
        "summarise_optimizers.py"
