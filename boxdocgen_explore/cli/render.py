"""A notebook, run from top to bottom, as one HTML page: no network, no kernel, no script.

Of an explorer the page shows its snapshot; whoever wants to filter runs the notebook, or opens a
report.
"""

from __future__ import annotations

import copy
import os
import re
from pathlib import Path
from typing import Any, Final

from boxdocgen_explore.errors import InvalidRequest

_WIDGET: Final = "application/vnd.jupyter.widget-view+json"
_POLICY: Final = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; "
    "form-action 'none'\">"
)


def render(notebook: Path, output: Path) -> None:
    """Run a notebook and write what it shows as HTML; the notebook itself stays as it is.

    Raises:
        InvalidRequest: no notebook, a cell that raised an error, no file that can be written, or
            no tools to do it. Nothing is written then.
    """
    page = to_html(run(read(notebook), notebook.resolve().parent), notebook.stem)
    try:
        output.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{output} cannot be written: {error.strerror or error}.") from None


def refresh(notebook: Path) -> None:
    """Run a notebook and keep its outputs in it, without the state of widgets.

    Raises: as `render`.
    """
    import nbformat

    done = run(read(notebook), notebook.resolve().parent)
    try:
        text: str = nbformat.writes(done)  # type: ignore[no-untyped-call]
        notebook.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{notebook} cannot be written: {error.strerror or error}.") from None


def read(notebook: Path) -> Any:
    """Read a notebook.

    Raises:
        InvalidRequest: it cannot be read, or the tools for notebooks are not installed.
    """
    try:
        import nbclient  # noqa: F401 - asked for first, so that the sentence comes before any work
        import nbconvert  # noqa: F401
        import nbformat
    except ImportError:
        raise InvalidRequest(
            "The tools for notebooks are not installed: pip install 'boxdocgen-explore[lab]'."
        ) from None
    try:
        text = notebook.read_text(encoding="utf-8")
        return nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise InvalidRequest(f"{notebook} cannot be read: {error.strerror or error}.") from None
    except (ValueError, nbformat.ValidationError):
        raise InvalidRequest(f"{notebook} is not a notebook.") from None


def run(notebook: Any, folder: Path) -> Any:
    """Give a copy of the notebook with the outputs of its cells, as a file can keep them.

    Raises:
        InvalidRequest: a cell raised an error, or its kernel ended.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    done = copy.deepcopy(notebook)
    client = NotebookClient(
        done,
        timeout=None,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        store_widget_state=False,
        # The kernel writes to this terminal, too; what it warns of is nobody's concern here.
        extra_arguments=["--log-level=ERROR"],
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise InvalidRequest(f"A cell failed: {error.ename}: {error.evalue}") from None
    except DeadKernelError as error:
        raise InvalidRequest(f"The kernel ended before the notebook did: {error}") from None
    return tidy(done)


def tidy(notebook: Any) -> Any:
    """Keep of a notebook that was run what can be seen without its kernel.

    Widgets go, for what stands beside them; so do their state and times of execution. Progress
    bars are reduced to their last line.
    """
    notebook.metadata.pop("widgets", None)
    language = notebook.metadata.get("language_info", {})
    # The version of Python and of its tools says nothing of what is seen, and changes often.
    notebook.metadata["language_info"] = {key: language[key] for key in language if key == "name"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [kept for one in cell.outputs if (kept := _output(one))]
    return notebook


def _output(output: Any) -> Any | None:
    if output.output_type == "stream":
        output.text = last_lines(output.text)
        return output if output.text.strip() else None
    data = output.get("data", {})
    if data.pop(_WIDGET, None) is None:
        return output
    # A widget that has nothing beside it but its name, such as a progress bar, leaves nothing.
    return output if set(data) - {"text/plain"} else None


def last_lines(text: str) -> str:
    r"""Write what a terminal would show in the end: a carriage return starts the line anew.

    >>> last_lines("10 %\r50 %\r100 %\ndone\n")
    '100 %\ndone\n'
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


def to_html(notebook: Any, title: str) -> str:
    """Convert a notebook, outputs and all, to a page that holds everything it shows.

    The page has no script, so formulas and diagrams stay as they were typed.
    """
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_name="lab", embed_images=True, exclude_anchor_links=True
    )
    exporter.mathjax_url = exporter.require_js_url = exporter.mermaid_js_url = ""
    resources = {"metadata": {"name": title, "path": os.curdir}}
    page, _ = exporter.from_notebook_node(tidy(copy.deepcopy(notebook)), resources)
    # The template loads these scripts whatever their address.
    page = re.sub(r"<script\b[^>]*>.*?</script>", "", page, flags=re.DOTALL | re.IGNORECASE)
    return str(page).replace("<head>", f"<head>\n{_POLICY}", 1)
