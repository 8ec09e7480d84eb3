"""Several files linked into one run as they do when Python imports them, or are refused for a reason."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from etude_gym.envs.code.submissions.linker import Malformed, Refused, Unsupported, link
from etude_gym.envs.code.submissions.runner import MontyRunner

RUNNER = MontyRunner(seconds=2.0)

IN_PYTHON = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
for name in sorted(json.loads(sys.argv[2])):
    importlib.import_module(name)
results = []
for module, function, arguments in json.loads(sys.argv[3]):
    try:
        results.append([True, getattr(sys.modules[module], function)(*arguments)])
    except Exception as error:
        results.append([False, type(error).__name__])
print(json.dumps(results))
"""


def in_python(folder, files, calls):
    """What Python itself makes of a package, importing its modules in the order of their names."""
    for path, text in files.items():
        (folder / path).write_text(text)
    modules = json.dumps([path.removesuffix(".py") for path in files])
    command = [sys.executable, "-c", IN_PYTHON, str(folder), modules, json.dumps(calls)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def linked(files, calls):
    """What the linked source makes of the same calls."""
    api = {}
    for module, function, _ in calls:
        api.setdefault(module, []).append(function)
    result = link(files, api)
    outcomes = RUNNER.run(
        result.source, [(result.names[m, f], tuple(arguments)) for m, f, arguments in calls]
    )
    return [
        [True, outcome.value()] if outcome.status == "ok" else [False, outcome.text.partition("(")[0]]
        for outcome in outcomes
    ]


def outcome_of(source, *arguments):
    return linked({"a.py": source}, [("a", "f", list(arguments))])[0]


def read_cases(text):
    """Packages by name: a line "=== name" before each, "--- path" before each file but a lone a.py."""
    cases = {}
    for case in text.strip().removeprefix("=== ").split("\n=== "):
        name, _, body = case.partition("\n")
        parts = body.removeprefix("--- ").split("\n--- ") if body.startswith("--- ") else [f"a.py\n{body}"]
        cases[name] = {path: source for path, _, source in (part.partition("\n") for part in parts)}
    return cases


PACKAGES = read_cases(r"""
=== import
--- a.py
import b
def f(x):
    return b.g(x) + 1
--- b.py
def g(x):
    return x * 2
=== import as
--- a.py
import b as c
def f(x):
    return c.g(x)
--- b.py
def g(x):
    return -x
=== from import
--- a.py
from b import g
def f(x):
    return g(x)
--- b.py
def g(x):
    return -x
=== from import as
--- a.py
from b import g as h
g = 5
def f(x):
    return h(x) + g
--- b.py
def g(x):
    return -x
=== import in a function
--- a.py
def f(x):
    from b import g
    import c as b
    return g(x) + b.n
--- b.py
def g(x):
    return -x
--- c.py
n = 7
=== re-export
--- a.py
from b import g as f
--- b.py
from c import h as g
--- c.py
def h(x):
    return x + 3
=== module through a module
--- a.py
import b
def f(x):
    return b.c.h(x) + b.k(x)
--- b.py
import c
from c import h as k
--- c.py
def h(x):
    return x + 3
=== same names everywhere
--- a.py
import b, c
limit = 1
def g(x):
    return limit
def f(x):
    return [g(x), b.g(x), c.g(x)]
--- b.py
limit = 2
def g(x):
    return limit + x
--- c.py
from b import limit as other
limit = 3
def g(x):
    return limit * other
=== cycle of imports
--- a.py
import b
limit = 4
def f(x):
    return 0 if x <= 0 else b.g(x - 1) + limit
--- b.py
import a
def g(x):
    return 1 if x <= 0 else a.f(x - 1) * a.limit
=== cycle that imports at the end
--- a.py
def f(x):
    return 0 if x <= 0 else g(x - 1)
from b import g
--- b.py
from a import f
def g(x):
    return x + f(x - 1)
nine = f(0) + 9
=== code at top level runs in order
--- a.py
import c
c.log.append(1)
import b
c.log.append(4)
def f(x):
    return c.log
--- b.py
import c
c.log.append(2)
c.log.append(3)
--- c.py
log = [0]
=== a built-in name is redefined in one module
--- a.py
import b
def f(x):
    return len([x]) + b.g(x)
--- b.py
def len(x):
    return 50
def g(x):
    return len(x)
=== state
--- a.py
import b
def f(x):
    b.tick()
    return b.count + x
--- b.py
count = 0
def tick():
    global count
    count += 1
=== names are not mixed up
--- a.py
import b
_c = 1
def f(x):
    return [_c, b.c, b._c]
--- b.py
c = 2
_c = 3
=== standard library
--- a.py
import math as m
from b import g
def f(x):
    return g([x, 9]) + m.gcd(12, 18)
--- b.py
from math import floor as m
from itertools import accumulate
import math
def g(x):
    import bisect
    return m(2.5) + math.isqrt(list(accumulate(x))[-1]) + bisect.bisect(x, 3)
""")

SCOPES = read_cases(r"""
=== parameter
limit = 1
def f(limit):
    return limit
=== local
limit = 1
def f(x):
    limit = x + 1
    return limit
=== unbound local
limit = 1
def f(x):
    y = limit
    limit = 2
    return y
=== global
limit = 1
def f(x):
    global limit
    limit = x
    return g()
def g():
    return limit
=== global made in a function
def f(x):
    g(x)
    return made
def g(x):
    global made
    made = x + 1
=== nonlocal
n = 1
def f(x):
    n = 5
    def g():
        nonlocal n
        n += x
    g()
    return n
=== nested
n = 1
def f(x):
    def g(n):
        def h():
            return n
        return h() + x
    return g(7) + n
=== lambda
n = 3
def f(x):
    return (lambda n, m=n: n + m)(x)
=== default
n = 3
def f(x, y=n):
    return x + y
n = 4
=== comprehension
n = 3
def f(x):
    return [n for n in range(x)] + [n]
=== comprehension over a global
n = [1, 2]
def f(x):
    return [n for n in n]
=== nested comprehension
n = 2
def f(x):
    return [[n * i for i in range(n)] for n in range(x) if n != 1] + [n]
=== walrus
n = 2
def f(x):
    y = [n := i for i in range(x)]
    return [n, y]
=== walrus at top level
if (n := 5) > 2:
    m = [k := i for i in range(n)]
def f(x):
    return [n, m, k]
=== loop at top level
total = 0
for i in range(4):
    total += i
def f(x):
    return [total, i]
=== unpacking at top level
(a, *b), c = (1, 2, 3), 4
def f(x):
    return [a, b, c]
=== handler
e = 5
def f(x):
    try:
        int('z')
    except ValueError as e:
        return str(e)
=== handler at top level
try:
    int('z')
except ValueError as e:
    m = str(e)
def f(x):
    return m
=== match
n = 1
def f(x):
    match [x, 2, 3]:
        case [y, *n]:
            return [y, n]
=== match at top level
match {'k': 1, 'l': 2}:
    case {'k': n, **rest}:
        pass
def f(x):
    return [n, rest['l']]
=== conditional definition
if 2 > 1:
    def f(x):
        return x + 1
else:
    def f(x):
        return x
=== definition again
def f(x):
    return x
g = f
def f(x):
    return g(x) + 1
=== recursion
def f(x):
    return 1 if x < 1 else x * f(x - 1)
=== decorator
def twice(g):
    return lambda x: g(g(x))
@twice
def f(x):
    return x * 3
=== keyword arguments
def g(limit, *, n=2):
    return limit * n
n = limit = 7
def f(x):
    return g(limit=x, n=5)
=== annotations
from typing import List
def f(x: 'Nothing', *a: List[int]) -> List['int']:
    y: List[int] = [x]
    z: int
    return y
=== name of the module
def f(x):
    return 1
if __name__ == '__main__':
    f = 1 // 0
=== future
from __future__ import annotations
def f(x: Unknown) -> int:
    return x
=== doc string
'''Module.'''
def f(x):
    '''Function.'''
    return x
=== formatted text
w = 5
def f(x):
    return f'{x:>{w}}|{x!r}|{"q"}|{x=}\n{{}}'
=== next of a generator expression
def f(x):
    return next((i for i in range(9) if i > x), -1)
=== local names like linked ones
a_f = 1
def f(x):
    a_n = a_f + x
    return a_n
=== wide characters
größe = 3
def f(x):
    ﬁ = x
    return fi + größe + len('ä😀')
""")
SCOPES["tabs and odd line ends"] = {"a.py": "def f(x):\r\n\tif x:\r\n\t\treturn x\f\r\n\treturn 0"}


@pytest.mark.parametrize("files", [*PACKAGES.values(), *SCOPES.values()], ids=[*PACKAGES, *SCOPES])
def test_a_linked_package_does_what_python_does(tmp_path, files):
    calls = [("a", "f", [3]), ("a", "f", [1])]
    expected = in_python(tmp_path, files, calls)
    assert any(ok for ok, _ in expected) or "unbound" in str(expected).casefold()
    assert linked(files, calls) == expected


def test_a_missing_name_of_a_module_is_an_error_where_it_is_used():
    files = {"a.py": "import b\ndef f(x):\n    return b.g(x) if x else 5", "b.py": "x = 1"}
    assert linked(files, [("a", "f", [1]), ("a", "f", [0])]) == [[False, "NameError"], [True, 5]]


def test_a_constant_of_the_first_files_is_not_seen_by_the_others():
    files = {
        "a.py": "import b\nlimit = 1\ndef f(x):\n    return b.g(x)",
        "b.py": "def g(x):\n    return limit",
    }
    assert linked(files, [("a", "f", [1])])[0][0] is False


# --- What is refused ---------------------------------------------------------------------------------

PLAIN = "def f(x):\n    return x\n"

UNSUPPORTED = {
    "class": "class A:\n    pass",
    "yield": "def g():\n    yield 1",
    "yield from": "def g():\n    yield from [1]",
    "async": "async def g():\n    pass",
    "await": "async def g():\n    await g()",
    "del": "x = [1]\ndel x[0]",
    "with": "with f(1):\n    pass",
    "except group": "try:\n    pass\nexcept* ValueError:\n    pass",
    "star import": "from math import *",
    "star import from the package": "from b import *",
    "import os": "import os",
    "import in a function": "def g():\n    import subprocess",
    "import of a submodule": "import collections.abc",
    "eval": "x = eval('1')",
    "exec as a value": "x = [exec]",
    "open": "def g():\n    return open('x')",
    "getattr": "x = getattr(1, 'real')",
    "dunder import": "x = __import__('os')",
    "dunder builtins": "x = __builtins__",
    "dunder attribute": "x = (1).__class__",
    "dunder in the middle": "x = f.a__b",
    "reserved name": "__etude_lines = []",
    "name of a linked name": "def g(b__n):\n    return b__n",
    "reserved parameter": "g = lambda __etude_calls: 1",
    "reserved pattern": "match 1:\n    case __etude_lines:\n        pass",
    "reserved global": "def g():\n    global __etude_lines\n    __etude_lines = 1",
    "reserved import": "import math as __etude_lines",
    "homoglyph of eval": "x = ｅval('1')",
    "class made by calling": "x = type('A', (), {})",
    "endless generator": "import itertools\nx = next(i for i in itertools.count() if i > 3)",
    "module as a value": "import b\nx = [b]",
    "module of the package stored to": "import b\nb.n = 3",
    "imported name assigned": "from b import n\nn = 3",
    "imported name assigned in a loop": "import b\nfor b in range(3):\n    pass",
    "imported twice": "import b\nfrom b import n as b",
    "imported value that changes": "from b import changing",
}


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_what_the_sandbox_would_not_run_as_python_does_is_unsupported(case):
    other = "n = 1\nchanging = 1\ndef g():\n    global changing\n    changing = 2"
    with pytest.raises(Unsupported, match=r"^a\.py.* is not supported\.") as refusal:
        link({"a.py": PLAIN + UNSUPPORTED[case], "b.py": other}, {"a": ["f"]})
    assert refusal.value.status == "unsupported"


def test_a_refusal_names_the_line():
    with pytest.raises(Unsupported, match=r"a\.py, line 4: 'class' is not supported\."):
        link({"a.py": PLAIN + "\nclass A:\n    pass"}, {"a": ["f"]})


@pytest.mark.parametrize(
    "source",
    [
        "f = lambda x, y=2: x * y",
        "f: object = lambda x: x + x",
        "f = lambda n: n and 2 + f(n - 1)",
        "g = lambda x: x\nf = lambda x: g(x) * 2",
        "f = 7\nf = lambda x: x * 2",
    ],
)
def test_a_lambda_that_has_a_name_is_a_function(source):
    assert outcome_of(source, 3) == [True, 6]


def test_what_is_refused_by_name_may_be_a_variable():
    assert outcome_of("def f(x):\n    open = [x]\n    help = len(open)\n    return help", 3) == [True, 1]


MALFORMED = {
    "syntax": {"a.py": "def f(:"},
    "missing function": {"a.py": "def g(x):\n    return x"},
    "function inside another": {"a.py": "def g():\n    def f(x):\n        return x"},
    "no def": {"a.py": "f = 7"},
    "no def at top level": {"a.py": "if True:\n    f = lambda x: x"},
    "module instead of a function": {"a.py": "import f", "f.py": PLAIN},
    "missing module": {"b.py": PLAIN},
    "no files": {},
    "zero byte": {"a.py": PLAIN + "\0"},
    "lone surrogate": {"a.py": PLAIN + "x = '\ud800'"},
    "deep parentheses": {"a.py": PLAIN + "(" * 5000 + ")" * 5000},
    "long number": {"a.py": PLAIN + "x = " + "9" * 5000},
    "too many characters": {"a.py": PLAIN + "#" * 100_000},
    "too many characters in all": {"a.py": PLAIN + "#" * 60_000, "b.py": "#" * 60_000},
    "too many nodes": {"a.py": PLAIN + "x = 1\n" * 9000},
    "too many nodes in all": {f"{name}.py": PLAIN + "x = 1\n" * 4000 for name in "abc"},
    "import of nothing": {"a.py": "from b import g\n" + PLAIN, "b.py": "x = 1"},
    "import of nowhere": {"a.py": "import nowhere\n" + PLAIN},
    "relative import from above": {"a.py": "from .. import b\n" + PLAIN, "b.py": "x = 1"},
    "relative import from a module above": {"a.py": "from ..b import x\n" + PLAIN, "b.py": "x = 1"},
    "relative import of nothing": {"a.py": "from . import nothing\n" + PLAIN},
    "circle of names": {"a.py": "from b import f", "b.py": "from a import f"},
    "circle of functions": {
        "a.py": "from b import g\n" + PLAIN,
        "b.py": "from a import f\ndef g(x):\n    return x",
    },
    "path with dots": {"a.py": PLAIN, "x.y.py": "x = 1"},
    "path with two underscores": {"a.py": PLAIN, "__init__.py": "x = 1"},
    "path that ends with an underscore": {"a.py": PLAIN, "b_.py": "x = 1"},
    "path of the standard library": {"a.py": PLAIN, "math.py": "x = 1"},
}


@pytest.mark.parametrize("case", MALFORMED)
def test_what_no_python_could_run_is_malformed(case):
    with pytest.raises(Malformed) as refusal:
        link(MALFORMED[case], {"a": ["f"]})
    assert refusal.value.status == "malformed"
    assert isinstance(refusal.value, Refused)


DEEP = {
    "deep negation": {"a.py": PLAIN + "x = " + "-" * 50_000 + "1"},
    "deep sum": {"a.py": PLAIN + "x = 1" + "+1" * 9000},
    "deep calls": {"a.py": PLAIN + "f" + "(1)" * 9000},
    "deep attributes": {"a.py": PLAIN + "x = f" + ".a" * 9000},
    "deep lambdas": {"a.py": PLAIN + "x = " + "lambda: " * 5000 + "1"},
    "deep elif": {"a.py": PLAIN + "if f:\n    pass\n" + "elif f:\n    pass\n" * 4000},
    "long number in base 16": {"a.py": PLAIN + "x = 0x" + "f" * 5000},
    "just too deep": {"a.py": PLAIN + "x = 1" + " + 1" * 100},
}


@pytest.mark.parametrize("case", DEEP)
def test_what_is_nested_too_deep_to_be_linked_or_run_is_unsupported(case):
    with pytest.raises(Unsupported):
        link(DEEP[case], {"a": ["f"]})


def test_nesting_that_is_deep_but_allowed_runs():
    assert outcome_of("def f(x):\n    return x" + " + x" * 90, 2) == [True, 182]
    assert outcome_of("def f(x):\n    return " + "-(" * 45 + "x" + ")" * 45, 2) == [True, -2]
    body = "if x == 99:\n        return 1\n" + "".join(
        f"    elif x == {i}:\n        return {i}\n" for i in range(60)
    )
    assert outcome_of("def f(x):\n    " + body, 59) == [True, 59]


def test_a_name_that_ends_like_that_of_an_endless_iterator_is_none():
    source = "def _count(x):\n    return [x, x]\ndef f(x):\n    return sum(y for y in _count(x))"
    assert outcome_of(source, 3) == [True, 6]


def test_linking_twice_gives_the_same_source():
    files = {"b.py": "import a\nn = 1", "a.py": "import b\ndef f(x):\n    return b.n"}
    assert link(files, {"a": ["f"]}) == link(dict(reversed(files.items())), {"a": ["f"]})
