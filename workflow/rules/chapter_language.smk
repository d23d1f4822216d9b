# Language models: two networks and counts of word sequences on one text.


rule train_language:
    input:
        text="results/data/text.txt",
    output:
        words="results/chapters/language/words.parquet",
        curves="results/chapters/language/curves.parquet",
        said="results/chapters/language/said.parquet",
        neighbours="results/chapters/language/neighbours.parquet",
        facts="results/chapters/language/facts.parquet",
    log:
        "logs/train_language.log",
    benchmark:
        "logs/train_language.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        settings={
            key: value
            for key, value in config["chapters"]["language"].items()
            if key not in ("title", "source", "figures", "intervals")
        },
        code=code_digest(f"{CODE}/train_language.py"),
        versions=VERSIONS,
    script:
        "../scripts/train_language.py"


rule summarise_language:
    input:
        words=rules.train_language.output.words,
        curves=rules.train_language.output.curves,
        said=rules.train_language.output.said,
        neighbours=rules.train_language.output.neighbours,
        facts=rules.train_language.output.facts,
        record="results/data/text.json",
    output:
        table="reports/tables/language.csv",
        samples="reports/tables/language_samples.csv",
        neighbours="reports/tables/language_neighbours.csv",
        numbers="reports/tables/numbers_language.csv",
    log:
        "logs/summarise_language.log",
    conda:
        ENV
    params:
        settings=config["chapters"]["language"],
        code=code_digest(f"{CODE}/summarise_language.py"),
    script:
        "../scripts/summarise_language.py"


rule chapter_language:
    input:
        "reports/chapters/language.html",
        "results/claims/H5.json",
        expand("reports/figures/language.{form}", form=["svg", "png"]),
