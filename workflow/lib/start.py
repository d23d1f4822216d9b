"""What is checked before Snakemake begins, where it would end with a traceback.

Snakemake reads the files after `--configfile` and makes its cache before it comes to the Snakefile.
The profile that it picks up first (profiles/default/config.yaml) calls `check`.
"""

import argparse
import tempfile
from pathlib import Path

from platformdirs import user_cache_path

from workflow.lib.reading import SettingsError, entry, read


def check(arguments: list[str]) -> None:
    """End with a sentence if the settings cannot be read or a folder cannot be written.

    Args:
        arguments: of Snakemake.

    Raises:
        SystemExit: with the sentence.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", default=[], type=Path)
    parser.add_argument("--config", "-C", nargs="*", default=[])
    named, _ = parser.parse_known_args(arguments)
    lines: list[str] = []
    for reader, given in ((read, named.configfile), (entry, named.config)):
        for each in given:
            try:
                reader(each)
            except SettingsError as error:
                lines += error.lines
    if lines:
        after = "\nTargets go before --configfile." if len(named.configfile) > 1 else ""
        raise SystemExit(f"The settings cannot be used:\n{SettingsError(*lines)}{after}")
    _write_to(Path(), "The study writes next to the Snakefile: run it in a copy of this folder.")
    cache = user_cache_path("snakemake", "snakemake")
    _write_to(cache, "Snakemake needs it: set XDG_CACHE_HOME to a folder that you may write to.")


def _write_to(folder: Path, advice: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = f"The folder {folder.absolute()} cannot be written to ({error.strerror})."
        raise SystemExit(f"{reason} {advice}") from None
