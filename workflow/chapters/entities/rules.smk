# Named entities: one job trains all models, one summarises. CHAPTER is this folder's chapter.


rule:
    name:
        f"train_{CHAPTER.name}"
    input:
        tagged=of_project(f"workflow/chapters/{CHAPTER.name}/entities.txt"),
    output:
        predictions=f"results/{CHAPTER.name}/predictions.parquet",
        losses=f"results/{CHAPTER.name}/losses.parquet",
    log:
        f"logs/{CHAPTER.name}/train.log",
    benchmark:
        f"logs/{CHAPTER.name}/train.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
        gpu=GPU,
    params:
        # The name that a figure shows changes no prediction.
        settings={
            name: value for name, value in CHAPTER.params().items() if name != "shown"
        },
        code=CHAPTER.code("train"),
        versions=PEER_VERSIONS,
    script:
        "train.py"


rule:
    name:
        f"summarise_{CHAPTER.name}"
    input:
        tagged=of_project(f"workflow/chapters/{CHAPTER.name}/entities.txt"),
        predictions=f"results/{CHAPTER.name}/predictions.parquet",
        losses=f"results/{CHAPTER.name}/losses.parquet",
    output:
        scores="reports/tables/entities.csv",
        by_sentence="reports/tables/entities_name.csv",
        numbers=CHAPTER.numbers,
    log:
        f"logs/{CHAPTER.name}/summarise.log",
    localrule: True
    conda:
        ENV
    params:
        **CHAPTER.params("windows", "seeds", "ambiguous", "shown"),
        code=CHAPTER.code("summarise"),
    script:
        "summarise.py"
