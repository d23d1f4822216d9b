"""A fingerprint of the code that a script runs, so that results are made anew when it changes.

Snakemake watches a rule's script, not what the script imports. Rules therefore carry the digest of
the project's modules that their script imports, directly or through others, as a parameter.
Comments, docstrings and layout do not count: only what the interpreter would see differently.
"""

import ast
import functools
import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def code_digest(*scripts: str | Path) -> str:
    """Digest of all project modules that the scripts import.

    Args:
        scripts: Python files, relative to the project's root or absolute. They count themselves.

    Returns:
        Sixteen hexadecimal digits.
    """
    pending, texts = [ROOT / script for script in scripts], dict[Path, str]()
    while pending:
        file = pending.pop()
        if file not in texts:
            texts[file] = file.read_text(encoding="utf-8")
            pending += _imported(file, texts[file])
    digest = hashlib.sha256()
    for file, text in sorted(texts.items()):
        _, code = _parsed(text)
        digest.update(f"{file.relative_to(ROOT)}\n{code}\n".encode())
    return digest.hexdigest()[:16]


def texts_digest(folder: str) -> str:
    """Digest of a folder's Python files, texts and comments included.

    Args:
        folder: relative to the project's root or absolute.

    Returns:
        Sixteen hexadecimal digits.
    """
    digest = hashlib.sha256()
    for file in sorted((ROOT / folder).rglob("*.py")):
        digest.update(f"{file.relative_to(ROOT)}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


# Most files count for many scripts; by their text, so that an edited file is read again.
@functools.cache
def _imported(file: Path, text: str) -> list[Path]:
    """Files of the project that a file imports: packages from the root, siblings by name."""
    names, _ = _parsed(text)
    places = [base / name.replace(".", "/") for name in names for base in (ROOT, file.parent)]
    candidates = [c for place in places for c in (place.with_suffix(".py"), place / "__init__.py")]
    return [candidate for candidate in candidates if candidate.is_file()]


@functools.cache
def _parsed(text: str) -> tuple[frozenset[str], str]:
    """The names that a Python text imports, and the text without docstrings."""
    tree = ast.parse(text)
    names = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # A bare string has no effect, wherever it is.
            node.body = [s for s in body if not _is_text(s)] or [ast.Pass()]  # type: ignore[attr-defined]
    return frozenset(names), ast.unparse(tree)


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
