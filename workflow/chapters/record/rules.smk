# The best network for the official split of ISOLET. The search and the ablation are asked for by name
# (`snakemake record`); the study only trains the recipe. CHAPTER is this folder's chapter.
import hashlib
import json

ABLATION = f"reports/{CHAPTER.name}/ablation.csv"
# Names the recipe, so that an ablation of another one is recognised.
RECIPE = hashlib.sha256(
    json.dumps(CHAPTER.params("network"), sort_keys=True).encode()
).hexdigest()[:12]


rule:
    name:
        f"search_{CHAPTER.name}"
    input:
        train=rules.fetch_isolet.output.train,
        origin=rules.fetch_isolet.output.origin,
    output:
        trials=f"reports/{CHAPTER.name}/search.csv",
    log:
        f"logs/{CHAPTER.name}/search.log",
    benchmark:
        f"logs/{CHAPTER.name}/search.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
    params:
        **CHAPTER.params("search"),
        code=CHAPTER.code("search"),
        versions=PEER_VERSIONS,
    script:
        "search.py"


rule:
    name:
        f"ablate_{CHAPTER.name}"
    input:
        train=rules.fetch_isolet.output.train,
        origin=rules.fetch_isolet.output.origin,
    output:
        ablation=ABLATION,
    log:
        f"logs/{CHAPTER.name}/ablate.log",
    benchmark:
        f"logs/{CHAPTER.name}/ablate.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
    params:
        **CHAPTER.params("network", "search"),
        recipe=RECIPE,
        code=CHAPTER.code("ablate"),
        versions=PEER_VERSIONS,
    script:
        "ablate.py"


rule:
    name:
        CHAPTER.name
    input:
        f"reports/{CHAPTER.name}/search.csv",
        ABLATION,
    localrule: True


rule:
    name:
        f"train_{CHAPTER.name}"
    input:
        train=rules.fetch_isolet.output.train,
        test=rules.fetch_isolet.output.test,
    output:
        speakers=f"results/{CHAPTER.name}/speakers.parquet",
        predictions=f"results/{CHAPTER.name}/predictions.parquet",
    log:
        f"logs/{CHAPTER.name}/train.log",
    benchmark:
        f"logs/{CHAPTER.name}/train.tsv"
    # A long job starts early.
    priority: 1
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
        gpu=GPU,
    params:
        **CHAPTER.params("members", "network"),
        code=CHAPTER.code("train"),
        versions=VERSIONS,
    script:
        "train.py"


rule:
    name:
        f"summarise_{CHAPTER.name}"
    input:
        speakers=f"results/{CHAPTER.name}/speakers.parquet",
        reference="results/reference/speakers.parquet",
        origin=rules.fetch_isolet.output.origin,
    output:
        record=f"reports/tables/{CHAPTER.name}.csv",
        numbers=CHAPTER.numbers,
    log:
        f"logs/{CHAPTER.name}/summarise.log",
    localrule: True
    conda:
        ENV
    # The ablation is read from the repository, not made: only `snakemake record` makes it.
    params:
        **CHAPTER.params("literature"),
        momentum=MOMENTUM,
        recipe=RECIPE,
        ablation=of_project(ABLATION),
        content=(
            (PROJECT / ABLATION).read_text(encoding="utf-8")
            if (PROJECT / ABLATION).exists()
            else ""
        ),
        code=CHAPTER.code("summarise"),
    script:
        "summarise.py"
