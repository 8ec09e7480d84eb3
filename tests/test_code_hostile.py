# ruff: noqa: E501 (tables of one case a line)
"""Hostile and broken submissions: none raises, outlasts its time, scores, or is excused as a fault of the sandbox.

Names of statuses do not matter here, with one exception: an "infrastructure error" is left out of scores, so a
submission that could cause one could escape being graded.
"""

from __future__ import annotations

import time
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etude_gym.envs.code.architecture import measure
from etude_gym.envs.code.exercise import Exercise, Test
from etude_gym.envs.code.grader import grade
from etude_gym.envs.code.submissions.reply import parse_submission
from etude_gym.envs.code.submissions.runner import MontyRunner
from etude_gym.tasks.domain import Reply

RUNNER = MontyRunner(seconds=0.15, retry_seconds=0.45)


def make_test(x, module="shop"):
    return Test(module, "total", (x, [x, 9]), x * x + 37, x % 3)


WRITE = Exercise(
    "synthesize",
    ("Add 37 to the square.",),
    {"shop.py": ""},
    (make_test(4),),
    tuple(map(make_test, (5, 6, 7, 8))),
    0.0,
)
PACKAGE = {
    "shop.py": "import till\ndef total(x, y):\n    return till.square(x) + 37 + 0 * till.square(x)",
    "till.py": "import menu\ndef square(x):\n    return menu.one() * x * x",
    "menu.py": "import shop\ndef one():\n    return 1\ndef two():\n    return shop.total(1, []) + 2",
}
CLEAN = {"shop.py": "def total(x, y):\n    return x * x + 37"}
REBUILD = Exercise("refactor", (), PACKAGE, WRITE.public, WRITE.hidden, 0.0, measure(PACKAGE), measure(CLEAN))


@cache
def hanging_seconds():
    """Seconds that the grading of a program that hangs takes here: all that a run has, and what comes on top."""
    started = time.monotonic()
    grade(WRITE, {"shop.py": "def total(x, y):\n    while True: pass"}, RUNNER)
    return time.monotonic() - started


def in_time(seconds):
    """Whether this is a time that a program may take which is stopped; one that is not takes for ever."""
    return seconds < 5 * hanging_seconds()


def grade_reply(reply, exercise=WRITE):
    """Grade a reply; None if there is nothing to grade."""
    started = time.monotonic()
    files = parse_submission(reply, "shop.py")
    result = None if isinstance(files, Reply) else grade(exercise, files, RUNNER)
    assert in_time(time.monotonic() - started)
    return result


def check(reply, exercise=WRITE):
    """A reply is not worth anything, and that is its own fault."""
    result = grade_reply(reply, exercise)
    if result is not None:
        assert result.score == 0.0, result
        assert result.status not in ("ok", "infrastructure error"), result


def program(body, prelude=""):
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    return f"```python\n{prelude}\ndef total(x, y):\n{lines}```"


def test_the_exercises_can_be_solved():
    assert grade_reply(program("return x * x + 37")).score == 1.0
    assert grade_reply(program("return x * x + 37").replace("python", "python shop.py"), REBUILD).score > 0.0


# --- Programs that do not end, or want too much ------------------------------------------------------

