# The numbers of the study in one file, and the page that shows them.


# What the numbers come out of: everything but the drawing and what is not part of the study.
STUDY_CODE = [
    script
    for script in sorted(Path(CODE).glob("*.py"))
    if not script.name.startswith(("plot", "sketch", "benchmark", "write_report"))
]


rule numbers:
    input:
        tables=expand("reports/tables/{name}.csv", name=NUMBERS),
        record=rules.fetch_isolet.output.record,
        others=[rules.fetch_mnist.output.record, rules.fetch_text.output.record],
    output:
        numbers="reports/numbers.json",
    log:
        "logs/numbers.log",
    conda:
        ENV
    params:
        config=config,
        code=code_digest(f"{CODE}/write_numbers.py"),
        study_code=code_digest(*STUDY_CODE),
    script:
        "../scripts/write_numbers.py"


rule report:
    input:
        numbers=rules.numbers.output.numbers,
        claims="reports/claims.json",
        tables=rules.numbers.input.tables,
        figures=expand("reports/figures/{name}.svg", name=SKETCHES + FIGURES),
        captions=expand("workflow/report/{name}.html", name=SKETCHES + FIGURES),
        template="workflow/report/index.html",
    output:
        page="reports/index.html",
    log:
        "logs/report.log",
    conda:
        ENV
    params:
        config=config,
        code=code_digest(f"{CODE}/write_report.py"),
    script:
        "../scripts/write_report.py"
