# The labels chapter: one job that computes, on data that scikit-learn brings along.


rule train_labels:
    output:
        tables=expand(
            "results/chapters/labels/{table}.parquet",
            table=[
                "slopes",
                "checks",
                "failure",
                "binary",
                "tried",
                "peers",
                "losses",
                "counter",
                "gradients",
                "depths",
                "coding",
                "coding_tried",
            ],
        ),
    log:
        "logs/train_labels.log",
    benchmark:
        "logs/train_labels.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        settings={
            key: value
            for key, value in config["chapters"]["labels"].items()
            if key not in ("title", "source", "figures")
        },
        code=code_digest(f"{CODE}/train_labels.py"),
        versions=PEER_VERSIONS,
    script:
        "../scripts/train_labels.py"


rule summarise_labels:
    input:
        tables=rules.train_labels.output.tables,
    output:
        numbers="reports/tables/numbers_labels.csv",
        labels="reports/tables/labels.csv",
        equations="reports/tables/labels_equations.csv",
        depth="reports/tables/gradient_depth.csv",
        coding="reports/tables/coding.csv",
    log:
        "logs/summarise_labels.log",
    conda:
        ENV
    params:
        code=code_digest(f"{CODE}/summarise_labels.py"),
    script:
        "../scripts/summarise_labels.py"


rule chapter_labels:
    input:
        "reports/chapters/labels.html",
        expand(
            "reports/figures/{figure}.{form}",
            figure=config["chapters"]["labels"]["figures"],
            form=["svg", "png"],
        ),
        expand("results/claims/{claim}.json", claim=CHAPTER_CLAIMS["labels"]),
