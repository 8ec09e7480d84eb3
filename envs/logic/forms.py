"""The forms in which fields, statuses and confidences of a reply may be written, whatever the task.

What a person would take for one meaning is read; what may mean two things is not. Lines are read after their
blanks were made single ones, so that an optional blank is " ?" and no pattern takes more than linear time.
"""

from __future__ import annotations

import difflib
import re

from etude_gym.envs.logic.text import STATUS_NAMES

STEPS, ANSWER, CONFIDENCE, REMARK = "steps", "answer", "confidence", "explanation"
FIELDS = (STEPS, ANSWER, CONFIDENCE)

QUOTES = "\"'“”‘’«» "
MAX_VALUE = 500
"""Characters of an answer or a confidence, whatever stands beside it."""

# --- Lines -------------------------------------------------------------------------------------------

_MARKUP = str.maketrans({"`": "", "*": "", "$": "", "_": " ", "：": ": "})
_BETWEEN_DIGITS = re.compile(r"(?<=[0-9])[`*$]+(?=[0-9])")
_RULE = re.compile(r"(?:-{2,}|={2,})")
_TEX = re.compile(r"\\(?:boxed|text|textbf|texttt|mathrm|mathbf)\{([^{}]*)\}")
_BULLET = re.compile(r"^(?:[-+•>#|]+ |(?:step )?\(?[0-9]{1,3}[.):](?: |(?=[^\s0-9])))+(?=\S)", re.IGNORECASE)
_LINKS = re.compile(
    r"^(?:(?:so|thus|therefore|hence|then|finally|and|(?:i|we) conclude that|it follows that)[, ]{1,2}){1,2}",
    re.IGNORECASE,
)
_ADJECTIVES = re.compile(
    r"\b(?:(?:the|my|our|final|overall|query) ){1,3}(?=(?:answer|status|confidence|steps)\b)", re.IGNORECASE
)
_OF_QUERY = re.compile(r"\bstatus of (?:the|this) query\b", re.IGNORECASE)
_NAMES = {
    STEPS: "steps?",
    ANSWER: "answer|status|verdict|conclusion|result",
    CONFIDENCE: "confidence(?: level| score)?|certainty|probability",
    REMARK: "explanations?|reasons?|reasoning|rationale|justification|analysis|thoughts?|thinking|notes?"
    "|comments?|remarks?",
}
_ANY_FIELD = "|".join(f"(?P<{field}>[\"']?(?:{names}))" for field, names in _NAMES.items())
_FIELD = re.compile(rf"(?:{_ANY_FIELD})[\"']?(?: ?[:=]+| [-–—] |$)(?P<value>.*)", re.IGNORECASE)
_NEXT_FIELD = re.compile(
    rf"(?<=[ ,;|.(])(?=(?:steps|answer|status|confidence|{_NAMES[REMARK]})[\"']? ?[:=])", re.IGNORECASE
)
_ENDS = " ,;|("
_NO_COLON = re.compile(
    r"(?:(?P<steps>steps )(?:are )?(?=[\[(]?[0-9])|(?P<confidence>confidence )(?:is |of )?(?=[~0-9.]))",
    re.IGNORECASE,
)
_VERB = re.compile(r"(?:apply|suppose|assume|retract)\b", re.IGNORECASE)
_SOMETIMES_PROSE = ("verdict", "conclusion", "result")


def plain_parts(line: str) -> list[str]:
    """A line without bullets, markup and the like, with single blanks, parted where another field begins.

    Args:
        line: of a reply.
    """
    for _ in range(2):  # \boxed{\text{...}}
        line = _TEX.sub(r"\1", line)
    line = _BETWEEN_DIGITS.sub(" ", line.replace("\\%", "%"))
    plain = " ".join(line.translate(_MARKUP).split())
    plain = "" if _RULE.fullmatch(plain) else _BULLET.sub("", plain)
    plain = _ADJECTIVES.sub("", _OF_QUERY.sub("status", _LINKS.sub("", plain)))
    if (named := field_of(plain)) and named[0] == REMARK:
        return [plain]
    return [part.rstrip(_ENDS) for part in _NEXT_FIELD.split(plain)]


def field_of(plain: str) -> tuple[str, str] | None:
    """The field that a part of a line names, and what stands behind; None if it names none.

    Args:
        plain: from ``plain_parts``.
    """
    if bare := _NO_COLON.match(plain):
        return (STEPS if bare[STEPS] else CONFIDENCE), plain[bare.end() :]
    match = _FIELD.fullmatch(plain)
    if not match:
        return None
    return next(field for field in _NAMES if match[field]), match["value"].strip()


def is_step(plain: str) -> bool:
    """Whether a part of a line begins with the verb of a step.

    Args:
        plain: from ``plain_parts``.
    """
    return bool(_VERB.match(plain))


def begins(line: str) -> bool:
    """Whether a line begins as one of an answer does, right or wrong; an explanation is none.

    Args:
        line: of a reply.
    """
    plain = plain_parts(line)[0]
    if named := field_of(plain):
        field, value = named
        if plain.casefold().lstrip(QUOTES).startswith(_SOMETIMES_PROSE):
            return status_in(value) is not None
        return field != REMARK
    return (
        is_step(plain) or status_in(plain, alone=True) is not None or share_in(plain, alone=True) is not None
    )


# --- A status ----------------------------------------------------------------------------------------

