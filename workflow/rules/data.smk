# ISOLET, checked and in one table: from a local folder, the public source, or a marked stand-in.


rule fetch_isolet:
    output:
        isolet="results/data/isolet.parquet",
        record="results/data/isolet.json",
    log:
        "logs/fetch_isolet.log",
    conda:
        ENV
    params:
        data=config["data"],
        code=code_digest(f"{CODE}/fetch_isolet.py"),
    script:
        "../scripts/fetch_isolet.py"
