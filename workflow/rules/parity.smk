# The network beside the libraries: is it on a par (K6), how long does it train (K12, K17)?
from importlib.metadata import PackageNotFoundError, version

# PyTorch is optional. Its version, or its absence, is a parameter: installing it trains anew.
try:
    TORCH = version("torch")
except PackageNotFoundError:
    TORCH = None


rule train_parity:
    input:
        train=rules.fetch_isolet.output.train,
        test=rules.fetch_isolet.output.test,
    output:
        steps="results/parity/steps.parquet",
        speakers="results/parity/speakers.parquet",
    log:
        "logs/train_parity.log",
    benchmark:
        "logs/train_parity.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=3000,
    params:
        program={
            key: value
            for key, value in config["experiments"]["momentum"].items()
            if key not in ("optimizer", "arms", "shuffle")
        },
        settings=config["parity"],
        torch=TORCH,
        code=code_digest(f"{CODE}/train_parity.py"),
        versions=PEER_VERSIONS,
    script:
        "../scripts/train_parity.py"


rule summarise_parity:
    input:
        steps=rules.train_parity.output.steps,
        speakers=rules.train_parity.output.speakers,
        record=rules.fetch_isolet.output.record,
    output:
        table="reports/tables/parity.csv",
    log:
        "logs/summarise_parity.log",
    conda:
        ENV
    params:
        settings=config["parity"],
        torch=TORCH,
        code=code_digest(f"{CODE}/summarise_parity.py"),
    script:
        "../scripts/summarise_parity.py"


# Takes all cores, so that nothing else runs beside it.
rule time_training:
    input:
        train=rules.fetch_isolet.output.train,
    output:
        epochs="results/timing/epochs.parquet",
    log:
        "logs/time_training.log",
    conda:
        ENV
    threads: workflow.cores
    resources:
        mem_mb=2000,
    params:
        program={
            **{
                key: config["experiments"]["fig6"][key]
                for key in ("units", "layers", "activation", "init")
            },
            "learning_rate": config["experiments"]["fig6"]["arms"]["learning_rate"][0],
            "batch_sizes": config["experiments"]["fig6"]["vary"]["batch_size"],
        },
        settings=config["timing"],
        torch=TORCH,
        code=code_digest(f"{CODE}/time_training.py"),
        versions=PEER_VERSIONS,
    script:
        "../scripts/time_training.py"


rule summarise_timing:
    input:
        epochs=rules.time_training.output.epochs,
        runs=runs_of("fig6"),
        record=rules.fetch_isolet.output.record,
    output:
        table="reports/tables/timing.csv",
    log:
        "logs/summarise_timing.log",
    conda:
        ENV
    params:
        settings=config["timing"],
        torch=TORCH,
        code=code_digest(f"{CODE}/summarise_timing.py"),
    script:
        "../scripts/summarise_timing.py"
