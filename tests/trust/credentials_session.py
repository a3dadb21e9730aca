"""A session with credentials of every kind, in which everything that can be printed is printed.

Run by test_secrets in its own process. Secrets come in by the environment alone, and no frame
here holds one.
"""

import faulthandler
import json
import logging
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from urllib.parse import urlsplit

import nbclient
import nbformat
from box_sdk_gen.networking import BaseUrls

import boxdocgen_explore as bx
from boxdocgen_explore.cache import PageStore
from boxdocgen_explore.cli import main

URL, TOKENS, FOLDER = sys.argv[1], sys.argv[2], Path(sys.argv[3])
OPTIONS = {
    "base_url": URL,
    "cache_dir": FOLDER / "cache",
    "retry": bx.RetryPolicy(calls_per_minute=1_000_000, attempts=2, backoff_s=0.001),
}
# What needs the charts' scripts is here alone, because it takes seconds to make them.
CELLS = """%xmode Verbose
import os
import boxdocgen_explore as bx
from boxdocgen_explore.cli import main
---
box = bx.connect(base_url=os.environ["URL"], cache_dir=os.environ["CACHE"])
explorer = bx.explore(box)
explorer.load(["1001"])
explorer.wait(30)
explorer
---
bx.report(explorer, os.environ["FOLDER"] + "/plain.html")
main(["audit", "1001", "-o", os.environ["FOLDER"] + "/cli.html", "--base-url", os.environ["URL"]])
---
box.read("404404")
---
box.read("1003")
---
bx.connect(base_url="http://example.com/2.0")
---
print(box, vars(box), explorer.reading, explorer.reading.pages)
print([vars(part) for part in vars(box).values() if hasattr(part, "__dict__")])
"""


def fail(work):
    """Print what a debugger would: the traceback, with the locals of every frame."""
    try:
        print("gave", repr(work()))
    except bx.BoxDocGenError as error:
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        print("".join(shown.format()), file=sys.stderr)
        print(repr(error), repr(vars(error)), file=sys.stderr)
    else:
        raise SystemExit("This should have failed.")


def print_parts(value, seen):
    """Print an object of this package, its attributes, and theirs."""
    if type(value).__module__.startswith("boxdocgen_explore") and id(value) not in seen:
        seen.add(id(value))
        print(repr(value), getattr(value, "__dict__", ""))
        for part in getattr(value, "__dict__", {}).values():
            print_parts(part, seen)


def use_credentials(kind):
    """Put these into the environment, and no others."""
    for name in [name for name in os.environ if name.startswith("BOX_")]:
        del os.environ[name]
    os.environ.update(json.loads(os.environ[f"SECRET_{kind}"]))


def read(box):
    """Read, print everything, and fail."""
    reading = box.read(["1001", "1002"], details=True, documents=True, refresh=True)
    print([*box.watch("1001")], box.transitions("1001"), box.calls)
    parts = set()
    print_parts(box, parts)
    assert len(parts) > 5, parts
    print(box, reading, box.user, box.cached(), box.batches(), box.templates())
    fail(lambda: box.read("404404"))
    return reading


def print_cached_pages():
    """Print the cached pages as they were, with their headers."""
    for path in (FOLDER / "cache").rglob("pages.sqlite"):
        store = PageStore(path)
        keys = store.keys()
        for key in keys:
            page = store.page(key)
            print(key, page.content, vars(page), vars(page.request), page.headers)
        store.close()


def notebook():
    os.environ |= {"URL": URL, "FOLDER": str(FOLDER), "CACHE": str(FOLDER / "cache")}
    cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in CELLS.split("---")]
    written = nbformat.v4.new_notebook(cells=cells)
    client = nbclient.NotebookClient(
        written, kernel_name="python3", allow_errors=True, store_widget_state=True
    )
    client.execute()
    (FOLDER / "notebook.ipynb").write_text(nbformat.writes(written), "utf-8")


def command_line():
    options = ["--base-url", URL, "--cache-dir", str(FOLDER / "cache")]
    main(["batches", *options])
    main(["fetch", "1001", "-o", str(FOLDER / "jobs.csv"), *options])
    main(["fetch", "1003", "404404", *options])
    main(["audit", "1001", *options])
    main(["fetch", "1001", "--base-url", "http://example.com/2.0"])
    main(["cache", "info", *options[2:]])


def run():
    BaseUrls.__init__.__kwdefaults__["base_url"] = TOKENS
    use_credentials("PLAIN")
    with bx.connect(**OPTIONS) as box:
        print(bx.audit(read(box)))
        fail(lambda: box.read("1003"))
        box.renew(json.loads(os.environ["SECRET_RENEWED"]))
        read(box)
        faulthandler.dump_traceback(all_threads=True)
    closed = f"http://127.0.0.1:9{urlsplit(URL).path}"
    fail(lambda: bx.connect(**{**OPTIONS, "base_url": closed}).read("1001"))
    fail(lambda: bx.connect(base_url="http://example.com/2.0"))
    fail(lambda: bx.connect(as_user="a b"))
    command_line()
    notebook()
    for kind in ("CLIENT", "KEY"):
        use_credentials(kind)
        with bx.connect(**OPTIONS) as box:
            read(box)
    for kind in ("WRONG_CLIENT", "HALF_CLIENT", "BROKEN_KEY", "ODD_TOKEN", "EXPIRED"):
        use_credentials(kind)
        fail(lambda: bx.connect(**OPTIONS).read("1001", refresh=True))
    print_cached_pages()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.basicConfig(filename=FOLDER / "debug.log", level=logging.DEBUG)
    logging.captureWarnings(True)
    run()
    print("all done", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)
