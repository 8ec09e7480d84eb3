"""The logic domain in words: English and formal sentences, terminal view, prompt, and what a reply means."""

from __future__ import annotations

import itertools
import re

import gymnasium as gym
import numpy as np
import pytest

from etude_gym.environment.registration import make_domain
from etude_gym.envs.logic import kernel, text, vocabulary, wording
from etude_gym.envs.logic.domain import WORDINGS
from etude_gym.envs.logic.generator import FAMILIES
from etude_gym.envs.logic.replies import parse_reply
from etude_gym.randomness import mix
from etude_gym.tasks.domain import Reply
from etude_gym.tasks.keys import TaskBatch
from etude_gym.text import draw_tasks
from etude_gym.wrappers import TextFront

AXES = ("chain", "constraints", "context", "distractors")


def make_worlds(count, salt=0):
    """Tasks of all families and difficulties."""
    domain = make_domain("EtudeLogic-v0")
    worlds, rows = domain.allocate(count), np.arange(count)
    difficulty = np.random.default_rng(salt).random((count, len(AXES)))
    domain.generate(worlds, rows, TaskBatch(mix(salt, rows), difficulty, rows % len(FAMILIES)))
    return worlds


def make_env(family, difficulty=0.8, seed=0, **options):
    env = gym.make("EtudeLogic-v0", family=family, difficulty=dict.fromkeys(AXES, difficulty), **options)
    env.reset(seed=seed)
    return env.unwrapped


def prompt_of(world, language="english"):
    return text.write_prompt(world, language).text


def oracle_action(env):
    return int(env.unwrapped.domain.solvers()["oracle"](env.unwrapped.worlds)[0])


@pytest.fixture(scope="module")
def worlds():
    return make_worlds(600)


@pytest.fixture(scope="module")
def world():
    return make_env("chain").worlds[0]


# --- Words -------------------------------------------------------------------------------------------


def test_every_statement_of_a_task_is_distinct_and_holds_no_word_that_connects(worlds):
    for world in worlds:
        statements = wording.statements_of(world, "english")
        assert len(statements) == len({statement.casefold() for statement in statements}) == 32
        for statement in statements:
            assert statement.isascii()
            assert not re.search(
                r"[^A-Za-z -]|\b(and|or|if|only|both|nor|whenever|either|that|who)\b", statement
            )


def test_a_denied_statement_is_the_affirmed_one_with_a_not(worlds):
    for world in worlds:
        statements = wording.statements_of(world, "english")
        for affirmed, denied in zip(statements[:16], statements[16:], strict=True):
            assert " not " in denied
            assert " not " not in affirmed
            if "does not" not in denied:
                assert denied.replace(" not ", " ") == affirmed


def test_words_are_distinct_and_no_noun_of_the_same_task_is_part_of_another(worlds):
    for words in (vocabulary.NAMES, vocabulary.TRADES, vocabulary.TRAITS, vocabulary.MARKS):
        assert len(set(words)) == len(words)
    assert not set(vocabulary.TRADES) & set(vocabulary.TRAITS)
    for world in worlds[worlds["family"] == FAMILIES.index("syllogism")]:
        nouns = [term.noun for term in wording.draw_phrases(world)[1].terms if term.noun]
        assert not [pair for pair in itertools.permutations(nouns, 2) if pair[0] in pair[1]]


def test_words_are_a_function_of_the_key_alone(worlds):
    again = make_worlds(600)
    said = set()
    for world, same in zip(worlds, again, strict=True):
        words = wording.put_into_words(world, "english")
        assert words == wording.put_into_words(same, "english")
        said.add(words.statements)
    assert len(said) == len(worlds)


def test_words_tell_nothing_about_the_status(worlds):
    for world in worlds[:40].copy():
        prompt = prompt_of(world)
        world["status"] = (world["status"] + 1) % 4
        world["role"] = world["order"] = world["model"] = world["junction"] = world["proof"] = 0
        world["reference_actions"] = world["argument_length"] = world["positive"] = 0
        assert prompt_of(world) == prompt


# --- English means what the premise says -----------------------------------------------------------------


