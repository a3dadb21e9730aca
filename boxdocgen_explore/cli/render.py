"""``boxdocgen render``: a notebook, run from top to bottom, as one HTML page.

The page needs no network and no kernel. Explorers in it filter the jobs that the page contains. The
browser runs only the page's own script, and nothing from the notebook.
"""

from __future__ import annotations

import argparse
import copy
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from boxdocgen_explore.arguments import output_file, output_path
from boxdocgen_explore.cli.options import add_command, parse_path, path_option
from boxdocgen_explore.cli.results import show
from boxdocgen_explore.cli.terminal import DONE
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.verdict import RENDER

_WIDGET: Final = "application/vnd.jupyter.widget-view+json"
# Code is folded, and unfolds without a script. Formulas, diagrams and scripts in outputs would need
# scripts from elsewhere: they are left out, or stay as source text.
_CELLS: Final = """
{%- extends 'basic/index.html.j2' -%}
{%- block input -%}
{%- if cell.source.strip() -%}
<details class="code"><summary>Code</summary>{{ super() }}</details>
{%- endif -%}
{%- endblock -%}
{%- block data_svg -%}
<img src="data:image/svg+xml;base64,{{ output.data['image/svg+xml'] | text_base64 | escape_html }}"
 alt="{{ output.data['text/plain'] | escape_html }}">
{%- endblock -%}
{%- block data_javascript -%}{%- endblock -%}
"""
# Elements that can navigate or send a request despite that policy. A browser only recognises one
# if its name directly follows "<", whatever surrounds it.
_CALLING: Final = re.compile(
    r"<(?=/?(?:applet|base|embed|fencedframe|form|frame|frameset|iframe|link|meta|object|portal|script)"
    r"(?![a-z0-9]))",
    re.IGNORECASE,
)


def add_commands(commands: Any) -> None:
    example = "boxdocgen render 01_explore.ipynb -o page.html"
    command = add_command(commands, "render", render, example)
    command.add_argument("notebook", type=parse_path, metavar="NOTEBOOK")
    target = command.add_mutually_exclusive_group(required=True)
    path_option(target, "-o", "--output", about="an .html file")
    target.add_argument("--in-place", action="store_true", help="write the outputs to the notebook")


def render(options: argparse.Namespace) -> int:
    """Run a notebook and write it as one page for people without Python."""
    target: Path = options.notebook if options.in_place else options.output
    output_path("the page", target, *([".ipynb"] if options.in_place else [".html", ".htm"]))
    notebook = run(options.notebook, for_page=not options.in_place)
    if options.in_place:
        import nbformat

        text = nbformat.writes(notebook) + "\n"  # type: ignore[no-untyped-call]
    else:
        text = to_html(notebook, options.notebook.stem)
    with output_file(target) as part:
        part.write_text(text, encoding="utf-8")
    show(options, [str(target)], {"page": str(target)})
    return DONE


def read(notebook: Path) -> Any:
    """Read a notebook.

    Raises:
        InvalidRequest: it cannot be read.
    """
    import nbformat

    try:
        text = notebook.read_text(encoding="utf-8")
        return nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise InvalidRequest(f"{notebook} cannot be read: {error.strerror or error}.") from None
    except (ValueError, nbformat.ValidationError):
        raise InvalidRequest(f"{notebook} is not a notebook.") from None


def run(path: Path, *, for_page: bool = False) -> Any:
    """Read a notebook, run it in its folder, and return it with its outputs.

    Outputs show their date instead of their age. ``for_page`` adds the explorers' jobs (`to_html`).

    Raises:
        InvalidRequest: it cannot be read, a cell raised an error, or its kernel ended.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from nbconvert.preprocessors import CoalesceStreamsPreprocessor

    notebook = read(path)
    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.resolve().parent)}},
        store_widget_state=False,
        # The kernel also writes to this terminal, and its warnings are not useful here.
        extra_arguments=["--log-level=ERROR"],
    )
    try:
        client.execute(env={**os.environ, RENDER: "page" if for_page else "notebook"})
    except CellExecutionError as error:
        raise InvalidRequest(f"A cell failed: {error.ename}: {error.evalue}") from None
    except DeadKernelError as error:
        raise InvalidRequest(f"The kernel ended before the notebook did: {error}") from None
    # Keep only the last line of a progress bar.
    CoalesceStreamsPreprocessor().preprocess(notebook, {})  # type: ignore[no-untyped-call]
    _remove_invisible(notebook)
    return notebook


def _remove_invisible(notebook: Any) -> None:
    """Remove widgets, their state and execution times, which need the kernel or change often."""
    notebook.metadata.pop("widgets", None)
    language = notebook.metadata.get("language_info", {})
    # Versions of Python and its tools are not visible, and change often.
    notebook.metadata["language_info"] = {key: language[key] for key in language if key == "name"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = list(_without_widgets(cell.outputs))


def _without_widgets(outputs: Iterable[Any]) -> Iterator[Any]:
    """Return the outputs without widgets, blank text, and names of widgets.

    An explorer's snapshot also names its widget, by an id that differs in each run.
    """
    ids = []
    for output in outputs:
        data = output.get("data", {})
        only_a_name = _WIDGET in data and set(data) <= {_WIDGET, "text/plain"}
        ids += [data.pop(_WIDGET)["model_id"]] if _WIDGET in data else []
        for widget_id in ids if "text/html" in data else ():
            data["text/html"] = data["text/html"].replace(widget_id, "")
        if output.get("text", "-").strip() and not only_a_name:
            yield output


def to_html(notebook: Any, title: str) -> str:
    """Convert a notebook with its outputs to a page that contains everything it shows.

    Explorers filter as in a report. Formulas and diagrams, which need scripts, stay source text, as
    does markup that would call another host, such as frames, forms, prefetched links and
    redirections.
    """
    from nbconvert import HTMLExporter

    from boxdocgen_explore.view import notebook_page

    notebook = copy.deepcopy(notebook)
    views = _take_views(notebook)
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        raw_template=_CELLS,
        embed_images=True,
        exclude_anchor_links=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    resources = {"metadata": {"name": title, "path": os.curdir}}
    body = str(exporter.from_notebook_node(notebook, resources)[0])
    return notebook_page(_CALLING.sub("&lt;", body), views, title)


def _take_views(notebook: Any) -> list[Any]:
    """Replace the explorers' data in the outputs with elements for the view."""
    from boxdocgen_explore.view import VIEW_MIME

    views: list[Any] = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if VIEW_MIME in data:
                place = f'<div id="boxdocgen-view-{len(views)}"></div>'
                data["text/html"] = place + data.get("text/html", "")
                views.append(data.pop(VIEW_MIME))
    return views
