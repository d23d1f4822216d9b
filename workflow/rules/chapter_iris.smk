# Chapter `iris` (Kamper): three models left one flower out at a time, and the checks of formulas.

IRIS_RUNS = [
    "left_out",
    "flowers",
    "regions",
    "units",
    "widths",
    "formulas",
    "forks",
    "nll",
]


rule train_iris:
    output:
        **{name: f"results/chapters/iris/{name}.parquet" for name in IRIS_RUNS},
    log:
        "logs/train_iris.log",
    benchmark:
        "logs/train_iris.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        settings={
            key: value
            for key, value in config["chapters"]["iris"].items()
            if key not in ("title", "source", "figures")
        },
        code=code_digest(f"{CODE}/train_iris.py"),
        versions=PEER_VERSIONS,
    script:
        "../scripts/train_iris.py"


rule summarise_iris:
    input:
        **{name: f"results/chapters/iris/{name}.parquet" for name in IRIS_RUNS},
    output:
        iris="reports/tables/iris.csv",
        forks="reports/tables/iris_forks.csv",
        nll="reports/tables/iris_nll.csv",
        numbers="reports/tables/numbers_iris.csv",
    log:
        "logs/summarise_iris.log",
    conda:
        ENV
    params:
        settings=config["chapters"]["iris"],
        code=code_digest(f"{CODE}/summarise_iris.py"),
    script:
        "../scripts/summarise_iris.py"


rule chapter_iris:
    input:
        "reports/chapters/iris.html",
        expand(
            "reports/figures/{figure}.{form}",
            figure=config["chapters"]["iris"]["figures"],
            form=["svg", "png"],
        ),
        expand("results/claims/{claim}.json", claim=CHAPTER_CLAIMS["iris"]),


localrules:
    chapter_iris,