class Reader:
    """Reads sentences back into premises by what the words mean, knowing nothing of how they are written.

    A premise is (kind, clause or members, conditions); what a rule has for conditions does not matter.

    Args:
        statements: of each literal.
    """

    STATEMENT_FORMS = (
        (r"if (?P<if_>.+), then (?P<then>.+)", "if"),
        (r"whenever (?P<if_>.+?), (?P<then>.+)", "if"),
        (r"(?P<then>.+) (?:if|whenever) (?P<if_>.+)", "if"),
        (r"(?P<if_>.+) only if (?P<then>.+)", "if"),
        (r"exactly one of these is true: (?P<members>.+)", "group"),
        (r"one of these is true, and only one: (?P<members>.+)", "group"),
        (r"of these statements, one is true and all others are false: (?P<members>.+)", "group"),
        (r"of these two statements, one is true and the other is false: (?P<members>[^;]+;[^;]+)", "group"),
        (r"either (?P<members>.+ or .+), but not both", "group"),
        (r"(?P<then>.+)", "if"),
    )

    def __init__(self, statements):
        self.literals = {statement.casefold(): n for n, statement in enumerate(statements)}

    def read(self, sentence):
        """The one thing that a sentence can mean."""
        assert re.fullmatch(r"[A-Z].*[^.]\.", sentence), sentence
        readings = set(self.readings(sentence.removesuffix(".").casefold()))
        assert len(readings) == 1, (sentence, readings)
        return readings.pop()

    def readings(self, plain):
        for form, sort in self.STATEMENT_FORMS:
            match = re.fullmatch(form, plain)
            if match and sort == "group":
                members = self.listed(match["members"], " or ")
                if members:
                    yield kernel.GROUP, members, frozenset()
            elif match and sort == "if":
                conditions = self.conditions(match["if_"]) if "if_" in match.groupdict() else frozenset()
                alternatives = self.alternatives(match["then"])
                if conditions is not None and alternatives:
                    yield clause(conditions, alternatives)

    def statement(self, plain):
        return frozenset({self.literals[plain]}) if plain in self.literals else None

    def listed(self, plain, separator):
        parts = plain.split("; ") if "; " in plain else plain.split(separator)
        if separator == " and " and "; " not in plain:
            parts = re.split(", | and ", plain)
        if len(parts) > 1 and all(part in self.literals for part in parts):
            return frozenset(self.literals[part] for part in parts)
        return None

    def conditions(self, plain):
        both = re.fullmatch(r"it is true both that (.+) and that (.+)", plain)
        if both:
            return self.listed("; ".join(both.groups()), " and ")
        listed = re.fullmatch(r"(?:both|all) of these are true: (.+; .+)", plain)
        return self.statement(plain) or self.listed(listed[1] if listed else plain, " and ")

    def alternatives(self, plain):
        for form in (
            r"either (.+ or .+), or both",
            r"either (.+ or .+) \(or both\)",
            r"(?:at least one of these is|one or both of these are) true: ([^;]+;[^;]+)",
            r"(?:at least one of these is|one or more of these are) true: (.+; .+)",
        ):
            match = re.fullmatch(form, plain)
            if match:
                return self.listed(match[1], " or ")
        return self.statement(plain)


