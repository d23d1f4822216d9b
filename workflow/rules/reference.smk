# Trainings that several chapters read: the network of the source, with and without momentum, and the
# same network at several batch sizes.

# The momentum of the source's network, which chapters compare with.
MOMENTUM = max(STUDY.reference.arms.momentum)

# What each job trains.
SHARED = parts("results", STUDY.experiments)


rule train:
    input:
        train=rules.fetch_isolet.output.train,
        test=rules.fetch_isolet.output.test,
    output:
        epochs="results/{name}/epochs.parquet",
        speakers="results/{name}/speakers.parquet",
    log:
        "logs/train/{name}.log",
    benchmark:
        "logs/train/{name}.tsv"
    wildcard_constraints:
        name="|".join(SHARED),
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
        gpu=GPU,
    params:
        experiment=lambda wildcards: SHARED[wildcards.name].model_dump(),
        code=code_digest("workflow/scripts/train.py"),
        versions=VERSIONS,
    script:
        "../scripts/train.py"
