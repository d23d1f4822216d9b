# The clean arm: every choice by cross-validation over the training speakers, then a refit on all of
# them, and only there the test speakers. `tune` and `choose` have no way to the test rows.


rule tune:
    input:
        train=rules.fetch_isolet.output.train,
    output:
        epochs="results/tuning/{clean}/epochs.parquet",
        speakers="results/tuning/{clean}/speakers.parquet",
    log:
        "logs/tune/{clean}.log",
    benchmark:
        "logs/tune/{clean}.tsv"
    # Choosing and refitting wait for it.
    priority: 1
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        gpu=1,
    params:
        programs=lambda wildcards: CLEAN_PROGRAMS[wildcards.clean],
        folds=config["clean"]["folds"],
        code=code_digest(f"{CODE}/tune_isolet.py"),
        versions=PEER_VERSIONS,
    script:
        "../scripts/tune_isolet.py"


rule choose:
    input:
        speakers=rules.tune.output.speakers,
    output:
        trials="results/tuning/{clean}/trials.parquet",
        choices="results/tuning/{clean}/choices.parquet",
    log:
        "logs/choose/{clean}.log",
    conda:
        ENV
    params:
        choose_at=lambda wildcards: CLEAN[wildcards.clean]["choose_at"],
        code=code_digest(f"{CODE}/choose.py"),
    script:
        "../scripts/choose.py"


rule refit:
    input:
        train=rules.fetch_isolet.output.train,
        test=rules.fetch_isolet.output.test,
        choices=rules.choose.output.choices,
    output:
        epochs="results/clean/{clean}/epochs.parquet",
        speakers="results/clean/{clean}/speakers.parquet",
    log:
        "logs/refit/{clean}.log",
    benchmark:
        "logs/refit/{clean}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        gpu=1,
    params:
        programs=lambda wildcards: CLEAN_PROGRAMS[wildcards.clean],
        refit=lambda wildcards: CLEAN[wildcards.clean]["refit"],
        code=code_digest(f"{CODE}/refit_isolet.py"),
        versions=VERSIONS,
    script:
        "../scripts/refit_isolet.py"


rule effects:
    input:
        runs=lambda wildcards: runs_of(*EFFECTS[wildcards.part][0]),
        refits=lambda wildcards: expand(
            "results/clean/{clean}/{file}.parquet",
            clean=EFFECTS[wildcards.part][1],
            file=["epochs", "speakers"],
        ),
        choices=lambda wildcards: expand(
            "results/tuning/{clean}/choices.parquet", clean=EFFECTS[wildcards.part][1]
        ),
        record=rules.fetch_isolet.output.record,
    output:
        table="reports/tables/effects_{part}.csv",
    log:
        "logs/effects_{part}.log",
    conda:
        ENV
    params:
        published=lambda wildcards: {
            name: f"results/runs/{name}" for name in EFFECTS[wildcards.part][0]
        },
        clean=lambda wildcards: {
            name: f"results/clean/{name}" for name in EFFECTS[wildcards.part][1]
        },
        choices=lambda wildcards: {
            name: f"results/tuning/{name}/choices.parquet"
            for name in EFFECTS[wildcards.part][1]
        },
        code=code_digest(f"{CODE}/measure_effects.py"),
    script:
        "../scripts/measure_effects.py"
