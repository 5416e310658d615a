"""The shape of the code: layers, sizes, and a page that tells the truth about both."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = sorted(
    module for folder in ("src", "scripts", "bench") for module in (ROOT / folder).rglob("*.py")
)
MODULE_LINES, FUNCTION_LINES = 300, 50


def sizes() -> Iterator[tuple[str, int, int]]:
    """Every module and function: its name, its lines, the limit."""
    for module in CODE:
        name = str(module.relative_to(ROOT))
        text = module.read_text()
        yield name, len(text.splitlines()), MODULE_LINES
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                yield f"{name}:{node.name}", node.end_lineno - node.lineno + 1, FUNCTION_LINES


def test_there_is_code_to_check() -> None:
    assert len(CODE) > 40


def test_modules_and_functions_stay_small() -> None:
    grown = {name: lines for name, lines, limit in sizes() if lines > limit}
    assert not grown, f"over {MODULE_LINES} lines a module or {FUNCTION_LINES} a function: {grown}"


def test_imports_point_down() -> None:
    """The contracts in pyproject.toml."""
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "0 broken" in checked.stdout


@pytest.mark.parametrize("module", CODE, ids=lambda m: str(m.relative_to(ROOT)))
def test_every_module_says_what_it_is(module: Path) -> None:
    docstring = ast.get_docstring(ast.parse(module.read_text()))
    assert docstring, "no docstring"
    assert docstring.partition("\n")[0].endswith("."), "its first line is not a sentence"


def test_the_architecture_page_lists_the_modules_as_they_are() -> None:
    checked = subprocess.run(
        [sys.executable, ROOT / "scripts" / "architecture_page.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, f"run: make docs\n{checked.stdout}{checked.stderr}"
