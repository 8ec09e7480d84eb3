"""Files that run as they are written: surely within the profile, and judged as if they had been read."""

from __future__ import annotations

import ast
import random
import re

import pytest
from code_worlds import SYNTHESIZE, make_worlds
from test_code_linker import DEEP, UNSUPPORTED

from etude_gym.envs.code.exercise import Exercise, Test
from etude_gym.envs.code.grader import grade
from etude_gym.envs.code.language.printing import render_program
from etude_gym.envs.code.submissions import sandbox
from etude_gym.envs.code.submissions.linker import link
from etude_gym.envs.code.submissions.plain import as_written, is_plain
from etude_gym.envs.code.submissions.runner import MontyRunner

API = {"solve": ["solve"]}
RUNNER = MontyRunner(seconds=0.2, retry_seconds=0.2)


def references(count):
    """Solutions of tasks of writing."""
    worlds = make_worlds(count, SYNTHESIZE)
    return [
        render_program(world["reference"][: world["num_reference"]].tolist(), int(world["return_category"]))
        for world in worlds
    ]


# --- What is plain -----------------------------------------------------------------------------------


def test_solutions_of_the_grammar_are_plain():
    sources = references(300)
    assert all(as_written({"solve.py": source}, API) for source in sources)


@pytest.mark.parametrize(
    "line",
    [
        "    # Don't look (yet).",
        '    """Count what is left."""',
        "    'a' + \"b\"",
        "    x: list[int] = [7, 8][::2]",
        "    return {1: 2, k: 3}[k] if k in numbers else sorted(numbers, key=lambda x: -x ** 2)",
        "    text = str(k).upper()",
        "    while k > 0: k //= 10",
        "    max = 3",
        "    return solve(numbers[1:], k)",
    ],
)
def test_what_people_write_is_plain(line):
    source = f"def solve(numbers: list[int], k: int) -> int:\n{line}\n    return k\n"
    ast.parse(source)
    assert is_plain(source)


@pytest.mark.parametrize(
    "text",
    [
        *('x = f"{k}"', "x = b'k'", "x = '\\n'", "x = '('", '"""\n"""', "x = 'ä'", "x = 1;", "x = k \\\n+ 1"),
        *("x = (1,\n    2)", "\tx = 1", "x = 1\r", "x = 1\f", "x = 01", "x = 1_0", "x = 0x1", "x = 1.5"),
        *("x = 1e3", "x = 1if k else 2", "x = ...", "x = 9999999999999999999", "x = (y := 1)", "print(*k)"),
        *(
            "x = [*k]",
            "x = {**k}",
            "x = [*y for y in k]",
            "x = {**y for y in k}",
            "f((a)=1)",
            "f((a)  = 1)",
            "a, *b = k",
        ),
        *("import math", "x = next(iter(k))", "x = k.count(1)", "x = eval", "x = a__b", "@f", "raise f"),
        *("def g[T](x): pass", "type X = int", "match k:\n    case 1: pass", "try: pass\nexcept f: pass"),
        *("class A: pass", "global k", "del k", "with k: pass", "yield k", "await k", "assert k", "`k`"),
        *('x = "a\0b"', '"""a\rb"""', "x = 'a\x7fb'", "for y in *(k) or k,: pass", "return *(k) != k, 1"),
        *(
            "return  *(k) < 1, 2",
            "(k).y: int",
            "(k)[0]: int = 1",
            "if k: (k).y: int",
            "x = solve",
            "solve: int",
        ),
        *("x = str(solve)", "f(solve=1)", "x = solve (1)", "def g(solve): pass"),
        *("BaseException = 1", "x = $", "x = 'k", "x = [", "]", "x" + " + x" * 30, "elif k: pass\n" * 100),
    ],
)
def test_what_has_to_be_looked_at_is_not_plain(text):
    assert not is_plain(f"def solve(numbers, k):\n    return 1\n{text}\n")
    assert not is_plain("def solve(numbers, k):\n    " + text.replace("\n", "\n    ") + "\n    return 1\n")


