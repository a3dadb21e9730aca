"""The demo's templates: a dozen with names, and one that Box has not processed yet."""

from __future__ import annotations

from typing import Final

from boxdocgen_explore.emulator.enterprise import Tag, Template
from boxdocgen_explore.emulator.outcomes import NEW_TAG

_FIRST_ID: Final = 1_755_012_340_011


def _tag(path: str, tag_type: str = "text") -> Tag:
    parts = path.split(".")
    paths = tuple(".".join(parts[: end + 1]) for end in range(len(parts)))
    return Tag(f"{{{{{path}}}}}", tag_type, paths)


def _table(name: str, *columns: str) -> Tag:
    paths = (name, *(f"{name}.{column}" for column in columns))
    return Tag(f"{{{{tablerow item in {name}}}}}", "table-loop", paths)


_PERSON: Final = (_tag("candidate.first_name"), _tag("candidate.last_name"), _tag("date"))
_OFFER: Final = (
    *_PERSON,
    _tag("offer.position"),
    _tag("offer.start_date"),
    _tag("offer.salary", "arithmetic"),
    _table("benefits", "name", "value"),
)
_COMPANY: Final = (_tag("company.name"), _tag("company.address"), _tag("date"))
_LINES: Final = _table("lines", "text", "amount")
_PHOTO: Final = _tag("candidate.photo", "image")
_IF_REMOTE: Final = Tag("{{if offer.remote == true}}", "conditional", ("offer", "offer.remote"))
_OFFER_2: Final = (*_OFFER, _PHOTO)
_OFFER_4: Final = (*_OFFER_2, _IF_REMOTE)
_INVOICE_2: Final = (*_COMPANY, _LINES)

# Name, and the tags of each version, oldest version first.
_CONTENTS: Final[tuple[tuple[str | None, tuple[tuple[Tag, ...] | None, ...]], ...]] = (
    ("Offer letter", (_OFFER, _OFFER_2, _OFFER_2, _OFFER_4, (*_OFFER_4, _tag(NEW_TAG)))),
    ("Payslip", ((*_PERSON, _LINES), (*_PERSON, _LINES), (*_PERSON, _LINES, _tag("iban")))),
    ("Annual benefits statement", ((*_PERSON,), (*_PERSON, _LINES, _PHOTO))),
    ("Salary review", ((*_PERSON, _tag("review.new_salary", "arithmetic")),)),
    ("Onboarding letter", (_PERSON, (*_PERSON, _PHOTO))),
    ("Travel policy", (_PERSON, (*_PERSON, _tag("policy.region")))),
    ("Training certificate", ((*_PERSON, _tag("course.title")), (*_PERSON, _tag("course.title")))),
    ("Reference letter", (_PERSON, (*_PERSON, _tag("employment.until")))),
    ("Contract amendment", (_COMPANY, (*_COMPANY, _LINES), (*_COMPANY, _LINES, _tag("clause")))),
    ("Non-disclosure agreement", (_COMPANY, (*_COMPANY, _tag("term.months", "arithmetic")))),
    ("Service agreement", ((*_COMPANY, _LINES),)),
    ("Invoice", ((_LINES,), _INVOICE_2, _INVOICE_2, (*_INVOICE_2, _tag("iban")))),
    (None, (None,)),
)


def _template(at: int, name: str | None, versions: tuple[tuple[Tag, ...] | None, ...]) -> Template:
    number = _FIRST_ID + 7919 * at
    ids = (str(2 * 10**12 + number % 10**12 + 31 * place) for place in range(len(versions)))
    return Template(str(number), name, dict(zip(ids, versions, strict=True)))


TEMPLATES: Final = tuple(
    _template(at, name, versions) for at, (name, versions) in enumerate(_CONTENTS)
)
