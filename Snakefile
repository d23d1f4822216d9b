# The study: `snakemake --cores 8` makes everything, `snakemake --cores 8 reports/figures/fig5.svg`
# one figure. Settings: workflow/config/study.yaml.
from snakemake.utils import min_version

min_version("9.10")


configfile: "workflow/config/study.yaml"
configfile: "workflow/config/claims.yaml"
configfile: "workflow/config/record.yaml"


# The other sources, one chapter each: settings and claims in workflow/config/chapters, rules in
# workflow/rules/chapter_*.smk.
CHAPTERS = [
    "quadrants",
    "iris",
    "entities",
    "language",
    "practice",
    "labels",
    "mnist",
    "platforms",
]
for chapter in CHAPTERS:

    configfile: f"workflow/config/chapters/{chapter}.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/xor.smk"
include: "workflow/rules/isolet.smk"
include: "workflow/rules/clean.smk"
include: "workflow/rules/tuning.smk"
include: "workflow/rules/baselines.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/parity.smk"
include: "workflow/rules/record.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/rules.smk"
include: "workflow/rules/chapters.smk"


for chapter in CHAPTERS:

    include: f"workflow/rules/chapter_{chapter}.smk"


include: "workflow/rules/benchmark.smk"


localrules:
    all,


rule all:
    default_target: True
    input:
        "reports/index.html",
        "reports/numbers.json",
        "reports/claims.json",
        "reports/rules.html",
        expand("reports/chapters/{chapter}.html", chapter=CHAPTERS),
        expand(
            "reports/figures/{figure}.{form}",
            figure=FIGURES + SKETCHES + CHAPTER_FIGURES,
            form=["svg", "png"],
        ),
