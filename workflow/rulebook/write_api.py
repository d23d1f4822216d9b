"""The page of the public interface: every public name, how it is called, and an example."""

from pathlib import Path

from docstrings import rules
from public import shelves
from sheets import sheet

from workflow.lib import job
from workflow.lib.tables import write_text


def main(template: Path, study: str, output: Path) -> None:
    """Write the page.

    Args:
        template: the page.
        study: "full" or "quick".
        output: HTML to write.
    """
    # A rule of a module has an anchor with the module, and one of the page of rules without it.
    derived = {rule.call.partition("(")[0].removeprefix("nn."): rule.name for rule in rules()}
    write_text(sheet(template, study, shelves=shelves(), derived=derived), output)


job.run(main, globals().get("snakemake"))
