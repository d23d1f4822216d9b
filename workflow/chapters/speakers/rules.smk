# Who speaks in which rows, and what a split that shares speakers reports. CHAPTER is this folder's
# chapter.


rule:
    name:
        f"correlate_{CHAPTER.name}"
    input:
        train=rules.fetch_isolet.output.train,
        test=rules.fetch_isolet.output.test,
    output:
        pairs=f"results/{CHAPTER.name}/pairs.parquet",
        letters=f"results/{CHAPTER.name}/letters.parquet",
    log:
        f"logs/{CHAPTER.name}/correlate.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
    params:
        code=CHAPTER.code("correlate"),
        versions=VERSIONS,
    script:
        "correlate.py"


rule:
    name:
        f"cross_validate_{CHAPTER.name}"
    input:
        train=rules.fetch_isolet.output.train,
    output:
        counts=f"results/{CHAPTER.name}/counts.parquet",
    log:
        f"logs/{CHAPTER.name}/cross_validate.log",
    benchmark:
        f"logs/{CHAPTER.name}/cross_validate.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
    params:
        **CHAPTER.params("folds", "tuned"),
        momentum=MOMENTUM,
        network=STUDY.reference.programs()[0][1].model_dump() | CHAPTER.params("seeds"),
        code=CHAPTER.code("cross_validate"),
        versions=PEER_VERSIONS,
    script:
        "cross_validate.py"


rule:
    name:
        f"summarise_{CHAPTER.name}"
    input:
        pairs=f"results/{CHAPTER.name}/pairs.parquet",
        letters=f"results/{CHAPTER.name}/letters.parquet",
        counts=f"results/{CHAPTER.name}/counts.parquet",
        origin=rules.fetch_isolet.output.origin,
    output:
        audit="reports/tables/audit.csv",
        audit_counts="reports/tables/audit_counts.csv",
        leak="reports/tables/leak.csv",
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
