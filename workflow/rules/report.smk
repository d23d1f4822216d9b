# The front page: the headline, the ledger, and the way to each chapter; the page of times; and what all
# of it cost.


rule write_index:
    input:
        [chapter.numbers for chapter in CHAPTERS.values()],
        numbers=rules.collect_numbers.output.numbers,
        claims=rules.write_ledger.output.claims,
        ledger_figure=rules.plot_ledger.output.svg,
        ledger_table=rules.write_ledger.output.table,
        thumbnails=[
            f"reports/figures/{figure}.png"
            for chapter in CHAPTERS.values()
            for figure in chapter.page.front
        ],
        templates=expand(
            of_project("workflow/report/{name}"),
            name=[
                "base.html",
                "figure.html",
                "index.html",
                "ledger.html",
                "page.css",
                "page.js",
            ],
        ),
    output:
        index="reports/index.html",
    log:
        "logs/write_index.log",
    localrule: True
    conda:
        ENV
    params:
        chapters={name: c.page.model_dump() for name, c in CHAPTERS.items()},
        claims_of={name: list(c.claims) for name, c in CHAPTERS.items()},
        tables={name: chapter.numbers for name, chapter in CHAPTERS.items()},
        headline=STUDY.headline,
        ledger=STUDY.ledger.model_dump(),
        verdict_rules=RULE_TEXTS,
        study=STUDY.study,
        code=code_digest("workflow/scripts/write_index.py"),
    script:
        "../scripts/write_index.py"


# The chapters that measure times.
TIMED = {name: chapter for name, chapter in CHAPTERS.items() if chapter.has_clocks}


rule write_clocks:
    input:
        [chapter.clocks for chapter in TIMED.values()],
        decided=rules.write_ledger.output.clocks,
        tables=[
            f"reports/tables/{name}.csv"
            for chapter in TIMED.values()
            for name in chapter.page.shown_tables(clocks=True)
        ],
        figures=[
            f"reports/figures/{name}.svg"
            for chapter in TIMED.values()
            for name in chapter.page.shown_figures(clocks=True)
        ],
        templates=[
            *(
                of_project(chapter.folder / "clocks.html")
                for chapter in TIMED.values()
            ),
            *(
                of_project(f"workflow/report/{name}.html")
                for name in ("base", "clocks", "figure", "ledger", "numbers")
            ),
            of_project("workflow/report/page.css"),
            of_project("workflow/report/page.js"),
        ],
    output:
        output="reports/clocks.html",
    log:
        "logs/write_clocks.log",
    localrule: True
    conda:
        ENV
    params:
        chapters={
            name: {
                "about": chapter.page.model_dump(),
                "settings": chapter.params(),
                "claims": list(chapter.claims),
                "clocks": chapter.clocks,
                "made_by": made_by(chapter.clocks),
                "template": of_project(chapter.folder / "clocks.html"),
            }
            for name, chapter in TIMED.items()
        },
        ledger=STUDY.ledger.model_dump(),
        verdict_rules=RULE_TEXTS,
        study=STUDY.study,
        code=code_digest("workflow/scripts/write_clocks.py"),
    script:
        "../scripts/write_clocks.py"


rule write_costs:
    input:
        "reports/rules.html",
        "reports/api.html",
        rules.write_clocks.output.output,
        rules.write_index.output.index,
        [chapter.reports() for chapter in CHAPTERS.values()],
    output:
        output="reports/costs.json",
    log:
        "logs/write_costs.log",
    localrule: True
    conda:
        ENV
    params:
        code=code_digest("workflow/scripts/write_costs.py"),
    script:
        "../scripts/write_costs.py"
