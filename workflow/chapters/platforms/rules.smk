# The same networks on CPU and GPU, by hand-derived rules, jax.grad and PyTorch. CHAPTER is this
# folder's chapter.
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

# The versions of JAX's plugins for GPUs are a parameter: installing one measures anew.
PLUGINS = {}
for plugin in ("jax-cuda12-plugin", "jax-cuda13-plugin", "jax-rocm7-plugin"):
    with suppress(PackageNotFoundError):
        PLUGINS[plugin] = version(plugin)


# Reserves all cores, so that nothing else runs at the same time; how many it uses is a setting.
rule:
    name:
        f"measure_{CHAPTER.name}"
    output:
        runs=directory(f"results/{CHAPTER.name}"),
    log:
        f"logs/{CHAPTER.name}/measure.log",
    benchmark:
        f"logs/{CHAPTER.name}/measure.tsv"
    conda:
        ENV
    threads: ALL_CORES
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
        gpu=GPU,
    params:
        settings=CHAPTER.params(),
        threads=CHAPTER.settings.threads,
        torch=TORCH,
        plugins=PLUGINS,
        code=CHAPTER.code("measure"),
        versions=VERSIONS,
    script:
        "measure.py"


rule:
    name:
        f"summarise_{CHAPTER.name}"
    input:
        runs=f"results/{CHAPTER.name}",
    output:
        throughput="reports/tables/platforms.csv",
        ratios="reports/tables/platforms_ratios.csv",
        gradients="reports/tables/platforms_gradients.csv",
        convolutions="reports/tables/platforms_convolutions.csv",
        milliseconds="reports/tables/platforms_milliseconds.csv",
        numbers=CHAPTER.numbers,
        clocks=CHAPTER.clocks,
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
