# The study: `snakemake --cores 8` makes everything, `snakemake --cores 8 reports/figures/fig5.svg`
# one figure, `snakemake --cores 8 chapter_iris` one chapter. Settings: workflow/config/study.yaml and
# the settings.yaml of each chapter.
import os
import sys

from snakemake.utils import min_version

min_version("9.12")
IMPORTS = list(sys.path)


# What `snakemake --report report.html` begins with.
report: "workflow/report/study.rst"


# Rules name files relative to this folder. Jobs on other machines come from where the study runs.
if workflow.is_main_process and not os.path.samefile(os.getcwd(), workflow.basedir):
    project = os.path.realpath(workflow.basedir)
    raise SystemExit(f"Run Snakemake in the project's folder: cd {project}")


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/reference.smk"


# The rules of each chapter find their own chapter in CHAPTER.
for CHAPTER in CHAPTERS.values():

    include: f"workflow/chapters/{CHAPTER.name}/rules.smk"


include: "workflow/rules/chapters.smk"
include: "workflow/rules/ledger.smk"
include: "workflow/rules/report.smk"
include: "workflow/rulebook/rules.smk"
include: "workflow/benchmark/rules.smk"
include: "workflow/ecosystem/rules.smk"
include: "workflow/table/rules.smk"


# Snakemake lets every script import from the folders of all included files. A script finds its own
# siblings anyway, and must not find the equally named ones of another chapter.
sys.path[:] = IMPORTS


rule all:
    default_target: True
    input:
        "reports/index.html",
        "reports/numbers.json",
        "reports/claims.json",
        "reports/clocks.json",
        "reports/clocks.html",
        "reports/rules.html",
        "reports/api.html",
        "reports/figures/ledger.svg",
        "reports/figures/ledger.png",
        "reports/costs.json",
        [chapter.reports() for chapter in CHAPTERS.values()],
    localrule: True


# Snakemake itself does not say which targets are near an unknown one.
command.check_targets(
    TARGETS,
    lambda target: any(
        target == rule.name or rule.is_producer(target) for rule in workflow.rules
    ),
    [
        *(rule.name for rule in workflow.rules),
        *(file for chapter in CHAPTERS.values() for file in chapter.reports()),
        *(f"results/claims/{claim}.json" for claim in CLAIMS),
        *(f"reports/tables/{figure}.csv" for figure in FIGURES),
    ],
)
