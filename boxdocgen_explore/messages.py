"""Box's messages: their causes, tags, and the fixes that Box documents."""

from __future__ import annotations

from typing import Final, NamedTuple

import polars as pl

from boxdocgen_explore.schema import PROBLEMS

NO_REASON: Final = "Box gave no reason"
"""The group of problem jobs for which Box sent no message."""

_NUMBER: Final = r"\d+(?:[.,:]\d+)*"
# Eight or more hexadecimal digits with a letter among them; without one it is a number.
_HEX: Final = "|".join(
    [rf"\d{{{n}}}[a-fA-F][0-9a-fA-F]{{{7 - n},}}" for n in range(7)]
    + [r"\d{7,}[a-fA-F][0-9a-fA-F]*"]
)

# Parts that vary between messages of one cause, and their replacements. The order matters because
# dates and ids contain numbers. Quoted text with a tag stays: the tag may be the cause.
_VARYING: Final = (
    (r'()"[^"{}]*"|“[^”{}]*”|`[^`{}]*`', "“…”"),
    (r"(^|[\s(\[=:,])'[^'{}]*'", "“…”"),
    (r"()\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?", "…"),
    (r"()\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b", "…"),
    (rf"()\b(?:{_HEX})\b", "…"),
    # Words with numbers of any length come before ids that mix letters and digits.
    (rf"(\b[A-Za-z_]+-?){_NUMBER}\b", "#"),
    (r"()\b(?:[A-Za-z_]+-?\d|\d+[A-Za-z_])[A-Za-z0-9_-]{4,}\b", "…"),
    (f"(){_NUMBER}", "#"),
)
# A tag as in a template, or as in Box's documented messages: The tag 'name' ...
_TAG: Final = r"(\{\{[^{}]*\}\}|\b[Tt]ag (?:'[^']*'|\"[^\"]*\"|“[^”]*”|`[^`]*`))"
_LONGEST: Final = 1000
"""The compared length of a message; drawing a message of megabytes takes hours."""
_MARK: Final = "\x01"
_MOST_COMPARED: Final = 10_000
"""The most distinct messages that `main_reason` compares, to stay fast for a million jobs."""
# Box's documented text, with a tag that is valid between double braces.
_MISSING: Final = r"^The tag '([^'{}:\s]+(?: [^'{}:\s]+)*)' was not provided in the input data\.$"


def reason(message: pl.Expr) -> pl.Expr:
    """Name the cause of a message: numbers, ids, dates and quoted text are removed.

    Tags stay, in double braces or as in Box's documented messages (``The tag 'name' ...``), because
    they are often the only difference between two causes. A blank message becomes null. Only the
    first 1,000 characters of a message are used.

    >>> message = 'Tag {{pay.bonus_2}} is missing at line 14 of "offer.docx"'
    >>> pl.select(reason(pl.lit(message))).item()
    'Tag {{pay.bonus_2}} is missing at line # of “…”'
    >>> message = "The tag 'customer_name' was not provided in the input data."
    >>> pl.select(reason(pl.lit(message))).item()
    "The tag 'customer_name' was not provided in the input data."
    """
    long = message.str.len_chars() > _LONGEST
    text = pl.when(long).then(message.str.slice(0, _LONGEST) + "…").otherwise(message)
    text = text.str.replace_all(r"[\s\x01]+", " ").str.strip_chars()
    for pattern, placeholder in _VARYING:
        # The regex engine has no look-around. So tags are matched first and written back, and the
        # mark after them is removed; every other mark becomes the placeholder.
        text = text.str.replace_all(f"{_TAG}|{pattern}", f"${{1}}${{2}}{_MARK}")
        text = text.str.replace_all(_TAG + _MARK, "${1}")
        text = text.str.replace_all(_MARK, placeholder, literal=True)
    return text.replace("", None)  # a condition would compute the text twice


def tag(message: pl.Expr) -> pl.Expr:
    """The template tag that a message names; null if it names none.

    >>> messages = pl.Series(["The tag 'a.b' was not provided.", "{{ c :: optional }}?", "No tag"])
    >>> pl.select(tag(pl.lit(messages))).to_series().to_list()
    ['a.b', 'c', None]
    """
    typed = message.str.extract(r"\{\{\s*([^{}:\s][^{}:]*?)\s*(?:::[^{}]*)?\}\}")
    return pl.coalesce(typed, message.str.extract(r"""\b[Tt]ag ['"“`]([^'"”`]+)['"”`]"""))


