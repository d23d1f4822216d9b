# The verifier over other packages: not part of the study, asked for by name
# (`snakemake --cores 2 ecosystem`).
FIELD = [
    "jax.nn",
    "jax.numpy",
    "jax.numpy.linalg",
    "jax.scipy.linalg",
    "jax.scipy.special",
    "jax.scipy.stats",
    "optax.losses",
    "equinox.nn",
    "flax.nnx",
]


rule verify_field:
    output:
        result="results/ecosystem/{package}.json",
    log:
        "logs/ecosystem/{package}.log",
    wildcard_constraints:
        package="|".join(FIELD),
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
    params:
        code=code_digest(
            "workflow/ecosystem/verify_field.py",
            *PROJECT.glob("workflow/ecosystem/cases/*.py"),
        ),
        versions=VERSIONS,
        equinox=EQUINOX,
        flax=FLAX,
    script:
        "verify_field.py"


rule write_field:
    input:
        runs=expand(rules.verify_field.output.result, package=FIELD),
        template=of_project("workflow/ecosystem/ecosystem.html"),
        shared=[
            of_project("workflow/report/base.html"),
            of_project("workflow/report/page.css"),
            of_project("workflow/report/page.js"),
        ],
    output:
        found="reports/ecosystem.json",
        table="reports/ecosystem.csv",
        output="reports/ecosystem.html",
    log:
        "logs/ecosystem/write_field.log",
    localrule: True
    conda:
        ENV
    params:
        study=STUDY.study,
        code=code_digest("workflow/ecosystem/write_field.py"),
    script:
        "write_field.py"


rule ecosystem:
    input:
        "reports/ecosystem.html",
    localrule: True
