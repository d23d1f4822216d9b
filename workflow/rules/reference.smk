# The network of the source, trained once with and without momentum: what several chapters compare
# with.


rule train_reference:
    input:
        train=rules.fetch_isolet.output.train,
        test=rules.fetch_isolet.output.test,
    output:
        epochs="results/reference/epochs.parquet",
        speakers="results/reference/speakers.parquet",
    log:
        "logs/train_reference.log",
    benchmark:
        "logs/train_reference.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        gpu=1,
    params:
        experiment=STUDY.reference.model_dump(),
        code=code_digest("workflow/scripts/train.py"),
        versions=VERSIONS,
    script:
        "../scripts/train.py"
