from __future__ import annotations

import re

import ipywidgets
import pytest
import traitlets

from boxdocgen_explore import view
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.view.widget import View


def test_the_widget_takes_a_state_and_links_it_both_ways():
    class Holder(traitlets.HasTraits):
        state = traitlets.Dict()

    widget, holder = View(), Holder()
    ipywidgets.link((widget, "state"), (holder, "state"))
    holder.state = {"status": ["failed"]}
    assert widget.state == {"status": ["failed"]}
    widget.state = {"text": "bonus"}
    assert holder.state == {"text": "bonus"}


def test_the_widget_refuses_an_invalid_state():
    widget = View(state={"status": ["failed"]})
    with pytest.raises(InvalidRequest, match="no key 'colour'"):
        widget.state = {"colour": ["red"]}
    assert widget.state == {"status": ["failed"]}


def test_the_front_end_is_one_module_that_loads_nothing():
    source = view.module()
    assert not re.search(r"^import ", source, flags=re.M)
    assert re.search(r"^export default \{", source, flags=re.M)
    assert len(source) < 1_200_000
