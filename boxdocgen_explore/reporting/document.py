"""The sections of a report around the view: what can be read without any script."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from boxdocgen_explore.auditing import Rule
from boxdocgen_explore.reporting import evidence
from boxdocgen_explore.reporting.result import Audited
from boxdocgen_explore.schema import SEVERITIES
from boxdocgen_explore.text import counted, listed, shortened, visible
from boxdocgen_explore.view import tables
from boxdocgen_explore.view.markup import Html, element, table, unfolding

_FRONT_END: Final = Path(__file__).parents[1] / "view" / "front_end"
MOST_OF_A_RULE: Final = 10
_MOST_OPEN_PAGES: Final = 12


def style() -> str:
    """Give the style sheet of what stands around the view."""
    return (_FRONT_END / "report.css").read_text(encoding="utf-8")


def script() -> str:
    """Give what the page does beside the view: recompute the digest."""
    return (_FRONT_END / "report.js").read_text(encoding="utf-8")


def before(audited: Audited, title: str, notes: list[str], digest: str) -> str:
    """Write header, findings and evidence."""
    links = [("Findings", "findings"), ("Evidence", "evidence"), ("Jobs", "jobs")]
    header = element(
        "header",
        element("h1", title),
        element("p", audited.verdict, class_=f"headline {'whole' if audited.complete else 'not'}"),
        _demo(audited),
        element("p", _scope(audited), class_="scope"),
        element("nav", *(element("a", name, href=f"#{where}") for name, where in links)),
    )
    parts = [header, _findings(audited), _evidence(audited, notes, digest)]
    return "".join(element("div", *parts, element("h2", "Jobs", id="jobs"), class_=_OURS))


def after(audited: Audited, pages: str) -> str:
    """Write the counts and the first rows as plain tables, and the pages for programs."""
    jobs, kept = audited.jobs, audited.left.columns
    parts = [
        tables.statuses(jobs, by_output_type="output_type" in kept),
        tables.reasons(jobs) if "errors" in kept else "",
        tables.first_rows(jobs, kept, audited.names),
    ]
    data = Html(f'<script type="application/json" id="boxdocgen-pages">{pages}</script>')
    return element("div", *parts, class_=f"{_OURS} plain") + data + "\n"


_OURS: Final = "boxdocgen report"


def _demo(audited: Audited) -> Html:
    if not audited.demo:
        return Html("")
    return element("p", "demo: synthetic data, nobody's documents", class_="demo")


def _scope(audited: Audited) -> str:
    batches = audited.batches
    which = f"{'Batch' if len(batches) == 1 else 'Batches'} {listed(batches, most=20)}"
    asked = audited.scope.sentence or (which if batches else "No batch")
    return f"Scope: {asked.removesuffix('.')}. {counted(audited.jobs.height, 'job')}."


# --- findings ----------------------------------------------------------------------------------


def _findings(audited: Audited) -> Html:
    found = audited.findings
    counts = {one: found.filter(pl.col("severity") == one).height for one in SEVERITIES}
    errors, warnings = (counted(counts[one], one) for one in ("error", "warning"))
    said = f"{errors}, {warnings}, {counts['info']:,} for information."
    listing = found.with_columns(place=pl.int_range(pl.len()).over("rule"))
    shown = listing.filter(pl.col("place") < MOST_OF_A_RULE).drop("place")
    body = [
        table("What was found, errors first", _FINDING_HEADS, map(_finding, shown.rows()), "found")
    ]
    more = found.height - shown.height
    if more:
        body.append(
            element(
                "p",
                f"Of each rule the first {MOST_OF_A_RULE} are listed; {more:,} more were found.",
            )
        )
    return element(
        "section",
        element("h2", "Findings", id="findings"),
        element("p", said),
        *(body if found.height else [element("p", "Nothing was found.")]),
        _rules(audited),
    )


_FINDING_HEADS: Final = ("Severity", "Rule", "Batch", "Job", "What")


def _finding(row: tuple[str, str, str | None, str | None, str]) -> list[object]:
    rule, severity, batch, job, detail = row
    return [element("span", severity, class_=f"severity {severity}"), rule, batch, job, detail]


def _rules(audited: Audited) -> Html:
    told = audited.verdicts
    by_verdict = dict(told["verdict"].value_counts().iter_rows())
    summary = ", ".join(
        f"{by_verdict.get(word, 0)} {words}"
        for word, words in (
            ("found", "found something"),
            ("passed", "passed"),
            ("not evaluated", "could not be evaluated"),
        )
    )
    about = {rule.name: rule for rule in audited.rules}
    rows = [
        [rule, verdict, findings or "", _purpose(about[rule]), lacks or ""]
        for rule, verdict, findings, lacks in told.iter_rows()
    ]
    heads = ("Rule", "Verdict", "Findings", "What it checks, and why", "What was lacking")
    listing = table("What was checked", heads, rows, "rules")
    return unfolding(f"{counted(len(rows), 'rule')}: {summary}", listing)


def _purpose(rule: Rule) -> str:
    return f"{rule.checks[:1].upper()}{rule.checks[1:]}. {rule.why}"


# --- evidence ----------------------------------------------------------------------------------


def _evidence(audited: Audited, notes: list[str], digest: str) -> Html:
    facts = [
        part
        for term, sentences in evidence.facts(audited, notes)
        for part in (
            element("dt", term),
            element("dd", *(element("p", sentence) for sentence in sentences)),
        )
    ]
    button = element("button", "Recompute it", type="button", id="boxdocgen-recompute", hidden=True)
    said = element("span", "", id="boxdocgen-recomputed", role="status")
    value = element("code", digest, id="boxdocgen-digest")
    shows = element("p", evidence.WHAT_THE_DIGEST_SHOWS)
    digests = [
        element("dt", "Digest"),
        element("dd", element("p", value, " ", button, " ", said), shows),
    ]
    return element(
        "section",
        element("h2", "Evidence", id="evidence"),
        element("dl", *facts, *digests),
        _pages(audited),
    )


def _pages(audited: Audited) -> Html:
    pages = audited.pages
    if pages is None:
        return Html("")
    rows = evidence.page_rows(pages, audited.held_at)
    listing = table("Pages, as they were read", evidence.PAGE_HEADS, rows, "pages")
    summary = f"{counted(pages.height, 'page')} read, one by one"
    return unfolding(summary, listing, open_=pages.height <= _MOST_OPEN_PAGES)


def page_title(title: str) -> str:
    """Give the title of the browser's tab."""
    return visible(shortened(title))
