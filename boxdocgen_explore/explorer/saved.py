"""The two outputs of an explorer's cell: the widget, and the snapshot for saved notebooks.

JupyterLab shows a widget without its kernel as an error, even if the same output has HTML. So the
snapshot is a separate output. It follows the widget, which hides it (``front_end/cell.js``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from IPython.core.getipython import get_ipython
from IPython.display import display
from ipywidgets import DOMWidget

from boxdocgen_explore.view.widget import View

_PAUSE_S: Final = 0.3
"""The snapshot is drawn this long after a change, and only once for several changes."""
_DRAWN: Final = ["state", "verdict", "cause", "notice", "batch_labels", "templates", "payload"]
"""The values of a view in its snapshot."""


def variable_of(value: object) -> str:
    """Return the name of a value in the notebook: its variable, or its output, such as _5."""
    names = [*getattr(get_ipython(), "user_ns", {}).items()]
    named = [name for name, one in names if one is value and name.strip("_")]
    return min(named, key=lambda name: (name[0] == "_", name), default="")


class Saved:
    """Displays a widget around a view, and below it the snapshot from ``draw`` (by MIME type).

    Once displayed, the snapshot follows the view, but not while it is loading. The view gets the
    name of the widget in the notebook.
    """

    def __init__(self, widget: DOMWidget, view: View, draw: Callable[[], dict[str, Any]]) -> None:
        self._widget, self._view, self._draw = widget, view, draw
        self._sent: dict[str, Any] | None = None
        self._timer: threading.Timer | None = None
        self._sending = threading.Lock()
        view.explorer_id = widget.model_id
        view.on_msg(lambda *_: self._name())  # an output such as _5 exists only after its cell
        view.observe(lambda _change: self._update_soon(), _DRAWN)

    def display(self) -> None:
        """Show both in the running cell."""
        # The text beside the widget is never updated, so only the snapshot has one.
        self._name()
        bundle = self._widget._repr_mimebundle_() | {"text/plain": ""}
        display(bundle, raw=True)  # type: ignore[no-untyped-call]
        with self._sending:
            self._sent = self._drawn()
            self._send(self._sent, update=False)

    def _name(self) -> None:
        self._view.variable = variable_of(self._widget)

    def _update_soon(self) -> None:
        if self._sent is None:
            return
        if self._timer:
            self._timer.cancel()
        self._timer = threading.Timer(_PAUSE_S, self._update)
        self._timer.daemon = True
        self._timer.start()

    def _update(self) -> None:
        if self._view.loading:
            self._update_soon()
            return
        with self._sending:
            before, self._sent = self._sent, self._drawn()
            if self._sent != before:
                self._send(self._sent, update=True)

    def _drawn(self) -> dict[str, Any]:
        """Draw, or show the error instead of the snapshot: the widget works without it."""
        try:
            return self._draw()
        except Exception as error:
            why = f"{type(error).__name__} while it was drawn"
            return {"text/html": f"<p>There is no snapshot: {why}. The explorer itself works.</p>"}

    def _send(self, drawn: dict[str, Any], *, update: bool) -> None:
        name = self._widget.model_id
        html = f'<div class="boxdocgen-saved-{name}">{drawn["text/html"]}</div>'
        bundle = {**drawn, "text/html": html, "text/plain": repr(self._widget)}
        display(bundle, raw=True, display_id=name, update=update)  # type: ignore[no-untyped-call]
