# Chapter `quadrants` (mathspp): training sample by sample, all seeds and checks in one job.


rule train_quadrants:
    output:
        zero_target="results/chapters/quadrants/zero_target.parquet",
        curve="results/chapters/quadrants/curve.parquet",
        pictures="results/chapters/quadrants/pictures.parquet",
        errors="results/chapters/quadrants/errors.parquet",
        refused="results/chapters/quadrants/refused.parquet",
        line="results/chapters/quadrants/line.parquet",
    log:
        "logs/train_quadrants.log",
    benchmark:
        "logs/train_quadrants.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        settings={
            key: value
            for key, value in config["chapters"]["quadrants"].items()
            if key not in ("title", "source", "figures")
        },
        code=code_digest(f"{CODE}/train_quadrants.py"),
        versions=VERSIONS,
    script:
        "../scripts/train_quadrants.py"


rule summarise_quadrants:
    input:
        zero_target=rules.train_quadrants.output.zero_target,
        curve=rules.train_quadrants.output.curve,
        pictures=rules.train_quadrants.output.pictures,
        errors=rules.train_quadrants.output.errors,
        refused=rules.train_quadrants.output.refused,
        line=rules.train_quadrants.output.line,
    output:
        zero_target="reports/tables/zero_target.csv",
        quadrants="reports/tables/quadrants.csv",
        errors="reports/tables/quadrants_errors.csv",
        refused="reports/tables/quadrants_refused.csv",
        numbers="reports/tables/numbers_quadrants.csv",
    log:
        "logs/summarise_quadrants.log",
    conda:
        ENV
    params:
        settings=config["chapters"]["quadrants"],
        code=code_digest(f"{CODE}/summarise_quadrants.py"),
    script:
        "../scripts/summarise_quadrants.py"


rule chapter_quadrants:
    input:
        "reports/chapters/quadrants.html",
        expand(
            "reports/figures/{figure}.{form}",
            figure=config["chapters"]["quadrants"]["figures"],
            form=["svg", "png"],
        ),
        expand("results/claims/{claim}.json", claim=CHAPTER_CLAIMS["quadrants"]),


localrules:
    chapter_quadrants,
