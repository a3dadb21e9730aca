"""The Box Doc Gen API on 127.0.0.1: demo data, and a server for tests.

>>> from boxdocgen_explore.emulator import Emulator, Enterprise
>>> with Emulator(enterprise=Enterprise.of({"1001": 2500})) as emulator:
...     emulator.fault("rate-limit", page=2, times=1, retry_after=1)
...     emulator.url.startswith("http://127.0.0.1:")
True
"""

from boxdocgen_explore.emulator.backend import Call, Strike, parse_fault
from boxdocgen_explore.emulator.documents import Document, Folder
from boxdocgen_explore.emulator.enterprise import (
    DEMO_TOKEN,
    DEMO_USER,
    Enterprise,
    Job,
    Tag,
    Template,
    User,
    plain_job,
)
from boxdocgen_explore.emulator.faults import FAULTS
from boxdocgen_explore.emulator.server import Emulator, serve
from boxdocgen_explore.emulator.story import STORY_BATCH_ID, STORY_NOW, story

__all__ = [
    "DEMO_TOKEN",
    "DEMO_USER",
    "FAULTS",
    "STORY_BATCH_ID",
    "STORY_NOW",
    "Call",
    "Document",
    "Emulator",
    "Enterprise",
    "Folder",
    "Job",
    "Strike",
    "Tag",
    "Template",
    "User",
    "parse_fault",
    "plain_job",
    "serve",
    "story",
]
