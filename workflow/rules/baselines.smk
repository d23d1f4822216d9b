# What other classifiers reach on the same split, and what a leaking split would have reported.


rule tune_baselines:
    input:
        train=rules.fetch_isolet.output.train,
    output:
        trials="results/baselines/trials.parquet",
        choices="results/baselines/choices.json",
    log:
        "logs/tune_baselines.log",
    benchmark:
        "logs/tune_baselines.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        grids=config["baselines"]["grids"],
        folds=config["baselines"]["folds"],
        code=code_digest(f"{CODE}/tune_baselines.py"),
        versions=PEER_VERSIONS,
    script:
        "../scripts/tune_baselines.py"


rule fit_baselines:
    input:
        train=rules.fetch_isolet.output.train,
        test=rules.fetch_isolet.output.test,
        choices=rules.tune_baselines.output.choices,
    output:
        speakers="results/baselines/speakers.parquet",
    log:
        "logs/fit_baselines.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=code_digest(f"{CODE}/fit_baselines.py"),
        versions=PEER_VERSIONS,
    script:
        "../scripts/fit_baselines.py"


rule summarise_baselines:
    input:
        speakers=rules.fit_baselines.output.speakers,
        trials=rules.tune_baselines.output.trials,
        published="workflow/config/published.yaml",
        # This study's own networks stand beside the baselines.
        more=["results/record/beside.csv"],
        record=rules.fetch_isolet.output.record,
    output:
        table="reports/tables/baselines.csv",
        tuning="reports/tables/baselines_tuning.csv",
    log:
        "logs/summarise_baselines.log",
    conda:
        ENV
    params:
        code=code_digest(f"{CODE}/summarise_baselines.py"),
    script:
        "../scripts/summarise_baselines.py"


rule leak:
    input:
        train=rules.fetch_isolet.output.train,
        choices=rules.tune_baselines.output.choices,
    output:
        speakers="results/leak/speakers.parquet",
    log:
        "logs/leak.log",
    benchmark:
        "logs/leak.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        # The network of figures 3 and 4, with the arm and the seeds of this contrast.
        program={**config["experiments"]["momentum"], **config["leak"]},
        folds=config["baselines"]["folds"],
        code=code_digest(f"{CODE}/leak.py"),
        versions=PEER_VERSIONS,
    script:
        "../scripts/leak.py"


rule summarise_leak:
    input:
        counts=rules.leak.output.speakers,
        record=rules.fetch_isolet.output.record,
    output:
        table="reports/tables/leak.csv",
    log:
        "logs/summarise_leak.log",
    conda:
        ENV
    params:
        code=code_digest(f"{CODE}/summarise_leak.py"),
    script:
        "../scripts/summarise_leak.py"
