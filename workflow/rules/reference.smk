# Trainings that several chapters read: the network of the source, with and without momentum, and the
# same network at several batch sizes.

# The momentum of the source's network, which chapters compare with.
MOMENTUM = max(STUDY.reference.arms.momentum)

for RUN, EXPERIMENT in STUDY.experiments.items():

    rule:
        name:
            f"train_{RUN}"
        input:
            train=rules.fetch_isolet.output.train,
            test=rules.fetch_isolet.output.test,
        output:
            epochs=f"results/{RUN}/epochs.parquet",
            speakers=f"results/{RUN}/speakers.parquet",
        log:
            f"logs/train_{RUN}.log",
        benchmark:
            f"logs/train_{RUN}.tsv"
        conda:
            ENV
        threads: 1
        resources:
            mem_mb=2000,
            gpu=1,
        params:
            experiment=EXPERIMENT.model_dump(),
            code=code_digest("workflow/scripts/train.py"),
            versions=VERSIONS,
        script:
            "../scripts/train.py"