class CategoricalReader(Reader):
    """Reads sentences about all and none.

    Args:
        statements: of each literal.
    """

    def __init__(self, statements):
        super().__init__(statements)
        self.terms = {}
        for n, statement in enumerate(statements[:16]):
            term = statement.split(" is ")[1].casefold()
            noun = re.sub(r"^an? ", "", term)
            self.terms[term] = n
            if noun != term:
                assert (term[1] == "n") == (noun[0] in "aeiou"), term
                self.terms[noun + "s"] = self.terms[noun] = n

    def readings(self, plain):
        only = re.fullmatch(r"only (.+) are (.+)", plain)
        if only and only[1] in self.terms and only[2] in self.terms:
            yield clause({self.terms[only[2]]}, {self.terms[only[1]]})
        for word in ("every", "all", "no", "everything", "everyone", "nothing", "no one"):
            if plain.startswith(f"{word} "):
                yield from self.quantified(word, plain.removeprefix(f"{word} "))

    def quantified(self, word, plain):
        """Every way to part a sentence into a subject and a predicate that makes sense."""
        for verb in re.finditer(r" (?:is|are) ", plain):
            conditions = self.subject(word, plain[: verb.start()])
            predicate = plain[verb.end() :]
            alternatives = self.predicate(predicate)
            if word in ("no", "nothing", "no one"):
                alternatives = {self.terms[predicate] + 16} if predicate in self.terms else None
            if conditions and alternatives:
                yield clause(conditions, alternatives)

    def subject(self, word, plain):
        """The conditions of what a sentence speaks of."""
        if word in ("everything", "everyone", "nothing", "no one"):
            match = re.fullmatch("who is (.+)" if word.endswith("one") else "that is (.+)", plain)
            return self.description(match[1]) if match else None
        match = re.fullmatch(r"(.+?)(?: (?:that|who) (?:is|are) (also|not) (.+))?", plain)
        first, sort, second = match.groups()
        if first not in self.terms or (second or first) not in self.terms:
            return None
        return (
            {self.terms[first], self.terms[second] + 16 * (sort == "not")} if second else {self.terms[first]}
        )

    def description(self, plain):
        for form, signs in (
            (r"both (.+) and (.+)", (0, 0)),
            (r"neither (.+) nor (.+)", (16, 16)),
            (r"(.+) but not (.+)", (0, 16)),
            (r"not (.+)", (16,)),
            (r"(.+)", (0,)),
        ):
            match = re.fullmatch(form, plain)
            if match and all(part in self.terms for part in match.groups()):
                return {self.terms[part] + sign for part, sign in zip(match.groups(), signs, strict=True)}
        return None

    def predicate(self, plain):
        for form, signs in (
            (r"(.+) or is not (.+) \(or both\)", (0, 16)),
            (r"(.+) or (.+) \(or both\)", (0, 0)),
            (r"(.+), (.+), or both", (0, 0)),
            (r"(.+)", (0,)),
        ):
            match = re.fullmatch(form, plain)
            if match and all(part in self.terms for part in match.groups()):
                return {self.terms[part] + sign for part, sign in zip(match.groups(), signs, strict=True)}
        listed = re.fullmatch(r"(?:at least one of the following|one or more of these): (.+)", plain)
        parts = [self.description(part) for part in listed[1].split("; ")] if listed else [None]
        return set().union(*parts) if all(parts) else None


def clause(conditions, alternatives):
    """Kind, clause and conditions of "if ..., then ..."."""
    literals = frozenset({(n + 16) % 32 for n in conditions} | set(alternatives))
    if len(alternatives) == 1 and conditions:
        return kernel.RULE, literals, frozenset()
    return kernel.DISJUNCTION, literals, frozenset(conditions)


def meaning(world, i):
    """What the generator wrote, in the same form."""
    kind = int(world["kind"][i])
    literals = frozenset(wording.literals_of(world["literals"][i]))
    conditions = wording.literals_of(world["conditions"][i]) if kind == kernel.DISJUNCTION else ()
    return kind, literals, frozenset(conditions)


def section(prompt, title):
    """The lines of a part of the prompt, without their bullets and numbers."""
    lines = prompt.split(f"\n{title}\n")[1].split("\n\n")[0].splitlines()
    return [re.sub(r"^(?:- |[0-9]+\. )", "", line) for line in lines if line != "(none)"]


def reader_of(world):
    statements = wording.statements_of(world, "english")
    syllogism = FAMILIES[world["family"]] == "syllogism"
    return CategoricalReader(statements) if syllogism else Reader(statements)


def test_english_read_back_is_the_premise_and_can_mean_nothing_else(worlds):
    forms = 0
    for world in worlds:
        reader = reader_of(world)
        sentences = section(prompt_of(world), "Premises")
        assert len(sentences) == world["num_premises"]
        for i, sentence in enumerate(sentences):
            assert reader.read(sentence) == meaning(world, i), sentence
            forms += 1
    assert forms > 5000


def test_facts_and_query_are_told_as_they_are(worlds):
    for world in worlds:
        prompt = prompt_of(world)
        reader = reader_of(world)
        for title, field in (("Facts", "facts"), ("Query", "query")):
            told = [reader.literals[line.removesuffix(".").casefold()] for line in section(prompt, title)]
            assert told == wording.literals_of(world[field])