ENDLESS = """
while True: pass
while True: x += 1
while 1:~    try:~        while 1: pass~    except BaseException: pass
try:~    while 1: pass~finally:~    while 1: pass
for i in range(10 ** 18): pass
return sum(range(10 ** 15))
return max(range(10 ** 15))
return sum(i for i in range(10 ** 12))
return [i for i in range(10 ** 12)]
return len([0 for i in range(10 ** 6) for j in range(10 ** 6)])
y = [1]~for i in y: y.append(i)
return 7 ** 10 ** 9
return len(str(7 ** 10 ** 6))
a = 7~while True: a = a * a
return divmod(7 ** 3000000, 3 ** 1000000)
return 1 << 10 ** 12
import math~return math.factorial(10 ** 7)
import math~return math.comb(10 ** 7, 5 * 10 ** 6)
import itertools~return sum(itertools.count())
import itertools~return list(itertools.repeat(1))
import itertools~for i in itertools.cycle([1]): pass
import itertools~return list(itertools.permutations(range(30)))
import itertools~return len(list(itertools.product(range(99), repeat=9)))
import re~return re.match('(a|a)*b', 'a' * 60)
import re~return re.match(r'(a+)+\\1$', 'a' * 60 + 'b')
import re~return re.compile('a{999}{999}{999}{999}')
import json~return json.loads('[' * 100000)
return 'a' * 10 ** 11
return ['a' * 10 ** 6] * 10 ** 9
return bytes(10 ** 11)
a = ['x']~while True: a = a + a
a = 'x'~while True: a += a
a = {}~while True: a[len(a)] = a
return 'ab'.replace('a', 'x' * 10 ** 9)
return '{:>9999999999}'.format(x)
return f'{x:>9999999999}'
return '%9999999999d' % x
return 'x'.ljust(10 ** 11)
return ''.join(['abc' * 10 ** 6] * 10 ** 6)
return sorted(range(10 ** 9))
return set(range(10 ** 9))
return list(map(str, range(10 ** 9)))
while True: print('x' * 1000)
while True: print()
print('x' * 10 ** 7)
print(*range(10 ** 7))
return total(x, y)
return total(x + 1, [y])
return sorted([x], key=lambda z: total(z, y))
try:~    return total(x, y)~except RecursionError:~    return total(x, y)
while True:~    try: total(x, y)~    except RecursionError: pass
a = []~for i in range(100): a = [a, a]~return a
a = ()~for i in range(200): a = (a, a, a)~return a
a = []~for i in range(100): a = [a, a]~return a == [a]
a = []~for i in range(100): a = [a, a]~return str(a)
a = []~for i in range(100): a = [a, a]~print(a)
a = []~for i in range(100): a = [a, a]~raise ValueError(a)
a = []~for i in range(100): a = [a, a]~assert a == x, a
a = ()~for i in range(100): a = (a, a)~return {}[a]
a = ['x' * 10 ** 6] * 10 ** 4~return a
a = []~for i in range(10 ** 6): a = [a]~return a
a = []~for i in range(10 ** 5): a = [a]~return a == a
a = []~for i in range(10 ** 5): a = [a]~return str(a)
a = ()~for i in range(10 ** 5): a = (a,)~return hash(a)
import copy~a = []~for i in range(10 ** 5): a = [a]~return copy.deepcopy(a)
import json~a = []~for i in range(100): a = [a, a]~return json.dumps(a)
import functools~return functools.reduce(lambda a, b: a * a, range(99), 7)
import time~time.sleep(1000)
import asyncio~return asyncio.sleep(1000)
from functools import cache~f = cache(lambda n: f(n + 1))~return f(1)
"""


@pytest.mark.parametrize("body", ENDLESS.strip().splitlines())
def test_a_program_that_wants_too_much_ends_in_time_and_earns_nothing(body):
    check(program(body.replace("~", "\n")))


@pytest.mark.parametrize(
    "line", ["while True: pass", "x = 'a' * 10 ** 11", "while 1: print(1)", "raise SystemExit", "1 // 0"]
)
def test_a_module_that_ends_badly_before_any_call_earns_nothing(line):
    check(program("return x * x + 37", prelude=line))


# --- Programs that reach for what is outside ---------------------------------------------------------

