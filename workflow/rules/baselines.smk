# What a leaking split would have reported.


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
