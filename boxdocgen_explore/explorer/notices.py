"""What the explorer says under the verdict: errors in full, and what a reading could not tell."""

from __future__ import annotations

from boxdocgen_explore.errors import BatchesFailed, BoxDocGenError, Reading
from boxdocgen_explore.text import counted


def reading_notice(reading: Reading) -> str:
    """Write the first error of a reading in full, how many more there are, and what is unknown."""
    errors = [*reading.failures.values()]
    if not errors:
        return _unknown_documents(reading)
    others = f"{counted(len(errors) - 1, 'other batch')} failed." if len(errors) > 1 else ""
    return error_notice(errors[0], others)


def error_notice(error: BoxDocGenError, remark: str) -> str:
    """Write an error with a remark; status, code and request id stay last, on their own line."""
    happened, *details = str(error).split("\n")
    if isinstance(error, BatchesFailed):  # a list, of which each entry has its own details
        return "\n".join([happened, *details, remark]).rstrip()
    return "\n".join([f"{happened} {remark}".rstrip(), *details])


def _unknown_documents(reading: Reading) -> str:
    jobs = reading.jobs
    if "output_file_found" not in jobs.columns:
        return ""
    named = jobs["output_file_id"].is_not_null()
    unknown = int((named & jobs["output_file_found"].is_null()).sum())
    if not unknown:
        return ""
    return (
        f"Nothing is known of {counted(unknown, 'document')}: this user may not read them, or too "
        "many were moved out of the folder of their batch."
    )