def job_reasons() -> pl.Expr:
    """List the distinct reasons of each job, as an expression over a jobs frame.

    A job that failed or completed with errors and has no message has the one reason `NO_REASON`.
    A job without errors has an empty list; there are no nulls.

    >>> jobs = pl.DataFrame({"status": ["failed", "failed"], "errors": [["Row 1", "Row 2"], []]})
    >>> jobs.select(job_reasons()).to_series().to_list()
    [['Row #'], ['Box gave no reason']]
    """
    named = pl.col("errors").list.eval(
        reason(pl.element()).drop_nulls().unique(maintain_order=True),
    )
    return (
        pl.when(named.list.len() > 0)
        .then(named)
        .when(pl.col("status").is_in(PROBLEMS))
        .then(pl.lit([NO_REASON]))
        .otherwise(pl.lit([], dtype=pl.List(pl.String)))
        .alias("reasons")
    )


def job_messages(jobs: pl.DataFrame) -> pl.DataFrame:
    """Return one row per job (by position) and message, with the reason.

    Each distinct message is parsed only once.
    """
    numbered = jobs.with_row_index("job").select("job", "job_id", "status", message="errors")
    sent = numbered.select("job", "job_id", "message").explode("message")
    named = sent.select(pl.col("message").unique()).with_columns(reason=reason(pl.col("message")))
    named = sent.join(named, on="message", maintain_order="left").drop_nulls("reason")
    silent = (
        numbered.filter(pl.col("status").is_in(PROBLEMS))
        .join(named, on="job", how="anti")
        .select("job", "job_id", message=pl.lit(None, pl.String), reason=pl.lit(NO_REASON))
    )
    return pl.concat([named, silent])


def tag_names(tags: pl.DataFrame) -> pl.DataFrame:
    """Return one row per template version and name of a tag, or of a field that a tag reads.

    >>> from boxdocgen_explore.schema import TAGS
    >>> row = ["1", "5", "{{a.b :: optional}}", "text", ["a", "a.b"]]
    >>> tag_names(pl.DataFrame([row], schema=TAGS, orient="row"))["tag"].to_list()
    ['a.b', 'a']
    """
    typed = pl.coalesce(tag(pl.col("tag")), pl.col("tag").str.strip_chars())
    names = tags.select(
        "template_file_id",
        "template_file_version_id",
        tag=pl.concat_list(typed, pl.col("json_paths").fill_null([])),
    )
    return names.explode("tag").drop_nulls("tag").unique(maintain_order=True)


def missing_tag(reason: pl.Expr) -> pl.Expr:
    """The tag that was not provided, according to a reason in Box's documented words.

    >>> reasons = pl.Series(["The tag 'a.b' was not provided in the input data.", "No tag 'a.b'"])
    >>> pl.select(missing_tag(pl.lit(reasons))).to_series().to_list()
    ['a.b', None]
    """
    return reason.str.extract(_MISSING)


def fix(reason: pl.Expr) -> pl.Expr:
    """The two fixes that Box documents for a missing tag; null for every other reason.

    >>> documented = pl.lit("The tag 'a' was not provided in the input data.")
    >>> pl.select(fix(documented)).item()[67:]
    '{{a :: optional}} or {{a :: default("…")}}.'
    """
    name = missing_tag(reason)
    give = "Give the value in the input data, or mark the tag in the template: {{"
    return pl.lit(give) + name + " :: optional}} or {{" + name + ' :: default("…")}}.'


class MainReason(NamedTuple):
    """The reason of most failed jobs, their number, and the missing tag, if any."""

    reason: str
    jobs: int
    missing_tag: str | None


def main_reason(jobs: pl.DataFrame) -> MainReason | None:
    """Return the reason of most failed jobs; None if it explains less than half of them.

    A job counts once for each of its reasons. Among equal reasons, a missing tag comes first. If
    the failed jobs have more than 10,000 distinct messages, only a missing tag is found: all its
    messages are equal, so it is counted exactly.
    """
    if not {"status", "errors"} <= set(jobs.columns):
        return None
    failed = jobs.filter(pl.col("status") == "failed")
    messages = (
        failed.select(message=pl.col("errors").cast(pl.List(pl.String)))
        .with_row_index("job")
        .explode("message")
        .group_by("message")
        .agg("job")
        .drop_nulls("message")
    )
    frequent = messages.top_k(_MOST_COMPARED, by=pl.col("job").list.len())
    counts = (
        frequent.with_columns(reason=reason(pl.col("message")))
        .group_by("reason")
        .agg(jobs=pl.col("job").explode().n_unique())
        .with_columns(tag=missing_tag(pl.col("reason")))
        .filter(pl.col("reason").is_not_null(), 2 * pl.col("jobs") >= failed.height)
        .sort("jobs", pl.col("tag").is_null(), "reason", descending=[True, False, False])
    )
    main = next((MainReason(*row) for row in counts.iter_rows()), None)
    exact = frequent.height == messages.height or (main and main.missing_tag)
    return main if exact else None
