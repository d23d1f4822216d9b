# The same networks on CPU and GPU, by our rules, jax.grad and PyTorch (S4).
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

# JAX's plugins for GPUs by version are a parameter: installing one measures anew.
PLUGINS = {}
for plugin in ("jax-cuda12-plugin", "jax-cuda13-plugin", "jax-rocm7-plugin"):
    with suppress(PackageNotFoundError):
        PLUGINS[plugin] = version(plugin)


# Takes all cores, so that nothing else runs beside it; how many it uses is a setting.
rule train_platforms:
    output:
        where="results/chapters/platforms/where.parquet",
        gradients="results/chapters/platforms/gradients.parquet",
        steps="results/chapters/platforms/steps.parquet",
        differences="results/chapters/platforms/differences.parquet",
        convolutions="results/chapters/platforms/convolutions.parquet",
    log:
        "logs/train_platforms.log",
    benchmark:
        "logs/train_platforms.tsv"
    conda:
        ENV
    threads: workflow.cores
    resources:
        mem_mb=3000,
        gpu=1,
    params:
        settings={
            key: value
            for key, value in config["chapters"]["platforms"].items()
            if key not in ("title", "source", "figures")
        },
        torch=TORCH,
        plugins=PLUGINS,
        code=code_digest(f"{CODE}/train_platforms.py"),
        versions=VERSIONS,
    script:
        "../scripts/train_platforms.py"


rule summarise_platforms:
    input:
        where=rules.train_platforms.output.where,
        gradients=rules.train_platforms.output.gradients,
        steps=rules.train_platforms.output.steps,
        differences=rules.train_platforms.output.differences,
        convolutions=rules.train_platforms.output.convolutions,
    output:
        table="reports/tables/platforms.csv",
        ratios="reports/tables/platforms_ratios.csv",
        gradients="reports/tables/platforms_gradients.csv",
        convolutions="reports/tables/platforms_convolutions.csv",
        numbers="reports/tables/numbers_platforms.csv",
    log:
        "logs/summarise_platforms.log",
    conda:
        ENV
    params:
        settings=rules.train_platforms.params.settings,
        code=code_digest(f"{CODE}/summarise_platforms.py"),
    script:
        "../scripts/summarise_platforms.py"


rule chapter_platforms:
    input:
        "reports/chapters/platforms.html",
        expand("reports/figures/platforms.{form}", form=["svg", "png"]),
        expand("results/claims/{claim}.json", claim=CHAPTER_CLAIMS["platforms"]),