ESCAPES = """
return open('/etc/passwd').read()
return open(__file__).read()
return __import__('os').system('id')
return eval("__import__('os')")
return exec('import os')
return compile('1', 'a', 'eval')
return globals()
return locals()
return vars()
return dir()
return getattr(x, '__class__')
return setattr(total, 'x', 1)
return ().__class__.__bases__[0].__subclasses__()
return total.__globals__
return total.__code__.co_consts
return total.__defaults__
return (lambda: 0).__closure__
return [].__class__.__mro__
return x.__class__.__base__
return str.__dict__
return type(x).__subclasses__(type)
return '{0.__class__}'.format(x)
return '{0.__class__.__base__.__subclasses__}'.format(x)
return '{0[0].__globals__}'.format([total])
return '{x.__init__.__globals__}'.format(x=total)
return f'{total.__globals__}'
return '%(__class__)s' % {'__class__': x}
return str.format('{0.real}', x)
return '{}'.format_map({})
return __builtins__
return __loader__
return __spec__
return __file__
return __debug__
return __etude_calls
return __etude_lines
return breakpoint()
return input()
return help()
return exit()
return quit(0)
return memoryview(b'x')
return super()
return object()
return type('A', (int,), {'__eq__': lambda a, b: True})(1)
return type('A', (), {})
import os~return os.environ
import os~return os.listdir('/')
import sys~sys.exit(0)
import sys~return sys.modules
import sys~return sys._getframe(1).f_locals
import subprocess~return subprocess.run('id')
import socket~return socket.socket()
import ctypes~return ctypes.CDLL(None)
import builtins~builtins.len = lambda a: 5
import gc~return gc.get_objects()
import inspect~return inspect.stack()
import importlib~return importlib.import_module('os')
import pickle~return pickle.loads(b'cos')
import threading~return threading.Thread
import multiprocessing~return 1
import signal~return signal.alarm(0)
import resource~return 1
import pathlib~return pathlib.Path('/').iterdir()
import shutil~return 1
import tempfile~return 1
import urllib.request~return 1
import http.client~return 1
import code~return 1
import types~return types.CodeType
import weakref~return 1
import tracemalloc~return 1
import faulthandler~return 1
import platform~return platform.node()
import getpass~return 1
import random~return random.random()
import pytest~return 1
import etude_gym~return 1
import pydantic_monty~return 1
import numpy~return 1
from os import *
from math import *
from shop import total as other~return other(x, y)
import shop~shop.total = 5
import json~return json.__builtins__
import json~return json.codecs
import re~return re.sys
import typing~return typing.sys.modules
import collections~return collections._sys
import functools~return functools.partial(open, '/etc/passwd')()
import math~math.floor = 5
with open('x') as f: return f
yield 37
return (yield x)
await x
async def g(): pass~return g()
class A: pass~return A()
del x
return (lambda: (yield))()
global total~total = lambda x, y: 37
nonlocal x
"""


@pytest.mark.parametrize("body", ESCAPES.strip().splitlines())
def test_a_program_that_reaches_outside_finds_nothing_and_earns_nothing(body):
    check(program(body.replace("~", "\n")))


# --- Programs that forge results ---------------------------------------------------------------------

FORGERIES = """
return None
return True
return x == x
return float('nan')
return float('inf')
return float(x * x + 37)
return str(x * x + 37)
return [x * x + 37]
return (x * x + 37,)
return {x * x + 37}
return {1: x * x + 37}
return bytes([37])
return complex(x * x + 37)
return x * x + 37 + 0.0
return range(x * x + 37)
return total
return len
return int
return ...
return NotImplemented
return ValueError('x')
return iter([x * x + 37])
return map(str, [x * x + 37])
return slice(x)
return lambda: x * x + 37
return 10 ** 5000
return -10 ** 5000
return f'+{x * x + 37}'
return f'{x * x + 37}\\n+{x * x + 37}'
return '+1\\n+2\\n+3\\n+4\\n+5'
print(x * x + 37)
raise ValueError(f'{x * x + 37}')
raise ValueError(f'x\\n+{x * x + 37}\\n')
raise ValueError(x * x + 37)
raise SystemExit
raise SystemExit(x * x + 37)
raise KeyboardInterrupt
raise BaseException('+1')
raise GeneratorExit
raise StopIteration
raise MemoryError
raise MemoryError('memory limit exceeded')
raise TimeoutError('feed time limit exceeded')
raise RecursionError
raise NotImplementedError('The monty syntax parser does not yet support')
raise RuntimeError('Internal error in monty')
raise x
raise None
raise
raise ValueError from x
raise ValueError('a', 'b', 'c')
raise OSError(2, 'x')
raise UnicodeDecodeError('a', b'', 0, 1, 'x')
assert False
assert x == 0, y
y.append(x)~return y
y[:] = [x * x + 37]
a = []~a.append(a)~return a
a = {}~a['a'] = a~return a
a = [x * x + 37]~a.append(a)~return a
return [[[[[[[[x * x + 37]]]]]]]]
return '\\x00'
return '\\ud800'
return chr(0x10ffff)
return ''
return []
return x
return y
return -x
return x * x + 37 if x > 99 else 0
"""


