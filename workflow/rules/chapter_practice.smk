# The practice chapter: ablations on ISOLET, one job.


rule train_practice:
    input:
        train=rules.fetch_isolet.output.train,
        test=rules.fetch_isolet.output.test,
    output:
        runs="results/chapters/practice/runs.parquet",
        speakers="results/chapters/practice/speakers.parquet",
    log:
        "logs/train_practice.log",
    benchmark:
        "logs/train_practice.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=3000,
        gpu=1,
    params:
        settings={
            key: value
            for key, value in config["chapters"]["practice"].items()
            if key not in ("title", "source", "figures", "differences")
        },
        code=code_digest(f"{CODE}/train_practice.py"),
        versions=VERSIONS,
    script:
        "../scripts/train_practice.py"


rule summarise_practice:
    input:
        runs=rules.train_practice.output.runs,
        speakers=rules.train_practice.output.speakers,
        record=rules.fetch_isolet.output.record,
    output:
        table="reports/tables/practice.csv",
        numbers="reports/tables/numbers_practice.csv",
    log:
        "logs/summarise_practice.log",
    conda:
        ENV
    params:
        differences=config["chapters"]["practice"]["differences"],
        code=code_digest(f"{CODE}/summarise_practice.py"),
    script:
        "../scripts/summarise_practice.py"


rule chapter_practice:
    input:
        "reports/chapters/practice.html",
        expand(
            "reports/figures/{figure}.{form}",
            figure=config["chapters"]["practice"]["figures"],
            form=["svg", "png"],
        ),
        expand("results/claims/{claim}.json", claim=CHAPTER_CLAIMS["practice"]),
