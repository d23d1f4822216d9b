# Named entities: one job trains everything, one says what came out.


rule train_entities:
    input:
        text="workflow/config/chapters/entities.txt",
    output:
        predictions="results/chapters/entities/predictions.parquet",
        losses="results/chapters/entities/losses.parquet",
    log:
        "logs/train_entities.log",
    benchmark:
        "logs/train_entities.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        gpu=1,
    params:
        settings={
            key: value
            for key, value in config["chapters"]["entities"].items()
            if key not in ("title", "source", "figures", "shown")
        },
        code=code_digest(f"{CODE}/train_entities.py"),
        versions=PEER_VERSIONS,
    script:
        "../scripts/train_entities.py"


rule summarise_entities:
    input:
        text="workflow/config/chapters/entities.txt",
        predictions=rules.train_entities.output.predictions,
        losses=rules.train_entities.output.losses,
    output:
        scores="reports/tables/entities.csv",
        name="reports/tables/entities_name.csv",
        numbers="reports/tables/numbers_entities.csv",
    log:
        "logs/summarise_entities.log",
    conda:
        ENV
    params:
        settings=config["chapters"]["entities"],
        code=code_digest(f"{CODE}/summarise_entities.py"),
    script:
        "../scripts/summarise_entities.py"


rule chapter_entities:
    input:
        "reports/chapters/entities.html",
        expand(
            "reports/figures/{figure}.{form}",
            figure=config["chapters"]["entities"]["figures"],
            form=["svg", "png"],
        ),
        expand("results/claims/{claim}.json", claim=CHAPTER_CLAIMS["entities"]),
