"""What the documentation site adds to the pages of docs/ (hooks of MkDocs).

Links that lead out of docs/ are relative, for readers on GitHub and in a checkout; the
site has no such files, so there they lead to the repository. The reference has a page
for each package, made from the docstrings of its modules.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PACKAGES = ("egnet_tf", "export")
# Of a link or image: [text](target) with an optional #anchor.
_LINK = re.compile(r"(\]\()(?P<path>[^()\s#:]+)(?P<anchor>#[^()\s]*)?(?=\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the reference to the navigation, one entry for each package."""
    pages = [{name: _page(name)} for name in reference()]
    assert config.nav is not None
    config.nav.append({"Reference": pages})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the reference pages, whose text mkdocstrings fills in."""
    for name, modules in reference().items():
        lines = [f"# `{name}`", *(f"::: {module}" for module in modules)]
        text = "\n\n".join(lines) + "\n"
        files.append(File.generated(config, _page(name), content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, **_: Any) -> str:
    """Points links that leave docs/ to the repository; links to the demo, if there."""
    if page.file.src_uri == "README.md" and (demo := os.environ.get("DEMO_PAGE")):
        # Not as a link of Markdown: the page is added when the site has been built.
        markdown += (
            f'\n<p><a href="{demo}">Try it in your browser</a>: the demo page.</p>\n'
        )
    return outside_links(markdown, page.file.src_uri, str(config.repo_url))


def reference() -> dict[str, list[str]]:
    """The modules of each package, public ones with a docstring, in alphabetical order.

    A package comes before its own modules. Commands of a package are modules as well.
    """
    found: dict[str, list[str]] = {}
    for package in PACKAGES:
        for folder in sorted({p.parent for p in (ROOT / package).rglob("__init__.py")}):
            name = ".".join(folder.relative_to(ROOT).parts)
            stems = sorted(p.stem for p in folder.glob("*.py") if p.stem[0] != "_")
            found[name] = [name, *(f"{name}.{stem}" for stem in stems)]
    return found


def outside_links(markdown: str, source: str, repository: str) -> str:
    """The text of a page whose links out of docs/ lead to files of the repository.

    Args:
        markdown: the text.
        source: the page's path within docs/, such as "experiments/litert.md".
        repository: the address of the repository.

    Raises:
        PluginError: a link leads to a file that does not exist.
    """

    def address(match: re.Match[str]) -> str:
        path = posixpath.normpath(
            posixpath.join("docs", posixpath.dirname(source), match["path"])
        )
        if path.startswith("docs/"):
            return match[0]  # MkDocs checks it.
        if not (ROOT / path).exists():
            raise PluginError(f"{source}: a link to {path}, which does not exist")
        kind = "tree" if (ROOT / path).is_dir() else "blob"
        return f"{match[1]}{repository}/{kind}/main/{path}{match['anchor'] or ''}"

    return _LINK.sub(address, markdown)


def _page(package: str) -> str:
    return f"reference/{package}.md"
