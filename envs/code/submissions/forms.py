"""Forms: what expressions compute, whatever their style.

Sums, comparisons, choices, ``min``, ``max`` and ``abs`` come in one normal order; ``x + 0``, ``1 * x`` and
``-(-x)`` are ``x``. What has no normal order is a form of its own, made of the forms of its parts.

A form is a number; all methods of ``Forms`` take forms that the same object has made.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable
from typing import Any

Form = int
"""The number of a form; equal forms have equal numbers."""

CALL = "call"
"""Kind of the call of a function that is known by its name alone."""

MAX_PARTS = 64
"""Terms of a sum, and parts of other forms in which any order is the same, at most."""

MAX_NUMBER = 2**256
"""Numbers up to which sums are worked out."""

_TRUTHS = frozenset({"positive", "zero", "not", "all"})


class Forms:
    """All forms so far.

    Attributes:
        keys: for each form its kind, details, and last, in a tuple, the forms of its parts.
        names: forms that go by another one: those of functions by their calls.
    """

    def __init__(self) -> None:
        self.keys: list[tuple[Any, ...]] = []
        self.names: dict[Form, Form] = {}
        self._numbers: dict[tuple[Any, ...], Form] = {}

    def copy(self) -> Forms:
        """The same forms, to which others can be added."""
        forms = Forms()
        forms.keys, forms._numbers = list(self.keys), dict(self._numbers)
        return forms

    def make(self, kind: str, *details: Any, parts: Iterable[Form] = ()) -> Form:
        """The form of a kind, with details and parts.

        Args:
            kind: what it computes ("product").
            details: hashable, what else tells it from others of its kind.
            parts: forms that it is made of, in their order.
        """
        key = (kind, *details, tuple(parts))
        number = self._numbers.setdefault(key, len(self.keys))
        if number == len(self.keys):
            self.keys.append(key)
        return self.names.get(number, number)

    def kind(self, form: Form) -> str:
        """The kind of a form.

        Args:
            form: made by ``make``.
        """
        return str(self.keys[form][0])

    def parts(self, form: Form) -> tuple[Form, ...]:
        """The forms that a form is made of."""
        parts: tuple[Form, ...] = self.keys[form][-1]
        return parts

    def tree(self, form: Form) -> set[Form]:
        """A form and all that it is made of.

        Args:
            form: the root.
        """
        found: set[Form] = set()
        left = [form]
        while left:
            now = left.pop()
            if now not in found:
                found.add(now)
                left.extend(self.parts(now))
        return found

    # --- Numbers: a sum has a constant and, as parts, terms, each with a factor --------------------------

    def constant(self, value: Any) -> Form:
        """A number, a text or another constant.

        Args:
            value: of any type that ``ast.Constant`` holds; types tell constants apart.
        """
        known = value if isinstance(value, int) else repr(value)
        return self.make("constant", type(value).__name__, known)

    def _as_sum(self, form: Form) -> tuple[int, dict[Form, int]]:
        key = self.keys[form]
        if key[0] == "sum":
            return key[1], dict(zip(key[3], key[2], strict=True))
        if key[:2] == ("constant", "int"):
            return key[2], {}
        return 0, {form: 1}

    def sum(self, left: Form, right: Form, factor: int = 1) -> Form:
        """The sum of a form and a multiple of another one.

        Args:
            left: a number.
            right: a number.
            factor: how many times ``right`` is added; negative to subtract.
        """
        (start, terms), (constant, others) = self._as_sum(left), self._as_sum(right)
        for term, times in others.items():
            terms[term] = terms.get(term, 0) + factor * times
        total = start + factor * constant
        if (
            len(terms) > MAX_PARTS
            or abs(total) > MAX_NUMBER
            or any(abs(n) > MAX_NUMBER for n in terms.values())
        ):
            return self.make("large sum", factor > 0, parts=(left, right))
        chosen = {term: terms[term] for term in sorted(terms) if terms[term]}
        if not chosen:
            return self.constant(total)
        if total == 0 and list(chosen.values()) == [1]:
            return next(iter(chosen))
        return self.make("sum", total, tuple(chosen.values()), parts=chosen)

    def difference(self, left: Form, right: Form) -> Form:
        """One form less another one.

        Args:
            left: a number.
            right: the number to subtract.
        """
        return self.sum(left, right, -1)

    def negative(self, form: Form) -> Form:
        """A form with the other sign."""
        return self.difference(self.constant(0), form)

    def product(self, left: Form, right: Form) -> Form:
        """The product of two forms.

        Args:
            left: a number.
            right: a number.
        """
        for one, other in ((left, right), (right, left)):
            constant, terms = self._as_sum(one)
            if not terms and abs(constant) <= MAX_NUMBER:
                return self.sum(self.constant(0), other, constant)
        return self.make("product", parts=sorted((left, right)))

    def largest(self, forms: Iterable[Form]) -> Form:
        """The largest of some forms.

        Args:
            forms: numbers, at least one.
        """
        return self._set_of("largest", forms)

    def smallest(self, forms: Iterable[Form]) -> Form:
        """The smallest of some forms: the largest one with other signs.

        Args:
            forms: numbers, at least one.
        """
        return self.negative(self.largest(map(self.negative, forms)))

    def _set_of(self, kind: str, forms: Iterable[Form]) -> Form:
        """A form that has the same parts in any order and number, flat."""
        forms = list(forms)
        chosen: set[Form] = set()
        for form in forms:
            chosen.update(self.parts(form) if self.kind(form) == kind else (form,))
        if len(chosen) > MAX_PARTS:
            return self.make(f"large {kind}", parts=sorted(set(forms)))
        return chosen.pop() if len(chosen) == 1 else self.make(kind, parts=sorted(chosen))

    # --- Truth values and choices ------------------------------------------------------------------------

    def positive(self, form: Form) -> Form:
        """Whether a whole number is above 0."""
        return self.make("positive", parts=(form,))

    def _without_factor(self, form: Form) -> Form:
        """A form that is above 0 just where a whole number is, without a common factor of its terms."""
        constant, terms = self._as_sum(form)
        factor = max(1, math.gcd(*terms.values()))
        reduced = self.constant(-(-constant // factor))
        for term, times in terms.items():
            reduced = self.sum(reduced, term, times // factor)
        return reduced

    def zero(self, form: Form) -> Form:
        """Whether a number is 0."""
        return self.make("zero", parts=(min(form, self.negative(form)),))

    def truth(self, form: Form) -> Form:
        """Whether a value counts as true.

        Args:
            form: a truth value or a number.
        """
        is_truth = self.kind(form) in _TRUTHS or self.keys[form][1] == "bool"
        return form if is_truth else self.opposite(self.zero(form))

    def opposite(self, truth: Form) -> Form:
        """Whether a truth value is false."""
        if self.kind(truth) == "not":
            return self.parts(truth)[0]
        if self.kind(truth) == "positive":
            return self.positive(self.difference(self.constant(1), self.parts(truth)[0]))
        return self.make("not", parts=(truth,))

    def both(self, forms: Iterable[Form]) -> Form:
        """Whether all forms count as true.

        Args:
            forms: truth values or numbers, at least one.
        """
        return self._set_of("all", map(self.truth, forms))

    def compare(self, operator: ast.cmpop, left: Form, right: Form) -> Form:
        """A comparison of whole numbers: of their difference with 0.

        Args:
            operator: node of the comparison.
            left: a number; for operators such as ``in`` any value.
            right: the same.
        """
        match operator:
            case ast.Gt():
                return self.positive(self.difference(left, right))
            case ast.Lt():
                return self.positive(self.difference(right, left))
            case ast.GtE():
                return self.opposite(self.positive(self.difference(right, left)))
            case ast.LtE():
                return self.opposite(self.positive(self.difference(left, right)))
            case ast.Eq():
                return self.zero(self.difference(left, right))
            case ast.NotEq():
                return self.opposite(self.zero(self.difference(left, right)))
        return self.make("compare", type(operator).__name__, parts=(left, right))

    def choice(self, test: Form, yes: Form, no: Form) -> Form:
        """One value if a test holds, and another one otherwise.

        Args:
            test: a truth value or a number.
            yes: value where it counts as true.
            no: value where it does not.
        """
        test = self.truth(test)
        if yes == no:
            return yes
        if self.kind(test) == "positive":
            bound, one = self._without_factor(self.parts(test)[0]), self.constant(1)
            for larger, smaller, chosen in ((yes, no, self.largest), (no, yes, self.smallest)):
                lead = self.difference(larger, smaller)
                if bound in map(self._without_factor, (lead, self.sum(lead, one))):
                    return chosen((yes, no))
        opposite = self.opposite(test)
        if opposite < test:
            test, yes, no = opposite, no, yes
        return self.make("choice", parts=(test, yes, no))
