# ISOLET, checked: from a local folder, the public source, or a marked stand-in. The splits lie in
# files of their own: what takes only `train` has not seen the test speakers.


rule fetch_isolet:
    output:
        train="results/data/train.parquet",
        test="results/data/test.parquet",
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
