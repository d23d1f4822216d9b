# From logistic regression to a network, on irises: three models, one flower left out at a time, and
# the checks of formulas. CHAPTER is this folder's chapter.


rule:
    name:
        f"train_{CHAPTER.name}"
    output:
        runs=directory(f"results/{CHAPTER.name}"),
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
    params:
        settings=CHAPTER.params(),
        code=CHAPTER.code("train"),
        versions=PEER_VERSIONS,
    script:
        "train.py"


rule:
    name:
        f"summarise_{CHAPTER.name}"
    input:
        runs=f"results/{CHAPTER.name}",
    output:
        iris="reports/tables/iris.csv",
        forks="reports/tables/iris_forks.csv",
        nll="reports/tables/iris_nll.csv",
        numbers=CHAPTER.numbers,
    log:
        f"logs/{CHAPTER.name}/summarise.log",
    localrule: True
    conda:
        ENV
    params:
        settings=CHAPTER.params(),
        code=CHAPTER.code("summarise"),
    script:
        "summarise.py"