@pytest.mark.parametrize(
    "line", ["x = 2", "x: int", "def sum(x): return x", "if 1: pass", "sum = 3", "def f(x): return x\nf: int"]
)
def test_at_top_level_a_plain_file_does_nothing_but_define_functions_of_its_own(line):
    source = "def solve(numbers, k):\n    return 1\n"
    assert is_plain(source)
    assert not is_plain(f"{source}{line}\n")
    assert not is_plain(f"{line}\n{source}")


@pytest.mark.parametrize("case", [*UNSUPPORTED, *DEEP])
def test_what_linking_refuses_is_not_plain(case):
    [source] = DEEP[case].values() if case in DEEP else [f"def f(x):\n    return x\n{UNSUPPORTED[case]}"]
    assert not is_plain(source)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"solve.py": ""},
        {"solve.py": "def other(x):\n    return x\n"},
        {"solve.py": "if 1:\n    def solve(x):\n        return x\n"},
        {"solve.py": "solve = lambda x: x\n"},
        {"solve.py": "def solve_(x):\n    return x\n"},
        {"other.py": "def solve(x):\n    return x\n"},
        {"solve.py": "def solve(x):\n    return x\n", "other.py": "\n"},
    ],
)
def test_only_one_file_that_defines_what_is_asked_for_runs_as_it_is_written(files):
    assert as_written(files, API) is None


# --- It makes no difference ----------------------------------------------------------------------------

DOUBLE = Exercise(
    "synthesize",
    ("Double.",),
    {},
    (),
    tuple(Test("solve", "solve", (x,), 2 * x, x % 3) for x in range(6)),
    0.0,
)


@pytest.mark.parametrize(
    ("source", "status", "said"),
    [
        ("def solve(x):\n    return x x\n", "malformed", "solve.py, line 2: invalid syntax."),
        (
            "def solve(x):\n    if x:\n    return 2\n",
            "malformed",
            "solve.py, line 3: expected an indented block",
        ),
        ("def solve(x):\n    1 = x\n    return 2 * x\n", "malformed", "solve.py, line 2: cannot assign"),
        ("def solve(x):\n    return x.bit_length()\n", "unsupported", "0 of 6 hidden tests passed."),
        ("def solve(x):\n    return y\n", "wrong", "0 of 6 hidden tests passed."),
        ("def solve(x: Some) -> Thing:\n    return 2 * x\n", "ok", "6 of 6 hidden tests passed."),
    ],
)
def test_a_plain_file_is_judged_as_if_it_had_been_read(source, status, said):
    assert as_written({"solve.py": source}, API) is not None
    result = grade(DOUBLE, {"solve.py": source}, RUNNER)
    assert result.status == status
    assert result.message.startswith(said)


