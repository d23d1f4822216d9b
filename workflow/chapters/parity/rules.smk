# The same training by other libraries, and the seconds that an epoch takes. CHAPTER is this folder's
# chapter.


rule:
    name:
        f"train_{CHAPTER.name}"
    input:
        train=rules.fetch_isolet.output.train,
        test=rules.fetch_isolet.output.test,
    output:
        steps=f"results/{CHAPTER.name}/steps.parquet",
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
    params:
        **CHAPTER.params("parity"),
        program=STUDY.reference.programs()[0][1].model_dump(),
        torch=TORCH,
        code=CHAPTER.code("train"),
        versions=PEER_VERSIONS,
    script:
        "train.py"


# Reserves all cores, so that nothing else runs at the same time; every implementation uses one.
rule:
    name:
        f"measure_{CHAPTER.name}"
    input:
        train=rules.fetch_isolet.output.train,
    output:
        measured=f"results/{CHAPTER.name}/epochs.parquet",
    log:
        f"logs/{CHAPTER.name}/measure.log",
    conda:
        ENV
    threads: ALL_CORES
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
    params:
        **CHAPTER.params("timing"),
        threads=1,
        batch_sizes=STUDY.batch_sizes.model_dump(),
        torch=TORCH,
        code=CHAPTER.code("measure"),
        versions=PEER_VERSIONS,
    script:
        "measure.py"


rule:
    name:
        f"summarise_{CHAPTER.name}"
    input:
        steps=f"results/{CHAPTER.name}/steps.parquet",
        speakers=f"results/{CHAPTER.name}/speakers.parquet",
        measured=f"results/{CHAPTER.name}/epochs.parquet",
        runs="results/batch_sizes/epochs.parquet",
        run_speakers="results/batch_sizes/speakers.parquet",
        origin=rules.fetch_isolet.output.origin,
    output:
        parity_table="reports/tables/parity.csv",
        timing_table="reports/tables/timing.csv",
        numbers=CHAPTER.numbers,
        clocks=CHAPTER.clocks,
    log:
        f"logs/{CHAPTER.name}/summarise.log",
    localrule: True
    conda:
        ENV
    params:
        **CHAPTER.params("parity", "timing"),
        torch=TORCH,
        code=CHAPTER.code("summarise"),
    script:
        "summarise.py"
