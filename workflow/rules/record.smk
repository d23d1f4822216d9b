# The record: the best network for the official split, chosen on the training speakers. The search is
# not part of the study's run but asked for by name (`snakemake record`).

import hashlib
import json

ABLATION = "reports/record/ablation.csv"
# Names the recipe, so that an ablation of another one does not pass for its own.
RECIPE = hashlib.sha256(
    json.dumps(config["record"]["network"], sort_keys=True).encode()
).hexdigest()[:12]


rule search_record:
    input:
        train=rules.fetch_isolet.output.train,
        record=rules.fetch_isolet.output.record,
    output:
        trials="reports/record/search.csv",
    log:
        "logs/search_record.log",
    benchmark:
        "logs/search_record.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        search=config["record_search"],
        code=code_digest(f"{CODE}/search_record.py"),
        versions=PEER_VERSIONS,
    script:
        "../scripts/search_record.py"


rule ablate_record:
    input:
        train=rules.fetch_isolet.output.train,
        record=rules.fetch_isolet.output.record,
    output:
        ablation=ABLATION,
    log:
        "logs/ablate_record.log",
    benchmark:
        "logs/ablate_record.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        recipe=config["record"],
        search=config["record_search"],
        digest=RECIPE,
        code=code_digest(f"{CODE}/ablate_record.py"),
        versions=PEER_VERSIONS,
    script:
        "../scripts/ablate_record.py"


rule record:
    input:
        rules.search_record.output.trials,
        rules.ablate_record.output.ablation,
    localrule: True


rule train_record:
    input:
        train=rules.fetch_isolet.output.train,
        test=rules.fetch_isolet.output.test,
    output:
        speakers="results/record/speakers.parquet",
        predictions="results/record/predictions.parquet",
    log:
        "logs/train_record.log",
    benchmark:
        "logs/train_record.tsv"
    # Long, and so not to be left for the end.
    priority: 1
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        gpu=1,
    params:
        recipe=config["record"],
        code=code_digest(f"{CODE}/train_record.py"),
        versions=VERSIONS,
    script:
        "../scripts/train_record.py"


rule summarise_record:
    input:
        speakers=rules.train_record.output.speakers,
        study="results/runs/momentum/speakers.parquet",
        record=rules.fetch_isolet.output.record,
    output:
        table="reports/tables/record.csv",
        beside="results/record/beside.csv",
    log:
        "logs/summarise_record.log",
    conda:
        ENV
    params:
        arm={"momentum": 0.9},
        published=config["record_published"],
        code=code_digest(f"{CODE}/summarise_record.py"),
    script:
        "../scripts/summarise_record.py"


# The ablation is read from the repository, not made: only `snakemake record` makes it.
rule plot_record:
    input:
        table=rules.summarise_record.output.table,
    output:
        svg="reports/figures/record.svg",
        png="reports/figures/record.png",
    log:
        "logs/plot_record.log",
    conda:
        ENV
    params:
        ablation=ABLATION,
        recipe=RECIPE,
        content=(
            Path(ABLATION).read_text(encoding="utf-8")
            if Path(ABLATION).exists()
            else ""
        ),
        code=code_digest(f"{CODE}/plot_record.py"),
    script:
        "../scripts/plot_record.py"
