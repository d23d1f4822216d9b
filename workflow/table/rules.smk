# The study of the user's own table: not part of the main study, requested by name
# (`snakemake --cores 8 table --config table=my.csv target=label`).
TABLE_FIGURES = ["comparison", "tuning", "epochs", "outcome", "rows", "importance"]

if TABLE is None:
    if "table" in TARGETS:
        raise SystemExit(
            "Name the table and the column to predict: "
            "snakemake --cores 8 table --config table=my.csv target=label"
        )
else:
    # Snakemake takes braces in a path for wildcards, and then finds nothing to do.
    if set(TABLE.file) & set("{}"):
        raise SystemExit(
            f"{TABLE.file}: contains braces in its path; rename the file or the folder"
        )
    if TABLE.is_file and not (PROJECT / TABLE.file).is_file():
        beside = [path.name for path in (PROJECT / TABLE.file).parent.glob("*.*")]
        raise SystemExit(
            f"{TABLE.file}: no such file; {settings.hint(Path(TABLE.file).name, beside)}"
        )
    other = other_table(
        TABLE,
        Path(f"results/table/{TABLE.name}/about.json"),
        Path(f"reports/table/{TABLE.name}/numbers.json"),
        PROJECT,
    )
    if other and workflow.is_main_process:
        raise SystemExit(
            f"{TABLE.file}: reports/table/{TABLE.name} contains the study of {other}; "
            f"choose another folder with --config name=NAME"
        )
    TABLE_RESULTS, TABLE_REPORTS = (
        f"results/table/{TABLE.name}",
        f"reports/table/{TABLE.name}",
    )
    TABLE_LOGS = f"logs/table/{TABLE.name}"
    TABLE_ROWS = dict(
        rows=f"{TABLE_RESULTS}/rows.parquet", about=f"{TABLE_RESULTS}/about.json"
    )

    rule read_table:
        input:
            source=table_source,
        output:
            **TABLE_ROWS,
        log:
            f"{TABLE_LOGS}/read.log",
        localrule: True
        conda:
            ENV
        params:
            table=table_asked,
            # A file that is replaced by an older one is another table too.
            content=lambda wildcards: (
                file_digest(PROJECT / TABLE.file) if TABLE.is_file else None
            ),
            code=code_digest("workflow/table/read.py"),
        script:
            "read.py"

    rule tune_table:
        input:
            **TABLE_ROWS,
        output:
            chosen=f"{TABLE_RESULTS}/chosen.parquet",
        log:
            f"{TABLE_LOGS}/tune.log",
        conda:
            ENV
        threads: 1
        resources:
            mem_mb=memory_mb,
            runtime=minutes,
        params:
            table=table_asked,
            code=code_digest("workflow/table/tune.py"),
            versions=PEER_VERSIONS,
        script:
            "tune.py"

    rule fit_table_rivals:
        input:
            **TABLE_ROWS,
        output:
            predictions=f"{TABLE_RESULTS}/baselines.json",
        log:
            f"{TABLE_LOGS}/fit_rivals.log",
        conda:
            ENV
        threads: 1
        resources:
            mem_mb=memory_mb,
            runtime=minutes,
        params:
            table=table_asked,
            code=code_digest("workflow/table/fit_rivals.py"),
            versions=PEER_VERSIONS,
        script:
            "fit_rivals.py"

    rule refit_table:
        input:
            **TABLE_ROWS,
            chosen=rules.tune_table.output.chosen,
        output:
            predictions=f"{TABLE_RESULTS}/networks.parquet",
        log:
            f"{TABLE_LOGS}/refit.log",
        conda:
            ENV
        threads: 1
        resources:
            mem_mb=memory_mb,
            runtime=minutes,
        params:
            table=table_asked,
            code=code_digest("workflow/table/refit.py"),
            versions=VERSIONS,
        script:
            "refit.py"

    rule keep_table_model:
        input:
            **TABLE_ROWS,
            chosen=rules.tune_table.output.chosen,
        output:
            model=f"{TABLE_REPORTS}/model.npz",
        log:
            f"{TABLE_LOGS}/keep.log",
        conda:
            ENV
        threads: 1
        resources:
            mem_mb=memory_mb,
            runtime=minutes,
        params:
            table=table_asked,
            code=code_digest("workflow/table/keep.py"),
            versions=PEER_VERSIONS,
        script:
            "keep.py"

    rule explore_table:
        input:
            **TABLE_ROWS,
            chosen=rules.tune_table.output.chosen,
        output:
            found=f"{TABLE_RESULTS}/explored.parquet",
        log:
            f"{TABLE_LOGS}/explore.log",
        conda:
            ENV
        threads: 1
        resources:
            mem_mb=memory_mb,
            runtime=minutes,
        params:
            table=table_asked,
            code=code_digest("workflow/table/explore.py"),
            versions=PEER_VERSIONS,
        script:
            "explore.py"

    rule summarise_table:
        input:
            **TABLE_ROWS,
            chosen=rules.tune_table.output.chosen,
            networks=rules.refit_table.output.predictions,
            baselines=rules.fit_table_rivals.output.predictions,
            found=rules.explore_table.output.found,
        output:
            comparison=f"{TABLE_REPORTS}/comparison.csv",
            curve=f"{TABLE_REPORTS}/rows.csv",
            importance=f"{TABLE_REPORTS}/importance.csv",
            numbers=f"{TABLE_REPORTS}/numbers.json",
            summary=f"{TABLE_RESULTS}/summary.json",
        log:
            f"{TABLE_LOGS}/summarise.log",
        localrule: True
        conda:
            ENV
        params:
            table=table_asked,
            ledger=STUDY.ledger.model_dump(),
            code=code_digest("workflow/table/summarise.py"),
        script:
            "summarise.py"

    rule plot_table:
        input:
            **TABLE_ROWS,
            chosen=rules.tune_table.output.chosen,
            networks=rules.refit_table.output.predictions,
            comparison=rules.summarise_table.output.comparison,
            curve=rules.summarise_table.output.curve,
            importance=rules.summarise_table.output.importance,
            summary=rules.summarise_table.output.summary,
        output:
            svg=f"{TABLE_REPORTS}/{{table_figure}}.svg",
            png=f"{TABLE_REPORTS}/{{table_figure}}.png",
        log:
            f"{TABLE_LOGS}/plot_{{table_figure}}.log",
        wildcard_constraints:
            table_figure="|".join(TABLE_FIGURES),
        localrule: True
        conda:
            ENV
        params:
            code=lambda wildcards: code_digest(
                f"workflow/table/plots/plot_{wildcards.table_figure}.py"
            ),
        script:
            "plots/plot_{wildcards.table_figure}.py"

    rule write_table:
        input:
            about=TABLE_ROWS["about"],
            comparison=rules.summarise_table.output.comparison,
            numbers=rules.summarise_table.output.numbers,
            summary=rules.summarise_table.output.summary,
            figures=expand(f"{TABLE_REPORTS}/{{figure}}.svg", figure=TABLE_FIGURES),
            template=of_project("workflow/table/table.html"),
            shared=[
                of_project("workflow/report/base.html"),
                of_project("workflow/report/page.css"),
                of_project("workflow/report/page.js"),
            ],
        output:
            output=f"{TABLE_REPORTS}/index.html",
        log:
            f"{TABLE_LOGS}/write.log",
        localrule: True
        conda:
            ENV
        params:
            table=table_asked,
            study=STUDY.study,
            code=code_digest("workflow/table/write_table.py"),
        script:
            "write_table.py"

    rule table:
        input:
            rules.write_table.output,
            rules.keep_table_model.output,
        localrule: True