@pytest.mark.parametrize("body", FORGERIES.strip().splitlines())
def test_a_program_that_forges_its_result_earns_nothing(body):
    check(program(body.replace("~", "\n")))


OVERRIDES = """
def len(x): return 42
def print(*x): return 42
list = 5
repr = lambda x: '42'
str = lambda x: '42'
def repr(x): return '42'
BaseException = ValueError
Exception = 5
type = lambda x: int
int = float
lines = ['+42'] * 9
calls = []
function = lambda *x: 42
arguments = []
error = 5
__name__ = 'x'
__etude_lines = ['+42'] * 9
__etude_calls = [()] * 9
__etude_function = 5
shop__total = 5
total__shop = 5
def shop__total(x, y): return 42
import math as total
"""


@pytest.mark.parametrize("prelude", OVERRIDES.strip().splitlines())
def test_redefining_names_around_a_program_earns_nothing(prelude):
    check(program("return 41", prelude))
    check(
        program("return 41").replace("```python\n", "```python\n").replace("41\n```", f"41\n{prelude}\n```")
    )


def test_a_program_cannot_tell_from_its_inputs_what_is_expected():
    check(program("SEEN.append(x)\nreturn SEEN[0] * 10 + len(SEEN)", "SEEN = []"))


# --- Text that is hardly a program -------------------------------------------------------------------

RIGHT = "def total(x, y):\n    return x * x + 36"


def fenced(text):
    return f"```python\n{text}\n```"