def test_the_status_follows_from_the_english_alone(worlds):
    situations = np.arange(1 << 16, dtype=np.uint32)
    situations = situations | (~situations << np.uint32(16))
    for world in worlds[:120]:
        prompt, reader = prompt_of(world), reader_of(world)
        possible = np.ones(len(situations), dtype=bool)

        def true_ones(literals):
            return np.bitwise_count(situations & np.uint32(sum(1 << n for n in literals)))

        for line in section(prompt, "Facts"):
            possible &= true_ones({reader.literals[line.removesuffix(".").casefold()]}) == 1
        for sentence in section(prompt, "Premises"):
            kind, literals, _ = reader.read(sentence)
            true = true_ones(literals)
            possible &= (true == 1) if kind == kernel.GROUP else (true >= 1)
        [query] = section(prompt, "Query")
        query = true_ones({reader.literals[query.removesuffix(".").casefold()]}) == 1
        with_query = {(True, False): 0, (False, True): 1, (True, True): 2, (False, False): 3}
        status = with_query[bool((possible & query).any()), bool((possible & ~query).any())]
        assert status == world["status"]


@pytest.mark.parametrize(
    ("family", "forms"), [("syllogism", 60), ("chain", 25), ("cases", 25), ("puzzle", 23)]
)
def test_every_form_of_every_kind_of_premise_occurs(family, forms):
    """A form that never occurs would be one that no test reads."""
    found = set()
    for world in make_worlds(2400, salt=1)[FAMILIES.index(family) :: len(FAMILIES)]:
        words, (_, phrases) = wording.put_into_words(world, "english"), wording.draw_phrases(world)
        parts = [part for term in phrases.terms for part in (term.many, term.one, term.noun) if part]
        parts = sorted(parts or words.statements, key=len, reverse=True)
        part = re.compile(rf"\b(?:{'|'.join(map(re.escape, parts))})\b", re.IGNORECASE)
        found |= {part.sub("_", sentence) for sentence in words.premises}
    assert len(found) >= forms


def test_premises_of_more_parts_than_the_generator_writes_are_told_too(worlds):
    draws, phrases = wording.draw_phrases(worlds[1])
    reader = Reader(phrases.statements)
    for conditions, alternatives in (
        ((1, 2, 19), (4,)),
        ((), (1, 18)),
        ((), (1, 18, 20)),
        ((5,), (1, 18, 20)),
    ):
        kind = kernel.RULE if len(alternatives) == 1 else kernel.DISJUNCTION
        for i in range(kernel.MAX_PREMISES):
            sentence = wording.sentence(phrases, wording.Parts(kind, conditions, alternatives), draws, i)
            listed = sentence.replace(", ", "; ", 1) if len(conditions) == 3 else ""
            assert all(phrases.statements[n].casefold() in sentence.casefold() for n in conditions)
            if not listed:
                assert reader.read(sentence) == clause(conditions, alternatives)


@pytest.mark.parametrize(
    ("conditions", "alternatives", "kind", "expected"),
    [
        ((2, 20), (6,), kernel.RULE, "p3 & ~p5 -> p7"),
        ((2,), (3, 8), kernel.DISJUNCTION, "p3 -> p4 | p9"),
        ((), (3, 24), kernel.DISJUNCTION, "p4 | ~p9"),
        ((), (0, 19, 5), kernel.GROUP, "exactly-one(p1, ~p4, p6)"),
    ],
)
def test_formal_notation(conditions, alternatives, kind, expected):
    assert wording.formula(wording.Parts(kind, conditions, alternatives)) == expected


def test_formal_notation_read_back_is_the_premise(worlds):
    literals = {name: n for n, name in enumerate(wording.FORMAL_STATEMENTS)}
    for world in worlds:
        for i, formula in enumerate(section(prompt_of(world, "formal"), "Premises")):
            group = re.fullmatch(r"exactly-one\((.+)\)", formula)
            if group:
                members = frozenset(literals[name] for name in group[1].split(", "))
                assert meaning(world, i) == (kernel.GROUP, members, frozenset())
                continue
            conditions, _, alternatives = formula.rpartition(" -> ")
            conditions = {literals[name] for name in conditions.split(" & ") if name}
            assert meaning(world, i) == clause(conditions, {literals[n] for n in alternatives.split(" | ")})


# --- Names and views ---------------------------------------------------------------------------------


