"""What a notebook calls an object, so that code which is copied runs in its next cell."""

from __future__ import annotations

from IPython import get_ipython


def variable(of: object) -> str:
    """Give its variable, or else its output, such as ``_5``; "" if the notebook has neither."""
    shell = get_ipython()
    names = [name for name, value in [*shell.user_ns.items()] if value is of] if shell else []
    lasting = [name for name in names if name.strip("_")]
    return min(lasting, key=lambda name: (name.startswith("_"), name), default="")
