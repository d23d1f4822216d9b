# The optimizers of the clean arm: how much tuning each needs, and what they reach with it.


rule summarise_tuning:
    input:
        speakers="results/tuning/optimizers/speakers.parquet",
        choices="results/tuning/optimizers/choices.parquet",
        record=rules.fetch_isolet.output.record,
    output:
        table="reports/tables/tuning.csv",
    log:
        "logs/summarise_tuning.log",
    conda:
        ENV
    params:
        code=code_digest(f"{CODE}/summarise_tuning.py"),
    script:
        "../scripts/summarise_tuning.py"


rule summarise_optimizers:
    input:
        runs=runs_of("fig8"),
        refits=expand(
            "results/clean/optimizers/{file}.parquet", file=["epochs", "speakers"]
        ),
        record=rules.fetch_isolet.output.record,
    output:
        table="reports/tables/optimizers.csv",
    log:
        "logs/summarise_optimizers.log",
    conda:
        ENV
    params:
        code=code_digest(f"{CODE}/summarise_optimizers.py"),
    script:
        "../scripts/summarise_optimizers.py"