@pytest.mark.parametrize("language", WORDINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_action_has_a_distinct_name_that_means_it(family, language):
    env = make_env(family)
    world = env.worlds[0]
    names = [text.action_name(world, action, language) for action in range(kernel.NUM_ACTIONS)]
    assert len(set(names)) == len(names)
    existing = [*range(world["num_premises"]), *range(kernel.ASSUME, kernel.CONFIDE)]
    for action in existing:
        assert parse_reply(world, names[action], language) == Reply("ok", [action])
    env.step(kernel.ANSWER)
    for action in range(kernel.CONFIDE, kernel.NUM_ACTIONS):
        assert parse_reply(world, names[action], language).actions == [action]


def test_an_action_that_does_not_exist_has_no_name(world):
    with pytest.raises(ValueError, match=f"0 to {kernel.NUM_ACTIONS - 1}, got 99"):
        text.action_name(world, 99)


def test_a_wording_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match=r"'english', 'formal'\. Did you mean 'formal'\?"):
        gym.make("EtudeLogic-v0", wording="formel")


@pytest.mark.parametrize("language", WORDINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_views_tell_what_is_known_and_possible_at_every_step(family, language):
    for seed in range(4):
        env = make_env(family, seed=seed, wording=language, render_mode="ansi")
        world, over = env.worlds[0], False
        while not over:
            over = env.step(oracle_action(env))[2]
            view, mask = env.render(), env.action_masks()
            labels = wording.labels_of(world)
            legal = [] if over else np.flatnonzero(mask[: kernel.ASSUME])
            assert text.open_premises(world) == [labels[i] for i in legal]
            assert max(map(len, view.splitlines()[:-1])) <= 80
            statements = wording.statements_of(world, language)
            prompt = env.domain.prompt(env.worlds, 0)
            assert re.fullmatch(r"[ -~\n]+", prompt + view)
            if world["answer"] < 0:
                assert told_as_known(prompt, statements) == int(world["known"][world["depth"]])
                assert ("- a contradiction was found" in prompt) == bool(world["contradiction"])
                assert ("  ! A contradiction" in view) == bool(world["contradiction"])
                for truth, reached in zip(("true", "false"), world["reached"], strict=True):
                    assert (f"query {truth}" in section(prompt, "Now")[-2]) == bool(reached)
            assert f"teps left: {kernel.STEP_LIMIT - world['steps']}" in prompt


def told_as_known(prompt, statements):
    """The set of literals that a prompt says are facts, found or supposed."""
    literals = {statement.casefold(): n for n, statement in enumerate(statements)}
    told = [line.removesuffix(".") for line in section(prompt, "Facts")]
    for line in section(prompt, "Now"):
        found = re.fullmatch(r"found with no supposition: (.+)", line)
        supposed = re.fullmatch(r"supposition [0-9]: (.+); found since: (.+)", line)
        told += "; ".join((found or supposed).groups()).split("; ") if found or supposed else []
    return sum({1 << literals[statement.casefold()] for statement in told if statement != "nothing"})


def test_the_view_keeps_the_status_to_itself_until_the_end():
    for answer in range(kernel.ANSWER, kernel.CONFIDE):
        env = make_env("cases", render_mode="ansi")
        env.step(answer)
        told = text.STATUS_NAMES[answer - kernel.ANSWER]
        assert (
            env.render().splitlines()[-1] == f"  Answered: {told}. Now: confidence: 30%, 50%, 70%, 85%, 97%"
        )
        env.step(kernel.CONFIDE)
        status = text.STATUS_NAMES[env.worlds[0]["status"]]
        assert f"you answered {told}, the status is {status}." in env.render()


def test_prompts_are_short_and_even_the_emptiest_task_has_one(worlds):
    lengths = [len(prompt_of(world, language)) for world in worlds for language in WORDINGS]
    assert max(lengths) < 10_000
    empty = worlds[0].copy()
    empty["num_premises"] = 0
    assert "\nPremises\n(none)\n" in prompt_of(empty)


@pytest.mark.parametrize("language", WORDINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_rules_and_format_are_the_same_in_every_task_and_state_of_a_family(family, language):
    domain = make_domain("EtudeLogic-v0", wording=language)
    systems = set()
    for task in draw_tasks(domain, "practice", 30, seed=0, family=family):
        steps, *ends = task.reference().split("\n")[1:-1]
        for reply in (steps, *ends):
            systems.add(task.parts.system)
            task.reply(reply)
        systems.add(task.parts.system)
    assert len(systems) == 1
    assert len(systems.pop()) < 3_400


def test_the_format_holds_nothing_that_a_reply_may_hold(worlds):
    for world in worlds[:40]:
        for language in WORDINGS:
            sample = f"```\n{text.SAMPLE}\n```"
            assert sample in prompt_of(world, language)
            for line in (sample, *text.SAMPLE.split("\n")):
                assert parse_reply(world, line, language).status == "malformed"


def test_labels_of_premises_are_drawn_for_each_task_and_rise(worlds):
    drawn = set()
    for world in worlds:
        labels = wording.labels_of(world)
        assert len(set(labels)) == len(labels) == kernel.MAX_PREMISES
        told = [
            int(line.split(".")[0])
            for line in prompt_of(world).split("\nPremises\n")[1].split("\n\n")[0].split("\n")
        ]
        assert told == sorted(told) == list(labels[: world["num_premises"]])
        assert set(labels) <= set(range(1, 100))
        drawn.update(told)
    assert drawn == set(range(1, 100))


def test_numbers_of_the_prompt_are_those_of_the_rules(world):
    prompt = prompt_of(world)
    for share in (kernel.BARE, kernel.PARTIAL, kernel.WASTE, kernel.MOST_WASTE, *kernel.CONFIDENCE):
        assert f"{100 * share:g}%" in prompt
    assert f"up to {kernel.MAX_DEPTH} suppositions" in prompt


# --- The same episode in words -----------------------------------------------------------------------


@pytest.mark.parametrize("language", WORDINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_reference_earns_everything_in_one_reply_at_every_difficulty(family, language):
    domain = make_domain("EtudeLogic-v0", wording=language)
    drawn = draw_tasks(domain, "practice", 60, seed=3, family=family)
    for level in (0.0, 0.5, 1.0):
        pinned = dict.fromkeys(AXES, level)
        drawn += draw_tasks(domain, "practice", 10, seed=4, family=family, difficulty=pinned)
    for task in drawn:
        reference = task.reference()
        assert re.fullmatch(r"```\n(steps: .+\n)?answer: [a-z]+\nconfidence: 97%\n```", reference)
        task.reply(reference)
        outcome = task.outcome()
        assert (outcome["score"], outcome["status"], outcome["illegal_actions"]) == (1.0, "ok", 0)
        assert task.over


def test_the_reference_goes_on_from_wherever_the_task_stands():
    for task in draw_tasks("EtudeLogic-v0", "practice", 40, seed=5):
        steps, answer, confidence = task.reference().split("\n")[1:-1]
        first, *_ = steps.split(", ")
        assert task.reply(first)
        assert task.reply(f"{first}\n" if first == steps else task.reference().replace(confidence, ""))
        if first == steps:
            assert task.reply(answer)
        assert task.reference() == f"```\n{confidence}\n```"
        task.reply(task.reference())
        assert (task.over, task.outcome()["confidence"]) == (True, 0.97)


@pytest.mark.parametrize("language", WORDINGS)
def test_random_actions_and_the_same_actions_in_words_give_the_same_episode(language):
    rng = np.random.default_rng(0)
    plain = gym.make("EtudeLogic-v0", practice="uniform")
    front = TextFront(gym.make("EtudeLogic-v0", practice="uniform", wording=language))
    for seed in range(30):
        plain.reset(seed=seed)
        front.reset(seed=seed)
        over = False
        while not over:
            mask = plain.unwrapped.action_masks().copy()
            mask[kernel.ANSWER : kernel.CONFIDE] &= rng.random() < 0.1
            action = int(rng.choice(np.flatnonzero(mask if mask.any() else plain.unwrapped.action_masks())))
            reply = front.unwrapped.domain.action_name(front.unwrapped.worlds, 0, action)
            _, reward, over, _, info = plain.step(action)
            _, told_reward, told_over, _, told = front.step(reply)
            assert (told_reward, told_over, told["status"]) == (reward, over, "ok")
        assert told["score"] == info["score"]
