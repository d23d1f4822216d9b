# What other classifiers reach on the same split. CHAPTER is this folder's chapter.


rule:
    name:
        f"tune_{CHAPTER.name}"
    input:
        train=rules.fetch_isolet.output.train,
    output:
        trials=f"results/{CHAPTER.name}/trials.parquet",
        choices=f"results/{CHAPTER.name}/choices.json",
    log:
        f"logs/{CHAPTER.name}/tune.log",
    benchmark:
        f"logs/{CHAPTER.name}/tune.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
    params:
        **CHAPTER.params("grids", "folds"),
        code=CHAPTER.code("tune"),
        versions=PEER_VERSIONS,
    script:
        "tune.py"


rule:
    name:
        f"fit_{CHAPTER.name}"
    input:
        train=rules.fetch_isolet.output.train,
        test=rules.fetch_isolet.output.test,
        choices=f"results/{CHAPTER.name}/choices.json",
    output:
        speakers=f"results/{CHAPTER.name}/speakers.parquet",
    log:
        f"logs/{CHAPTER.name}/fit.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
    params:
        code=CHAPTER.code("fit"),
        versions=PEER_VERSIONS,
    script:
        "fit.py"


rule:
    name:
        f"summarise_{CHAPTER.name}"
    input:
        speakers=f"results/{CHAPTER.name}/speakers.parquet",
        trials=f"results/{CHAPTER.name}/trials.parquet",
        choices=f"results/{CHAPTER.name}/choices.json",
        reference="results/reference/speakers.parquet",
        literature=of_project(f"workflow/chapters/{CHAPTER.name}/literature.yaml"),
        origin=rules.fetch_isolet.output.origin,
    output:
        table="reports/tables/baselines.csv",
        tuning="reports/tables/baselines_tuning.csv",
        numbers=CHAPTER.numbers,
    log:
        f"logs/{CHAPTER.name}/summarise.log",
    localrule: True
    conda:
        ENV
    params:
        momentum=MOMENTUM,
        code=CHAPTER.code("summarise"),
    script:
        "summarise.py"
