from __future__ import annotations

import re

from boxdocgen_explore import view


def test_the_front_end_is_one_module_that_loads_nothing():
    source = view.module()
    assert not re.search(r"^import ", source, flags=re.M)
    assert re.search(r"^export default \{", source, flags=re.M)
    assert len(source) < 1_200_000
