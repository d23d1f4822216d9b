"""Checks before Snakemake starts, where it would end with a traceback or say too little.

Snakemake reads the files after `--configfile` and makes its cache before it comes to the Snakefile.
The profile that it picks up first (profiles/default/config.yaml) calls `check`. The Snakefile calls
`check_targets`, once all rules are known.
"""

import argparse
import difflib
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from platformdirs import user_cache_path

from workflow.lib.reading import SettingsError, entry, read


def check(arguments: list[str]) -> None:
    """End with a sentence if settings cannot be read, a folder written to, or jobs started.

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
    if shlex.quote(sys.executable) != sys.executable:
        raise SystemExit(
            f"Snakemake cannot start jobs with {sys.executable}: the path contains a space or "
            "another special character. Create the environment elsewhere, for example with "
            "`python3 -m venv ~/nnjax-env`, and run its bin/snakemake here."
        )
    _write_to(Path(), "The study writes next to the Snakefile: run it in a copy of this folder.")
    cache = user_cache_path("snakemake", "snakemake")
    _write_to(cache, "Snakemake needs it: set XDG_CACHE_HOME to a folder that you can write to.")


WRITTEN = (".snakemake", "logs", "reports", "results")
"""The folders within the study that it writes to."""


def check_folder(study: Path) -> None:
    """End with a sentence if the study cannot write to one of its folders.

    Any of them may be a link to another disk.

    Args:
        study: the folder in which it runs.

    Raises:
        SystemExit: with the sentence.
    """
    for folder in (study, *(study / name for name in WRITTEN)):
        if folder.is_symlink() or folder.exists():
            _write_to(folder, "Change its permissions, or move it away.")


def age(reports: Iterable[Path]) -> None:
    """Make reports older than everything that they are made from.

    Args:
        reports: files.

    Raises:
        SystemExit: if one belongs to another user.
    """
    for report in reports:
        try:
            os.utime(report, (1, 1))
        except OSError as error:
            raise SystemExit(
                f"The report {report.absolute()} cannot be made again ({error.strerror}). Run the "
                "study in a copy of this folder that belongs to you."
            ) from None


def _write_to(folder: Path, advice: str) -> None:
    if folder.is_symlink() and not folder.exists():
        raise SystemExit(
            f"{folder.absolute()} is a link to {folder.readlink()}, which does not exist. Create "
            "that folder, or remove the link."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = f"The folder {folder.absolute()} cannot be written to ({error.strerror})."
        raise SystemExit(f"{reason} {advice}") from None


def check_targets(
    targets: Collection[str], makes: Callable[[str], bool], known: Sequence[str]
) -> None:
    """End with a sentence that suggests similar targets if one is unknown.

    Args:
        targets: asked for.
        makes: whether a rule has this name or makes this file.
        known: rules and files that users ask for; of equal names, the first counts.

    Raises:
        SystemExit: with the sentence.

    Example:
        >>> check_targets(["K31"], lambda target: False, ["results/claims/K13.json"])
        Traceback (most recent call last):
        SystemExit: Nothing makes K31. Did you mean results/claims/K13.json? ...
    """
    for target in targets:
        if not makes(target):
            # People type K13 and fig5 for the files that have these names.
            names = {form: name for name in reversed(known) for form in (Path(name).stem, name)}
            near = [target] if target in names else difflib.get_close_matches(target, names)
            meant = " or ".join(dict.fromkeys(names[name] for name in near))
            ask = f" Did you mean {meant}?" if near else ""
            raise SystemExit(
                f"Nothing makes {target}.{ask} The README lists the targets; `snakemake "
                "--list` lists the rules."
            )