BROKEN = {
    "nothing": "",
    "zero bytes": "\0" * 100,
    "zero byte in source": fenced(RIGHT + "\0"),
    "zero byte in a comment": fenced(f"# \0\n{RIGHT}"),
    "byte order mark": fenced("\ufeff" + RIGHT),
    "two byte order marks": fenced("\ufeff\ufeff" + RIGHT),
    "UTF-7 cookie": fenced("# -*- coding: utf-7 -*-\n" + RIGHT),
    "unknown cookie": fenced("# -*- coding: nonsense -*-\n" + RIGHT),
    "UTF-16 cookie": fenced("# coding: utf-16\n" + RIGHT),
    "lone surrogate": fenced(f"x = '\ud800'\n{RIGHT}"),
    "lone surrogate name": fenced(f"\udcff = 1\n{RIGHT}"),
    "only surrogates": "\ud800\udc00" * 50 + "def ",
    "homoglyph total": fenced(RIGHT.replace("total", "tоtal")),
    "homoglyph eval": fenced("x = ｅｖａｌ('1')\n" + RIGHT),
    "wide dunder": fenced("x = ().＿＿class＿＿\n" + RIGHT),
    "right to left": fenced("# \u202e\n" + RIGHT),
    "line separators": fenced(RIGHT.replace("\n", "\u2028")),
    "vertical tabs": fenced(RIGHT.replace("    ", "\v")),
    "form feeds": fenced(RIGHT.replace("    ", "\f")),
    "carriage returns": fenced(RIGHT.replace("\n", "\r")),
    "combining marks": fenced("x" + "\u0301" * 5000 + " = 1\n" + RIGHT),
    "not closed": "```python\n" + RIGHT,
    "not opened": RIGHT + "\n```",
    "fences only": "```\n" * 99,
    "nested fences": "```python\n```python\n" + RIGHT + "\n```\n```",
    "a megabyte": "def " + "x" * 1_000_000,
    "a megabyte of fences": "```" * 350_000,
    "long line": fenced("x = '" + "a" * 99_000 + "'\n" + RIGHT),
    "long name": fenced("a" * 90_000 + " = 1\n" + RIGHT),
    "many lines": fenced("\n" * 99_000 + RIGHT),
    "many functions": fenced("\n".join(f"def f{i}(): pass" for i in range(6000))),
    "many arguments": fenced(f"def total({', '.join(f'a{i}' for i in range(9000))}): pass"),
    "many decorators": fenced("@total\n" * 9000 + RIGHT),
    "many strings": fenced("x = " + "'a' " * 20_000 + "\n" + RIGHT),
    "many comparisons": fenced("x = 1" + " < 1" * 9000 + "\n" + RIGHT),
    "many targets": fenced("x = " * 9000 + "1\n" + RIGHT),
    "many globals": fenced("def f():\n    global " + ", ".join(f"a{i}" for i in range(9000)) + "\n" + RIGHT),
    "many files": "".join(f"```python a{i}.py\n{RIGHT}\n```\n" for i in range(3000)),
    "same file twice": f"```python shop.py\n{RIGHT}\n```\n" * 2,
    "path upwards": f"```python ../shop.py\n{RIGHT}\n```",
    "absolute path": f"```python /etc/shop.py\n{RIGHT}\n```",
    "path with zero byte": f"```python sh\0op.py\n{RIGHT}\n```",
    "package file": f"```python __init__.py\n{RIGHT}\n```",
    "file of the standard library": f"```python math.py\n{RIGHT}\n```\n```python shop.py\nfrom math import total\n```",
    "circle of files": "```python shop.py\nfrom a import total\n```\n```python a.py\nfrom shop import total\n```",
    "deep parentheses": fenced("x = " + "(" * 40_000 + ")" * 40_000 + "\n" + RIGHT),
    "deep brackets": fenced("x = " + "[" * 150 + "]" * 150 + "\n" + RIGHT.replace("total", "totel")),
    "deep open brackets": fenced("[" * 90_000),
    "deep negation": fenced("x = " + "-" * 90_000 + "1\n" + RIGHT),
    "deep not": fenced("x = " + "not " * 20_000 + "1\n" + RIGHT),
    "deep sum": fenced("x = 1" + " + 1" * 20_000 + "\n" + RIGHT),
    "deep power": fenced("x = 1" + " ** 1" * 15_000 + "\n" + RIGHT),
    "deep calls": fenced("x = total" + "()" * 40_000 + "\n" + RIGHT),
    "deep attributes": fenced("x = total" + ".a" * 40_000 + "\n" + RIGHT),
    "deep items": fenced("x = total" + "[0]" * 30_000 + "\n" + RIGHT),
    "deep lambdas": fenced("x = " + "lambda: " * 12_000 + "1\n" + RIGHT),
    "deep conditions": fenced("x = " + "1 if 1 else " * 8000 + "1\n" + RIGHT),
    "deep elif": fenced("if 1:\n    pass\n" + "elif 1:\n    pass\n" * 5000 + RIGHT),
    "deep blocks": fenced("".join(" " * i + "if 1:\n" for i in range(99)) + " " * 99 + "x = 1\n" + RIGHT + "1"),
    "too many blocks": fenced("".join(" " * i + "if 1:\n" for i in range(300)) + " " * 300 + "x = 1\n" + RIGHT),
    "deep functions": fenced("".join(" " * i + "def f():\n" for i in range(90)) + " " * 90 + "x = 1\n" + RIGHT),
    "deep formatted text": fenced("x = " + "f'{" * 300 + "}'" * 300 + "\n" + RIGHT),
    "deep comprehensions": fenced("x = " + "[i for i in " * 90 + "[1]" + "]" * 90 + "\n" + RIGHT + "1"),
    "deep unpacking": fenced("(" * 90 + "a" + ",)" * 90 + " = 1\n" + RIGHT),
    "deep patterns": fenced("match 1:\n    case " + "[" * 90 + "]" * 90 + ":\n        pass\n" + RIGHT),
    "huge integer": fenced("x = " + "9" * 90_000 + "\n" + RIGHT),
    "huge integer in base 16": fenced("x = 0x" + "f" * 90_000 + "\n" + RIGHT),
    "huge exponent": fenced("x = 1e" + "9" * 5000 + "\n" + RIGHT + "1"),
    "huge integer to divide": fenced("x = 9 ** 9 ** 9 // 7\n" + RIGHT),
    "folded constant": fenced("x = 'a' * 99999999999\n" + RIGHT),
    "bad escape": fenced("x = '\\d\\N{nothing}'\n" + RIGHT),
    "bad indentation": fenced(RIGHT.replace("    ", " \t") + "\n  x = 1"),
    "return outside": fenced(RIGHT + "\nreturn 5"),
    "break outside": fenced("break\n" + RIGHT),
    "same parameter twice": fenced(RIGHT.replace("x, y", "x, x")),
    "parameter and global": fenced("def total(x, y):\n    global x\n    return 37"),
    "assignment to a constant": fenced("None = 5\n" + RIGHT),
    "Python 2": fenced("print 'x'\n" + RIGHT),
    "JavaScript": "```js\nfunction total(x, y) { return x * x + 37 }\n```",
    "prose": "I would define def total, squaring x and adding 37.",
    "markup": "<script>def total(x, y): return x * x + 37</script>",
    "a number": 42,
    "no text": None,
    "bytes": b"def total(x, y): return x * x + 37",
    "a list": [fenced(RIGHT)],
    "a class": int,
}  # fmt: skip


