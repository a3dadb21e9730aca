"""Makes the README's picture of the first notebook in JupyterLab: ``python tests/picture.py``."""

import shutil
import tempfile
from pathlib import Path

from browser_fixtures import CHROMIUM, CHROMIUM_FLAGS
from lab_fixtures import jupyterlab, run_all
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / ".github" / "explorer.png"


def main() -> None:
    executable = next(filter(None, map(shutil.which, CHROMIUM)))
    with tempfile.TemporaryDirectory() as home, jupyterlab(Path(home)) as lab:
        shutil.copy(ROOT / "notebooks" / "01_explore.ipynb", lab.folder)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
            page = browser.new_page(viewport={"width": 1400, "height": 1250})
            run_all(page, lab.at("01_explore.ipynb"))
            explorer = page.locator(".boxdocgen-explorer")
            expect(explorer.locator(".verdict")).to_contain_text("1,487", timeout=60_000)
            expect(
                explorer.get_by_role("figure", name="Failure reasons").locator("svg")
            ).to_be_visible()
            # The list of batches is read, so that they have names.
            expect(explorer.get_by_role("button", name="Cancel")).to_be_disabled(timeout=60_000)
            explorer.evaluate("element => element.scrollIntoView()")
            PICTURE.parent.mkdir(exist_ok=True)
            # The table grows with the window, whose last lines are JupyterLab's.
            box = explorer.bounding_box()
            clip = {**box, "height": min(box["height"], 1200 - box["y"])}
            page.screenshot(path=PICTURE, clip=clip)
            browser.close()
    print(PICTURE, f"{PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
