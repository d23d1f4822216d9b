# ISOLET: one job per training program, one table per figure.


rule train_isolet:
    input:
        train=rules.fetch_isolet.output.train,
        test=rules.fetch_isolet.output.test,
    output:
        epochs="results/runs/{experiment}/{program}/epochs.parquet",
        speakers="results/runs/{experiment}/{program}/speakers.parquet",
    log:
        "logs/train_isolet/{experiment}/{program}.log",
    benchmark:
        "logs/train_isolet/{experiment}/{program}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        gpu=1,
    params:
        program=lambda wildcards: PROGRAMS[wildcards.experiment][wildcards.program][1],
        code=code_digest(f"{CODE}/train_isolet.py"),
        versions=VERSIONS,
    script:
        "../scripts/train_isolet.py"


rule summarise_isolet:
    input:
        runs=lambda wildcards: RUNS[wildcards.figure],
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
            name: FOLDERS[name] for name in SOURCES[wildcards.figure]
        },
        settings={"accuracy": config["published"]["k3.test_accuracy"], "xor": {}},
        code=code_digest(f"{CODE}/summarise.py"),
    script:
        "../scripts/summarise.py"
