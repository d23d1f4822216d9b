# The page of each chapter, from its numbers, tables and figures alone: a chapter runs without the
# study. What it trains stands in workflow/rules/chapter_NAME.smk.


rule chapter_page:
    input:
        numbers="reports/tables/numbers_{chapter}.csv",
        tables=lambda wildcards: expand(
            "reports/tables/{figure}.csv",
            figure=config["chapters"][wildcards.chapter]["figures"],
        ),
        figures=lambda wildcards: expand(
            "reports/figures/{figure}.svg",
            figure=config["chapters"][wildcards.chapter]["figures"],
        ),
        templates=[
            "workflow/report/chapter.html",
            "workflow/report/figure.html",
            "workflow/report/page.css",
            "workflow/report/chapters/{chapter}.html",
        ],
    output:
        page="reports/chapters/{chapter}.html",
    log:
        "logs/chapter_{chapter}.log",
    conda:
        ENV
    params:
        settings=lambda wildcards: config["chapters"][wildcards.chapter],
        claims=lambda wildcards: {
            name: CLAIMS[name] for name in CHAPTER_CLAIMS[wildcards.chapter]
        },
        ledger=config["ledger"],
        study=config["study"],
        code=code_digest(f"{CODE}/write_chapter.py"),
    script:
        "../scripts/write_chapter.py"
