"""The two pages of the rulebook: one way to make them from templates."""

from pathlib import Path
from typing import Any

from excerpts import highlighted, place
from markupsafe import Markup
from typeset import code, equations, prose

from workflow.lib import page


def error(value: float | str | None) -> Markup:
    """A relative error with one digit, or a dash where there is none.

    Example:
        >>> print(error(3.2e-15), error(None), error(0.0))
        3e-15 &ndash; 0
    """
    if value is None:
        return Markup("&ndash;")
    return Markup("0") if float(value) == 0 else Markup(f"{float(value):.0e}")


def sheet(template: Path, study: str, **values: Any) -> str:
    """A page of the rulebook.

    Args:
        template: the page's template.
        study: "full" or "quick".
        values: what the template shows.

    Returns:
        HTML, with the rulebook's own style after that of all pages.
    """
    environment = page.environment(template.parent)
    environment.filters |= {"code": code, "prose": prose, "equations": equations}
    environment.filters |= {"error": error, "highlighted": highlighted, "place": place}
    text = environment.get_template(template.name).render(
        stand_in="", study=study, root="", **values
    )
    style = (template.parent / "rulebook.css").read_text(encoding="utf-8")
    return text.replace("</style>", f"{style}</style>", 1)