STATEMENTS = '''\
def solve(numbers, k):
    y: int = 3
    t = (1, 2,)
    d, s = {"a": 1, 'b': 2}, {1, 2}
    g = sorted(x for x in numbers if x)
    f = lambda q, r=2: q + r
    return f(2, r=3) - d["a"] << 1, t[::2], not s is not None and k in t or -k ** ~2
def other(p, /, q=1, *, r=2) -> list[int]:
    """Other things."""
    while p < q <= r != 5:
        p += 1
        if p: break
        elif q: continue
        else: pass
    for i, (j, k) in zip(p, q): print(i, j, sep="")
    else:
        return p if q else r
    return {i: j for i, j in q for z in i if z if j}, {i for i in q}, [x for x in q]
'''
ODDITIES = '''\
x = 1|x: List[int] = 1|y: undefined|def solve(a: Some[b]) -> c:|*|
**|(|)|[|]|{|}|,|:|=|==|!=|->|<|>|<>|!|.|.a|
|    |'t'|"s"|""|"""|"""s"""|0|1|01|1 2|x y|'a' 'b'|# c|if|else|elif x:|for|in|not|is|None|True|lambda|return|
while x:|break|continue|pass|and|or|def|def f():|+=|//=|**=|<<|~|/|*,|/,|f(x=1, 2)|f(x for x in y, 1)|
f(x, y=1)|None = 1|f(True=1)|f(a.b=1)|f((a)=1)|f((a)  = 1)|  |x if y|def f(a=1, b):|def f(*):|
def f(*, a):|def f(a, a):|
lambda *: 1|
lambda /: 1|return *a, b|x = *a, b|for x in *a, b:|(a, b): int = 3|a, b: int|a, b += 1|f() = 1|f(): int|1 = x|
x + 1 = 2|
for f() in x: pass|[x for f() in y]|[x for x in a, b]|[x for x in *a]|if x = 1:|{1: 2, 3}|{1, 2: 3}|x = = 1|
a == b = c|x if y else z = 1|lambda: x = 1|-x = 1|"a" = 1|() = 1|[] = 1|{} = 1|x[]|x[,]|x[a,,]|x[1:2, ::3]|
x[a:b:c:d]|x[a=1]|if x: pass else: pass|for x in y: pass|\n x|\n    y = 2|\n|x: int: int|a = b += 1|print x|
is is|not in in|a not b|x for x in y|(x for x in y for z in)|[x if y for z in w]|[x for x in y if z else w]|
[x for x in lambda: y, 1]|a ** -b|a + not b|a * lambda: 1|a < b > c == d != e in f|a =! b|!a|while :|if x::|
{1: }|{: 1}|[,]|(,)|f(,)|f(a,,b)|x.None|x . y|1 .real|sum = 1|def max(a, b): return 1|range|str(|
*(a) or b,|*(a)[0] < b, 1|(a).b: int|(a)[0]: int|x: int|\0|\r|
helper_1|solve|sum: int|sum = sum|'''


def mutated(sources, rng):
    """A program in which a few words were dropped, doubled, exchanged or replaced by odd ones."""
    words = re.findall(r"\n *|\w+|\"\"\"|\"[^\"]*\"|'[^']*'|[^\w\s]| +", rng.choice(sources))
    for _ in range(rng.randint(1, 3)):
        at, other, kind = rng.randrange(len(words)), rng.randrange(len(words)), rng.random()
        oddity = (
            rng.choice(ODDITIES.split("|")).replace("\\n", "\n").replace("\\0", "\0").replace("\\r", "\r")
        )
        if kind < 0.25:
            words[at] = ""
        elif kind < 0.4:
            words[at] += words[other]
        elif kind < 0.55:
            words[at], words[other] = words[other], words[at]
        else:
            words[at] = f" {oddity} " + (words[at] if kind < 0.8 else "")
    return "".join(words)


def told(outcomes):
    """What outcomes say, apart from what linking calls a function."""
    said = [outcome.text.replace("solve__", "") for outcome in outcomes]
    return [
        (o.status, text if o.status == "ok" else text.partition("(")[0])
        for o, text in zip(outcomes, said, strict=True)
    ]


def check_mutants(count, seed):
    """Plain programs that are Python do what they do when they are linked; the others do not run."""
    rng = random.Random(seed)
    sources = [*references(200), *[STATEMENTS] * 40]
    calls = [("solve", ([3, 1, 2], 4)), ("solve", ([], 0)), ("solve", ([5], -1))]
    python = other = 0
    while python + other < count:
        files = {"solve.py": mutated(sources, rng)}
        written = as_written(files, API)
        if written is None:
            continue
        outcomes = RUNNER.run(written.source, calls)
        try:
            ast.parse(written.source)
        except SyntaxError:
            assert {outcome.status for outcome in outcomes} == {"unsupported"}, files
            other += 1
            continue
        linked = link(files, API)
        again = RUNNER.run(linked.source, [(linked.names["solve", "solve"], given) for _, given in calls])
        assert told(outcomes) == told(again), files
        python += 1
    assert min(python, other) > count // 10


def test_a_plain_program_does_what_it_does_when_it_is_linked():
    check_mutants(1_000, seed=0)


@pytest.mark.slow
def test_many_plain_programs_do_what_they_do_when_they_are_linked():
    check_mutants(40_000, seed=1)
    sandbox.discard()