_SAID = {**{name: n for n, name in enumerate(STATUS_NAMES)}, "true": 0, "false": 1}
_CERTAIN = "confidence|confident|certain|certainty|sure|probability"
_STATUS = re.compile(
    r"(?:that )?(?P<subject>"
    r"(?:the |its )?(?:query|answer|status)(?: ?[:=]+| is:?| must be| has status)?"
    r"(?: therefore| thus| hence)?(?: that)?(?: the query is)? |it is "
    r"|(?:the )?(?:facts and )?premises(?: and facts)? are (?=inconsistent))?"
    rf"[\"'“”‘’«(\[<]*(?P<status>{'|'.join(_SAID)})\b[\"'“”‘’»)\]>]*(?P<tail>.*)",
    re.IGNORECASE,
)
_TAIL_SHARE = re.compile(
    rf"(?:with |at )?(?:an? )?(?:(?:{_CERTAIN}) )?(?:of )?"
    rf"(?P<share>[^ ]+ ?(?:%|percent)(?: (?:{_CERTAIN}))?)",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"(?:by|from|since|because|using|via|as|per|given|see|due to|follows|steps?|premises?)\b.*", re.IGNORECASE
)
_DOUBT = re.compile(
    rf"\b(?:{'|'.join(STATUS_NAMES)}|maybe|perhaps|possibly|probably|might|could|not sure|unsure|or not"
    r"|or else|alternatively|instead)\b",
    re.IGNORECASE,
)


def status_in(text: str, alone: bool = False) -> tuple[int, float | None] | None:
    """The one status that a text states, with a probability if it states one as well.

    "refuted", "the query is refuted", "Refuted (by 3, 17).", "refuted with 85% confidence". A query that is
    said to be true or false is entailed or refuted: no other status can be meant. "contradiction" is not
    read, which some take for refuted and others for inconsistent.

    Args:
        text: of an answer.
        alone: whether nothing says that it is an answer: then "it is refuted" and a bare "false" are none.

    Returns:
        Number of the status and probability or None; None if the text states none, or more than one.
    """
    match = _STATUS.fullmatch(text.strip(QUOTES)) if len(text) <= MAX_VALUE else None
    if not match:
        return None
    subject = (match["subject"] or "").casefold()
    if alone and (subject == "it is " or (not subject and match["status"].casefold() not in STATUS_NAMES)):
        return None
    status, tail = _SAID[match["status"].casefold()], match["tail"].strip(" .,;:!-–—()")
    if not tail:
        return status, None
    if stated := _TAIL_SHARE.fullmatch(tail):
        share = share_in(stated["share"])
        return None if share is None else (status, share)
    return (status, None) if _REASON.fullmatch(tail) and not is_doubtful(tail) else None


def is_doubtful(remark: str) -> bool:
    """Whether a remark names a status, or says that something is not sure.

    Args:
        remark: text beside an answer or a step.
    """
    return bool(_DOUBT.search(remark))


# --- A confidence ------------------------------------------------------------------------------------

_SHARE = re.compile(
    r"(?:i am |i'm |percent )?(?:(?:very |quite |fairly )?(?:high|medium|moderate|low) ?[(,:=-] ?)?"
    r"(?:~|≈|about|around|approximately|approx\.?|roughly)? ?"
    r"(?P<number>[0-9]{1,3}(?:\.[0-9]{0,9})?|0?[.,][0-9]{1,9}) ?"
    rf"(?P<unit>%|percent|per cent|(?:/|out of) ?10{{0,2}})?(?: (?:{_CERTAIN}))?(?: ?\([a-z ]*\)?)?",
    re.IGNORECASE,
)
_LEAST_PERCENT = 10
"""A number without a unit above this is a percentage; from 1 to this it may be one of ten."""


def share_in(text: str, alone: bool = False) -> float | None:
    """The probability that a text states: "85%", "0.85", "85", "about 85 percent", "8/10", "high (85%)".

    A word such as "high" is no probability.

    Args:
        text: of a confidence.
        alone: whether nothing says that it is a confidence: then it has to be a percentage.

    Returns:
        A number from 0 to 1; None if the text states none.
    """
    match = _SHARE.fullmatch(text.strip(QUOTES + "()[].!")) if len(text) <= MAX_VALUE else None
    if not match and len(text) <= MAX_VALUE:
        match = _SHARE.fullmatch(text.strip(QUOTES + "()[]"))
    if not match:
        return None
    unit = (match["unit"] or "").casefold()
    if alone and unit not in ("%", "percent", "per cent"):
        return None
    number = float(match["number"].replace(",", "."))
    if unit.startswith(("/", "out of")):
        number /= float(unit.removeprefix("/").removeprefix("out of"))
    elif unit:
        number /= 100
    else:
        return share_of(number)
    return number if number <= 1 else None


def share_of(number: float) -> float | None:
    """The probability that a number without a unit states.

    Args:
        number: 0 to 1, or a percentage above 10.

    Returns:
        A number from 0 to 1; None if it is negative, too large, or may be meant in two ways.
    """
    if _LEAST_PERCENT < number <= 100:
        return number / 100
    return number if 0 <= number <= 1 else None


# --- Hints ------------------------------------------------------------------------------------------


def nearest_of(words: list[str], allowed: tuple[str, ...]) -> str:
    """A hint at the allowed name nearest to the first word, empty if there is none.

    Args:
        words: as they were written.
        allowed: names.
    """
    by_folded = {name.casefold(): name for name in allowed}
    nearest = difflib.get_close_matches(words[0][:60], list(by_folded), n=1) if words else []
    return f" Did you mean {by_folded[nearest[0]]!r}?" if nearest else ""