@pytest.mark.parametrize("reply", BROKEN.values(), ids=list(BROKEN))
def test_text_that_is_hardly_a_program_earns_nothing(reply):
    check(reply)


# --- Packages ----------------------------------------------------------------------------------------

TAMPERINGS = {
    "everything deleted": {"shop.py": "", "till.py": "", "menu.py": ""},
    "behavior deleted": {"shop.py": "def total(x, y):\n    return 0", "till.py": "", "menu.py": ""},
    "public tests learned by heart": {"shop.py": "def total(x, y):\n    return 53", "till.py": "", "menu.py": ""},
    "one test fails": {"shop.py": "def total(x, y):\n    return x * x + 37 if x != 8 else 0", "till.py": "", "menu.py": ""},
    "hangs": {"shop.py": "def total(x, y):\n    while True: pass"},
    "another module hangs": {"menu.py": "def one():\n    while True: pass"},
    "eval hides what is used": {"shop.py": "def total(x, y):\n    return eval('x * x + 37')", "till.py": "", "menu.py": ""},
    "exec hides what is used": {"shop.py": "exec('def total(x, y): return x * x + 37')", "till.py": "", "menu.py": ""},
    "a lambda hides what is used": {"shop.py": "[total] = [lambda x, y: x * x + 37]", "till.py": "", "menu.py": ""},
    "removed module is imported": {"menu.py": ""},
    "circle of names": {"till.py": "from shop import total as square", "shop.py": "from till import square as total"},
    "stored into a module": {"menu.py": "import till\ntill.square = lambda x: x\ndef one():\n    return 1"},
    "longer and no better": {"shop.py": PACKAGE["shop.py"] + " + 0 * till.square(x) + 0 * till.square(x)"},
    "unchanged": dict(PACKAGE),
    "deep": {"menu.py": "def one():\n    return " + "-" * 30_000 + "1"},
    "star": {"shop.py": "from till import *\ndef total(x, y):\n    return square(x) + 37"},
}  # fmt: skip


def test_a_lambda_that_has_a_name_earns_in_a_package_what_the_function_earns():
    for source in (CLEAN["shop.py"], "total = lambda x, y: x * x + 37"):
        assert grade(REBUILD, {"shop.py": source, "till.py": "", "menu.py": ""}, RUNNER).score == 1.0


@pytest.mark.parametrize("files", TAMPERINGS.values(), ids=list(TAMPERINGS))
def test_a_package_that_is_no_better_or_does_not_work_earns_nothing(files):
    started = time.monotonic()
    result = grade(REBUILD, files, RUNNER)
    assert in_time(time.monotonic() - started)
    assert result.score == 0.0
    assert result.status != "infrastructure error"


