"""Write the module list of docs/architecture.md from the source tree, or check it with --check.

The layers and their order come from the import contract in pyproject.toml, the sentences from the
modules' docstrings: the page cannot say anything that the code does not.
"""

import ast
import difflib
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "glassbridge"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- modules: written by scripts/architecture_page.py -->\n"
END = "<!-- end of modules -->\n"


def first_line(module: Path) -> str:
    """What a module says of itself."""
    docstring = ast.get_docstring(ast.parse(module.read_text())) or ""
    return docstring.partition("\n")[0]


def layers() -> list[list[str]]:
    """The layers of the import contract, top first; those of one line may not know each other."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = config["tool"]["importlinter"]["contracts"]
    (contract,) = (c for c in contracts if c["type"] == "layers")
    return [[name.strip() for name in line.split("|")] for line in contract["layers"]]


def module_list() -> Iterator[str]:
    """The generated part, line by line."""
    for layer in layers():
        for name in layer:
            yield from _layer(name)


def _layer(name: str) -> Iterator[str]:
    single = PACKAGE / f"{name}.py"
    if single.exists():
        yield f"\n### {name}\n\n{first_line(single)}\n"
        return
    folder = PACKAGE / name
    yield f"\n### {name}\n\n{first_line(folder / '__init__.py')}\n"
    modules = sorted(folder.rglob("*.py"), key=lambda m: (m.parent, m.stem != "__init__", m.stem))
    rows = [(_label(m, folder), first_line(m)) for m in modules if m != folder / "__init__.py"]
    if rows:
        yield "\n| module | what it owns |\n| --- | --- |\n"
        yield from (f"| `{label}` | {line.replace('|', chr(92) + '|')} |\n" for label, line in rows)


def _label(module: Path, folder: Path) -> str:
    inner = module.relative_to(folder)
    return f"{inner.parent}/" if module.stem == "__init__" else str(inner.with_suffix(""))


def page() -> str:
    """The whole page as it should be; raises ValueError where the markers are missing."""
    old = PAGE.read_text()
    head, begin, rest = old.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} has lost its markers {BEGIN!r} and {END!r}")
    return f"{head}{BEGIN}{''.join(module_list())}\n{END}{tail}"


def main() -> int:
    """Write or check; the exit code is 1 when the page is not what it should be."""
    old, new = PAGE.read_text(), page()
    if "--check" not in sys.argv:
        PAGE.write_text(new)
        return 0
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), "written", "should be"
    )
    sys.stdout.writelines(lines)
    return int(old != new)


if __name__ == "__main__":
    sys.exit(main())
