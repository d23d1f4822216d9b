# Speed: not part of the study, asked for by name (`snakemake --cores 2 benchmark`).
BENCHMARK = ["single", "ratios", "growth", "devices"]
# Made by hand on a machine with a GPU: `python -m nnjax.benchmark --gpu -o reports/gpu.json`.
GPU_ROWS = [path for path in ["reports/gpu.json"] if Path(path).exists()]


rule measure_speed:
    output:
        rows="reports/benchmark.json",
    log:
        "logs/benchmark/measure_speed.log",
    conda:
        ENV
    # Nothing else may run beside a clock.
    threads: ALL_CORES
    params:
        code=code_digest(
            *(
                path
                for path in PROJECT.glob("workflow/benchmark/*.py")
                if not path.name.startswith(("plot", "write"))
                and path.name not in ("devices.py", "stream.py")
            )
        ),
        torch=TORCH,
        equinox=EQUINOX,
        versions=PEER_VERSIONS,
    script:
        "benchmark.py"


rule measure_devices:
    output:
        rows="reports/benchmark_devices.json",
    log:
        "logs/benchmark/measure_devices.log",
    conda:
        ENV
    threads: ALL_CORES
    params:
        code=code_digest("workflow/benchmark/devices.py"),
    script:
        "devices.py"


rule measure_stream:
    output:
        rows="reports/benchmark_stream.json",
    log:
        "logs/benchmark/measure_stream.log",
    conda:
        ENV
    threads: ALL_CORES
    params:
        code=code_digest("workflow/benchmark/stream.py"),
    script:
        "stream.py"


rule plot_benchmark:
    input:
        rows=lambda wildcards: (
            "reports/benchmark_devices.json"
            if wildcards.figure == "devices"
            else "reports/benchmark.json"
        ),
    output:
        svg="reports/figures/benchmark_{figure}.svg",
        png="reports/figures/benchmark_{figure}.png",
    log:
        "logs/benchmark/plot_{figure}.log",
    wildcard_constraints:
        figure="|".join(BENCHMARK),
    localrule: True
    conda:
        ENV
    params:
        code=lambda wildcards: code_digest(
            f"workflow/benchmark/plots/plot_{wildcards.figure}.py"
        ),
    script:
        "plots/plot_{wildcards.figure}.py"


rule tabulate_benchmark:
    input:
        rows="reports/benchmark.json",
        on_devices="reports/benchmark_devices.json",
    output:
        **{figure: f"reports/tables/benchmark_{figure}.csv" for figure in BENCHMARK},
    log:
        "logs/benchmark/write_tables.log",
    localrule: True
    conda:
        ENV
    params:
        code=code_digest("workflow/benchmark/plots/write_tables.py"),
    script:
        "plots/write_tables.py"


rule write_benchmark:
    input:
        rows="reports/benchmark.json",
        streams="reports/benchmark_stream.json",
        gpu=GPU_ROWS,
        figures=expand("reports/figures/benchmark_{figure}.svg", figure=BENCHMARK),
        tables=list(rules.tabulate_benchmark.output),
        template=of_project("workflow/benchmark/benchmark.html"),
        shared=[
            of_project("workflow/report/base.html"),
            of_project("workflow/report/figure.html"),
            of_project("workflow/report/page.css"),
            of_project("workflow/report/page.js"),
        ],
    output:
        output="reports/benchmark.html",
    log:
        "logs/benchmark/write_benchmark.log",
    localrule: True
    conda:
        ENV
    params:
        study=STUDY.study,
        code=code_digest("workflow/benchmark/write_benchmark.py"),
    script:
        "write_benchmark.py"


rule benchmark:
    input:
        "reports/benchmark.html",
    localrule: True
