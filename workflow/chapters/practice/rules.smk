# Training advice on ISOLET: all ablations in one job. CHAPTER is this folder's chapter.


rule:
    name:
        f"train_{CHAPTER.name}"
    input:
        train=rules.fetch_isolet.output.train,
        test=rules.fetch_isolet.output.test,
    output:
        runs=f"results/{CHAPTER.name}/runs.parquet",
        speakers=f"results/{CHAPTER.name}/speakers.parquet",
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
        **CHAPTER.params("seeds", "order_seed", "held_out_seed", "base", "arms"),
        code=CHAPTER.code("train"),
        versions=VERSIONS,
    script:
        "train.py"


rule:
    name:
        f"summarise_{CHAPTER.name}"
    input:
        runs=f"results/{CHAPTER.name}/runs.parquet",
        speakers=f"results/{CHAPTER.name}/speakers.parquet",
        origin=rules.fetch_isolet.output.origin,
    output:
        practice="reports/tables/practice.csv",
        numbers=CHAPTER.numbers,
    log:
        f"logs/{CHAPTER.name}/summarise.log",
    localrule: True
    conda:
        ENV
    params:
        **CHAPTER.params("differences"),
        code=CHAPTER.code("summarise"),
    script:
        "summarise.py"
