# XOR: all settings and seeds in one job. CHAPTER is this folder's chapter.


rule:
    name:
        f"train_{CHAPTER.name}"
    output:
        runs=f"results/{CHAPTER.name}/runs.parquet",
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
        **CHAPTER.params("activations", "init", "arms", "epochs", "seeds"),
        code=CHAPTER.code("train"),
        versions=VERSIONS,
    script:
        "train.py"


rule:
    name:
        f"summarise_{CHAPTER.name}"
    input:
        runs=f"results/{CHAPTER.name}/runs.parquet",
    output:
        table="reports/tables/xor.csv",
        numbers=CHAPTER.numbers,
    log:
        f"logs/{CHAPTER.name}/summarise.log",
    localrule: True
    conda:
        ENV
    params:
        **CHAPTER.params("reference"),
        code=CHAPTER.code("summarise"),
    script:
        "summarise.py"
