# ISOLET: one job per experiment, one table per figure.


rule train_isolet:
    input:
        train=rules.fetch_isolet.output.train,
        test=rules.fetch_isolet.output.test,
    output:
        epochs="results/runs/{experiment}/epochs.parquet",
        speakers="results/runs/{experiment}/speakers.parquet",
    log:
        "logs/train_isolet/{experiment}.log",
    benchmark:
        "logs/train_isolet/{experiment}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        gpu=1,
    params:
        programs=lambda wildcards: PROGRAMS[wildcards.experiment],
        code=code_digest(f"{CODE}/train_isolet.py"),
        versions=VERSIONS,
    script:
        "../scripts/train_isolet.py"


rule summarise_isolet:
    input:
        runs=lambda wildcards: runs_of(*SOURCES[wildcards.figure]),
        record=rules.fetch_isolet.output.record,
    output:
        table="reports/tables/{figure}.csv",
    log:
        "logs/summarise_{figure}.log",
    wildcard_constraints:
        figure="|".join(SOURCES),
    conda:
        ENV
    params:
        sources=lambda wildcards: {
            name: f"results/runs/{name}" for name in SOURCES[wildcards.figure]
        },
        settings={"accuracy": config["published"]["k3.test_accuracy"], "xor": {}},
        code=code_digest(f"{CODE}/summarise.py"),
    script:
        "../scripts/summarise.py"