READ_WITHOUT_END = {
    "squares": "    a = 9\n" + "    a = a * a\n" * 500 + "    return a",
    "squares of a variable": "    a = x\n" + "    a = a * a\n" * 500 + "    return a",
    "doubling": "    a = x\n" + "    a = a + a\n" * 500 + "    return a",
    "many terms": "    a = x\n" + "".join(f"    a += x % {i}\n" for i in range(2, 500)) + "    return a",
    "many choices": "    a = x\n" + "".join(f"    if x > {i}:\n        a{i} = {i}\n" for i in range(1500)) + "    return a",
    "applied to itself": "    return (lambda f: f(f))(lambda f: f(f))",
    "longer each time": "    return (lambda f: f(f, x))(lambda f, x: f(f, x + 1))",
    "calls that double": "".join(f"    f{i + 1} = lambda y, f=f{i}: f(f(y))\n" if i else "    f1 = abs\n" for i in range(60)) + "    return f60(x)",
    "huge number": "    return 0x" + "f" * 20_000,
    "loops in loops": "".join("    " * (i + 1) + "for x in [x]:\n" for i in range(18)) + "    " * 19 + "return x",
}  # fmt: skip


@pytest.mark.parametrize("body", READ_WITHOUT_END.values(), ids=list(READ_WITHOUT_END))
def test_a_package_that_is_hard_to_read_is_graded_in_time(body):
    started = time.monotonic()
    result = grade(REBUILD, {"shop.py": f"{PACKAGE['shop.py']}\ndef bomb(x):\n{body}\n"}, RUNNER)
    assert in_time(time.monotonic() - started)
    assert result.score == 0.0
    assert result.status != "infrastructure error"


def test_functions_that_call_each_other_in_too_many_ways_are_graded_in_time():
    lines = ["def f0(x):\n    return x + 1"]
    lines += [f"def f{i}(x):\n    return f{i - 1}(f{i - 1}(x)) * f{i - 1}(x + {i})" for i in range(1, 60)]
    started = time.monotonic()
    result = grade(REBUILD, {"shop.py": "\n".join([PACKAGE["shop.py"], *lines])}, RUNNER)
    assert in_time(time.monotonic() - started)
    assert (result.status, result.score) == ("unsupported", 0.0)


# --- Anything at all ---------------------------------------------------------------------------------

PIECES = (
    *(
        "```",
        "```python\n",
        "\n",
        "    ",
        "def total(x, y):",
        "return ",
        "x",
        "y",
        "(",
        ")",
        "[",
        "]",
        ":",
        " = ",
    ),
    *(
        "lambda x: ",
        "for i in x",
        "if x",
        "import shop",
        "from till import square\n",
        "global x",
        "__class__",
        ".",
    ),
    *(
        "'",
        '"',
        "f'{",
        "}'",
        "\\",
        "#",
        "\0",
        "\ufeff",
        "\ud800",
        "9" * 50,
        "é",
        " shop.py",
        "till.py:",
        "**",
        "not ",
    ),
    *(
        "while True:\n",
        "try:\n",
        "except BaseException:\n",
        "pass\n",
        "1",
        "-",
        "match x:\n",
        "case [y]:\n",
        "@",
    ),
)
REPLIES = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=60).map("".join),
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=40).map(
        lambda parts: fenced("".join(parts))
    ),
    st.lists(st.sampled_from(PIECES), max_size=20).map(
        lambda parts: fenced("def total(x, y):\n    " + "".join(parts))
    ),
    st.text(st.characters(codec=None), max_size=200).map(
        lambda text: fenced("def total(x, y):\n    return 1\n" + text)
    ),
)


@settings(max_examples=300, deadline=None)
@given(REPLIES)
def test_no_reply_makes_grading_raise(reply):
    grade_reply(reply)
    grade_reply(reply, REBUILD)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(REPLIES)
def test_none_of_many_replies_makes_grading_raise(reply):
    grade_reply(reply)
