"""Run by test_secrets in a process of its own: everything with credentials, told as loudly as can
be. Secrets come in by the environment alone, and no frame here holds one."""

import faulthandler
import json
import logging
import os
import resource
import sys
import traceback
from pathlib import Path
from urllib.parse import urlsplit

import nbclient
import nbformat
from box_sdk_gen.networking import BaseUrls

import boxdocgen_explore as bx
from boxdocgen_explore.box.retry import RetryPolicy
from boxdocgen_explore.cache.store import PageStore
from boxdocgen_explore.cli import main

URL, TOKENS, FOLDER = sys.argv[1], sys.argv[2], Path(sys.argv[3])
OPTIONS = {
    "base_url": URL,
    "cache_dir": FOLDER / "cache",
    "retry": RetryPolicy(calls_per_minute=1_000_000, attempts=2, backoff_s=0.001),
}
CELLS = """%xmode Verbose
import os
import boxdocgen_explore as bx
---
box = bx.connect(base_url=os.environ["URL"], cache_dir=os.environ["CACHE"])
explorer = bx.explore(box)
explorer.load(["1001"])
explorer.wait(30)
explorer
---
box.read("404404")
---
box.read("1003")
---
bx.connect(base_url="http://example.com/2.0")
---
print(box, vars(box), vars(box._session), explorer.reading, explorer.reading.pages)
"""


def tell(work):
    """What a debugger would: the traceback, with the locals of every frame."""
    try:
        print("gave", repr(work()))
    except bx.BoxDocGenError as error:
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        print("".join(told.format()), file=sys.stderr)
        print(repr(error), repr(vars(error)), file=sys.stderr)
    else:
        raise SystemExit("This should have failed.")


def credentials(kind):
    """Put these into the environment, and no others."""
    for name in [name for name in os.environ if name.startswith("BOX_")]:
        del os.environ[name]
    os.environ.update(json.loads(os.environ[f"SECRET_{kind}"]))


def read(box):
    """Read, tell everything, and fail."""
    reading = box.read(["1001", "1002"], details=True, refresh=True)
    print(box, reading, vars(box), vars(box._session), box.user, box.cached())
    print(vars(box._session.credentials), box.batches(), box.templates())
    tell(lambda: box.read("404404"))
    return reading


def look(reading):
    """Everything that is made of jobs."""
    explorer = bx.explore(reading)
    print(explorer, explorer._repr_mimebundle_(), explorer.view.get_state(), bx.audit(reading))
    print(bx.report(reading, FOLDER / "plain.html"))


def pages():
    """The kept pages as they were, with their heads."""
    for path in (FOLDER / "cache").rglob("pages.sqlite"):
        store = PageStore(path)
        keys = store.keys()
        for key in keys:
            page = store.page(key)
            print(key, page.content, vars(page), vars(page.request), page.headers)
        store.close()


def notebook():
    os.environ |= {"URL": URL, "CACHE": str(FOLDER / "cache")}
    cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in CELLS.split("---")]
    written = nbformat.v4.new_notebook(cells=cells)
    client = nbclient.NotebookClient(
        written, kernel_name="python3", allow_errors=True, store_widget_state=True
    )
    client.execute()
    (FOLDER / "notebook.ipynb").write_text(nbformat.writes(written), "utf-8")


def command_line():
    where = ["--base-url", URL, "--cache-dir", str(FOLDER / "cache")]
    main(["batches", *where])
    main(["fetch", "1001", "-o", str(FOLDER / "jobs.csv"), *where])
    main(["fetch", "1003", "404404", *where])
    main(["audit", "1001", "-o", str(FOLDER / "cli.html"), *where])
    main(["fetch", "1001", "--base-url", "http://example.com/2.0"])
    main(["cache", "info", *where[2:]])


def run():
    BaseUrls.__init__.__kwdefaults__["base_url"] = TOKENS
    credentials("PLAIN")
    with bx.connect(**OPTIONS) as box:
        look(read(box))
        tell(lambda: box.read("1003"))
        box.renew(json.loads(os.environ["SECRET_RENEWED"]))
        read(box)
        faulthandler.dump_traceback(all_threads=True)
    closed = f"http://127.0.0.1:9{urlsplit(URL).path}"
    tell(lambda: bx.connect(**{**OPTIONS, "base_url": closed}).read("1001"))
    tell(lambda: bx.connect(base_url="http://example.com/2.0"))
    tell(lambda: bx.connect(as_user="a b"))
    command_line()
    notebook()
    for kind in ("CLIENT", "KEY"):
        credentials(kind)
        with bx.connect(**OPTIONS) as box:
            read(box)
    for kind in ("WRONG_CLIENT", "HALF_CLIENT", "BROKEN_KEY", "ODD_TOKEN", "EXPIRED"):
        credentials(kind)
        tell(lambda: bx.connect(**OPTIONS).read("1001", refresh=True))
    pages()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.basicConfig(filename=FOLDER / "debug.log", level=logging.DEBUG)
    logging.captureWarnings(True)
    run()
    print("all done", flush=True)
    faulthandler._sigsegv()
