"""What a text reply submits, and that no reply makes reading it fail."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etude_gym.envs.code.submissions.reply import MAX_FILES, parse_submission
from etude_gym.tasks.domain import Reply
from etude_gym.tasks.replies import MAX_REPLY_CHARACTERS

CODE = "def f(x):\n    return x\n"


def files_of(reply):
    files = parse_submission(reply, "shop.py")
    assert isinstance(files, dict), files
    return files


def status_of(reply, cut=False):
    answer = parse_submission(reply, "shop.py", cut=cut)
    return answer.status if isinstance(answer, Reply) else "ok"


# --- What counts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        f"```python\n{CODE}```",
        f"```\n{CODE}```",
        f"~~~py\n{CODE}~~~",
        f"````python\n{CODE}````",
        f"Sure! Here it is:\n\n```Python\n{CODE}```\nHope it helps.",
        f"```python\r\n{CODE}```".replace("\n", "\r\n").replace("\r\r", "\r"),
        f"```python\n{CODE}```\n```text\nf(1) is 1\n```\n```bash\npython shop.py\n```",
        CODE,
    ],
)
def test_a_single_block_without_a_path_is_the_file_that_is_asked_for(reply):
    assert files_of(reply) == {"shop.py": CODE}


@pytest.mark.parametrize(
    "reply",
    [
        f"```python till.py\n{CODE}```",
        f"```till.py\n{CODE}```",
        f"till.py:\n```python\n{CODE}```",
        f"**till.py**\n```python\n{CODE}```",
        f"**till.py:**\n```python\n{CODE}```",
        f"`till.py`\n\n```python\n{CODE}```",
        f"`till.py`:\n```python\n{CODE}```",
        f"### till.py\n```python\n{CODE}```",
        f"File: till.py\n```python\n{CODE}```",
    ],
)
def test_a_path_can_stand_on_the_fence_or_before_it(reply):
    assert files_of(reply) == {"till.py": CODE}


def test_a_path_can_stand_in_a_comment_on_the_first_line():
    assert files_of(f"```python\n# till.py\n{CODE}```") == {"till.py": f"# till.py\n{CODE}"}


def test_the_path_on_the_fence_counts_more_than_the_line_before_it():
    assert list(files_of(f"old.py:\n```python new.py\n{CODE}```")) == ["new.py"]


def test_several_blocks_are_several_files():
    reply = f"a.py:\n```python\n{CODE}```\nand\n```python b.py\nimport a\n```"
    assert files_of(reply) == {"a.py": CODE, "b.py": "import a\n"}


def test_comments_with_paths_divide_a_block_into_files():
    files = {"a.py": f"# a.py\n{CODE}\n", "b.py": f"# b.py\nimport a\n{CODE}"}
    source = "".join(files.values())
    for reply in (
        f"```python\n{source}```",
        f"```python a.py\n{source}```",
        source,
        f"As asked:\n\n{source}",
    ):
        assert files_of(reply) == files


@pytest.mark.parametrize("comment", ["# see b.py", "# a.py", "# b.py is not needed", "    # b.py"])
def test_a_comment_that_mentions_a_path_divides_nothing(comment):
    source = f"# a.py\n{CODE}{comment}\nx = 1\n"
    assert files_of(f"```python\n{source}```") == {"a.py": source}


def test_a_comment_with_a_path_behind_source_divides_nothing():
    source = f"{CODE}# b.py\n{CODE}# c.py\n{CODE}"
    assert files_of(f"```python\n{source}```") == {"shop.py": source}


def test_an_empty_block_with_a_path_is_an_empty_file():
    assert files_of(f"```python a.py\n```\n```python b.py\n{CODE}```") == {"a.py": "\n", "b.py": CODE}


def test_a_fence_inside_a_longer_fence_is_text():
    code = 'NOTE = """\n```\n"""\n'
    assert files_of(f"````python\n{code}````") == {"shop.py": code}


# --- What does not -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        None,
        7,
        b"def f(): pass",
        ["def f(): pass"],
        "",
        "I do not know.",
        "```text\ndef f(): pass\n```",
        f"```python\n{CODE}```\n```python\n{CODE}```",
        f"```python ../a.py\n{CODE}```",
        f"```python /etc/a.py\n{CODE}```",
        f"```python A.py\n{CODE}```",
        f"```python a.txt\n{CODE}```",
        f"```python {'a' * 40}.py\n{CODE}```",
        f"```python а.py\n{CODE}```",
        "".join(f"```python a{i}.py\n```\n" for i in range(MAX_FILES + 1)),
        "def " + "x" * MAX_REPLY_CHARACTERS,
    ],
)
def test_anything_else_is_malformed_and_says_why(reply):
    answer = parse_submission(reply, "shop.py")
    assert isinstance(answer, Reply)
    assert answer.status == "malformed"
    assert answer.problem


@pytest.mark.parametrize("reply", [f"```python\n{CODE}", "```", f"```python\n{CODE}```\n```python\n{CODE}"])
def test_a_reply_that_was_cut_before_its_last_block_was_closed_is_truncated(reply):
    assert status_of(reply, cut=True) == "truncated"


def test_as_many_files_as_are_allowed_are_read():
    assert len(files_of("".join(f"```python a{i}.py\n```\n" for i in range(MAX_FILES)))) == MAX_FILES


# --- No reply makes it raise -------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        "```",
        "~~~",
        "python",
        " ",
        "\n",
        "a.py",
        "# a.py",
        "def f(x):",
        "\ufeff",
        "\0",
        "\r",
        "\ud800",
        ":",
        "**",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(PIECES, st.text(st.characters(codec=None), max_size=5)), max_size=30).map("".join))
def test_a_reply_is_either_files_or_a_reason(reply):
    answer = parse_submission(reply, "shop.py")
    if isinstance(answer, Reply):
        assert answer.status in ("malformed", "truncated")
        assert answer.problem
    else:
        assert answer
        assert all(isinstance(text, str) for text in answer.values())


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(
        st.integers(),
        st.binary(),
        st.none(),
        st.floats(),
        st.lists(st.text()),
        st.dictionaries(st.text(), st.text()),
    )
)
def test_what_is_no_text_is_malformed(reply):
    assert status_of(reply) == "malformed"
