# Binary labels, gradients by depth and class codings: one job computes everything, on data that come
# with scikit-learn. CHAPTER is this folder's chapter.


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
        **CHAPTER.params(),
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
        labels="reports/tables/labels.csv",
        labels_equations="reports/tables/labels_equations.csv",
        gradient_depth="reports/tables/gradient_depth.csv",
        coding="reports/tables/coding.csv",
        numbers=CHAPTER.numbers,
    log:
        f"logs/{CHAPTER.name}/summarise.log",
    localrule: True
    conda:
        ENV
    params:
        code=CHAPTER.code("summarise"),
    script:
        "summarise.py"
