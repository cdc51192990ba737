"""What becomes of the arguments of a call."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import pathlib
import subprocess
import sys
import typing
import uuid
from collections import namedtuple
from typing import Annotated, Any, Literal

import pydantic
import pytest
from typing_extensions import TypedDict

from levada import allow_failure, flow, task, unmapped
from levada.annotations import opaque, quote
from levada.core.errors import ParameterBindError, ParameterTypeError, SignatureMismatchError
from levada.states import Completed, Failed
from levada.testing import Harness


class Color(enum.Enum):
    RED = "red"


class Model(pydantic.BaseModel):
    a: int
    b: str = "q"


@dataclasses.dataclass
class Data:
    a: int


class Dict(TypedDict):
    a: int


Named = namedtuple("Named", "a b")

ID = uuid.UUID(int=1)

COERCED = [
    (int, "5", 5),
    (int, 5.0, 5),
    (float, "1.5", 1.5),
    (bool, "yes", True),
    (list[int], ["1", "2"], [1, 2]),
    (list[int], (1, 2), [1, 2]),
    (dict[str, int], {"a": "1"}, {"a": 1}),
    (set[int], [1, 1], {1}),
    (tuple[int, ...], ["1"], (1,)),
    (typing.Optional[int], None, None),  # noqa: UP045 - as authors still write it
    (int | None, "3", 3),
    (datetime.datetime, "2024-01-02", datetime.datetime(2024, 1, 2)),
    (datetime.date, "2024-01-02", datetime.date(2024, 1, 2)),
    (datetime.timedelta, "PT5S", datetime.timedelta(seconds=5)),
    (uuid.UUID, str(ID), ID),
    (pathlib.Path, "/x", pathlib.Path("/x")),
    (Color, "red", Color.RED),
    (Literal["a", "b"], "a", "a"),
    (Model, {"a": "1"}, Model(a=1)),
    (Data, {"a": "1"}, Data(1)),
    (Dict, {"a": "1"}, {"a": 1}),
    (list[Model], [{"a": 1}], [Model(a=1)]),
    (decimal.Decimal, "1.1", decimal.Decimal("1.1")),
    (Any, object, object),
    (bytes, "ab", b"ab"),
    (None, 5, 5),
]


@pytest.mark.parametrize(("annotation", "given", "wanted"), COERCED, ids=str)
def test_flow_parameters_become_what_their_annotations_say(annotation, given, wanted, test_home: Harness):
    def take(x):
        return type(x), x

    if annotation is not None:
        take.__annotations__["x"] = annotation
    assert flow(take)(given) == (type(wanted), wanted)


REFUSED = [
    (int, "z", "Input should be a valid integer"),
    (int, 1.5, "fractional part"),
    (int, None, "Input should be a valid integer"),
    (str, 5, "Input should be a valid string"),
    (list, "abc", "Input should be a valid list"),
    (Literal["a", "b"], "c", "Input should be 'a' or 'b'"),
    (Annotated[int, pydantic.Field(gt=3)], 2, "greater than 3"),
]


@pytest.mark.parametrize(("annotation", "given", "message"), REFUSED, ids=str)
def test_flow_parameters_that_do_not_fit_fail_the_run_and_say_which(annotation, given, message, test_home: Harness):
    def take(x):
        return x

    take.__annotations__["x"] = annotation
    with pytest.raises(ParameterTypeError, match=message) as caught:
        flow(take)(given)
    assert "Flow run received invalid parameters" in str(caught.value)
    assert " - x: " in str(caught.value)
    assert not isinstance(caught.value, TypeError)
    state = flow(take)(given, return_state=True)
    assert state.is_failed()
    assert "Validation of flow parameters failed with error: ParameterTypeError: " in state.message
    assert test_home.flow_runs()[0].state_name == "Failed"


def test_all_parameters_that_do_not_fit_are_named_at_once(test_home: Harness):
    @flow
    def take(a: int, b: float, c: str):
        pass

    with pytest.raises(ParameterTypeError) as caught:
        take("x", "y", "z")
    assert " - a: " in str(caught.value)
    assert " - b: " in str(caught.value)
    assert " - c: " not in str(caught.value)


def test_defaults_are_checked_and_turned_too(test_home: Harness):
    @flow
    def take(x: int = "7"):  # type: ignore[assignment]
        return x

    assert take() == 7


def test_none_as_a_default_is_allowed(test_home: Harness):
    @flow
    def take(x: int = None):  # type: ignore[assignment]  # noqa: RUF013
        return x

    assert take() is None


def test_models_keep_their_identity(test_home: Harness):
    model = Model(a=1)

    @flow
    def take(x: Model):
        return x is model

    assert take(model)


def test_validation_can_be_switched_off(test_home: Harness):
    @flow(validate_parameters=False)
    def take(x: int):
        return x

    assert take("q") == "q"
    assert take.should_validate_parameters is False


def test_task_parameters_are_left_as_they_are(test_home: Harness):
    @task
    def take(x: int):
        return x

    assert flow(lambda: take("5"))() == "5"


def test_an_annotation_that_cannot_be_resolved_is_no_obstacle(test_home: Harness):
    def take(x, y):
        return x, y

    take.__annotations__.update({"x": "Missing", "y": "int"})
    assert flow(take)("5", "5") == ("5", 5)


@flow
def typed(a: int, b: str = "x"):
    return a, b


@task
def add(x, y=10):
    return x + y


@pytest.mark.parametrize(
    ("args", "kwargs", "why"),
    [
        ((), {}, "missing a required argument: 'a'"),
        ((1, 2, 3), {}, "too many positional arguments"),
        ((1,), {"c": 2}, "got an unexpected keyword argument 'c'"),
        ((1,), {"a": 2}, "multiple values for argument 'a'"),
    ],
)
def test_arguments_that_do_not_fit_the_signature_raise_before_anything_is_recorded(
    args, kwargs, why, test_home: Harness
):
    for return_state in (False, True):
        with pytest.raises(ParameterBindError, match=why) as caught:
            typed(*args, return_state=return_state, **kwargs)
        assert isinstance(caught.value, TypeError)
        assert str(caught.value) == (
            f"Error binding parameters for function 'typed': {why}.\n"
            f"Function 'typed' has signature 'a: 'int', b: 'str' = 'x'' but received args: {args} "
            f"and kwargs: {list(kwargs)}."
        )
    assert test_home.flow_runs() == []


@pytest.mark.parametrize("verb", ["__call__", "submit"])
def test_arguments_that_do_not_fit_a_task(verb, test_home: Harness):
    @flow
    def run():
        getattr(add, verb)()

    with pytest.raises(ParameterBindError, match="missing a required argument: 'x'"):
        run()
    assert test_home.task_runs() == []


def test_every_kind_of_parameter_arrives_where_it_belongs(test_home: Harness):
    def take(a, /, b, *rest, c=3, **more):
        return a, b, rest, c, more

    for decorate in (flow, task):
        definition = decorate(take)
        assert definition(1, 2) == (1, 2, (), 3, {})
        assert definition(1, b=2) == (1, 2, (), 3, {})
        assert definition(1, 2, 5, 6, c=4, d=7) == (1, 2, (5, 6), 4, {"d": 7})
        assert definition(1, 2, a=9) == (1, 2, (), 3, {"a": 9})


def test_mutable_defaults_are_not_shared_by_flows(test_home: Harness):
    @flow
    def take(items: list = []):  # noqa: B006
        items.append(1)
        return items

    assert take() == [1]
    assert take() == [1]


def test_futures_and_states_are_resolved_at_any_depth(test_home: Harness):
    @dataclasses.dataclass
    class Holder:
        v: Any

    class Box(pydantic.BaseModel):
        v: Any

    @task
    def give(value):
        return value

    @flow
    def run():
        f = add.submit(1, 2)
        s = add(1, 2, return_state=True)
        return [
            give(f),
            give(s),
            give([f, (s, {f.result(): f})]),
            give({"a": {"b": [f]}}),
            give({f}),
            give(Named(f, s)),
            give(Holder([f])).v,
            give(Box(v=f)).v,
            give.submit([f]).result(),
        ]

    assert run() == [3, 3, [3, (3, {3: 3})], {"a": {"b": [3]}}, {3}, Named(3, 3), [3], 3, [3]]


def test_what_is_not_a_collection_is_left_alone(test_home: Harness):
    class Own:
        def __init__(self, value):
            self.value = value

    @task
    def kind(value):
        return type(value).__name__

    @flow
    def run():
        future = add.submit(1)
        own = Own(future)

        @task
        def inner(value):
            return value.value is future

        return inner(own), kind(n for n in [future])

    assert run() == (True, "generator")


def test_a_collection_without_futures_is_the_same_object(test_home: Harness):
    given = [1, {"a": 2}]

    @task
    def same(value):
        return value is given

    assert flow(lambda: same(given))() is True


def test_a_collection_that_holds_itself_ends(test_home: Harness):
    @task
    def size(value):
        return len(value)

    @flow
    def run():
        circle: list = [add.submit(1)]
        circle.append(circle)
        return size(circle)

    assert run() == 2


def test_annotations_say_what_is_resolved(test_home: Harness):
    @task
    def give(value):
        return value

    @flow
    def run():
        future = add.submit(1, 2)
        return (
            type(give(quote([future]))[0]).__name__,
            give(opaque(future)),
            give(unmapped(5)),
            give(allow_failure(6)),
            give(opaque([future]))[0] is future,
        )

    kind, resolved, five, six, same = run()
    assert "Future" in kind
    assert (resolved, five, six, same) == (3, 5, 6, True)


def test_futures_and_states_in_parameters_of_subflows_are_resolved_and_then_turned(test_home: Harness):
    @task
    def text():
        return "5"

    @flow
    def child(x: int, y: int):
        return x + y

    @flow
    def run():
        return child(text.submit(), Completed(data="6"))

    assert run() == 11


def test_a_failed_state_as_an_argument_stops_the_call(test_home: Harness):
    @flow
    def run():
        return add(Failed(message="no"))

    with pytest.raises(Exception, match=r"Upstream task run 'Failed\('no'\)' did not"):
        run()


def test_validate_parameters_can_be_called_by_hand():
    assert typed.validate_parameters({"a": "7"}) == {"a": 7, "b": "x"}
    with pytest.raises(ParameterTypeError, match=" - a: Input should be a valid integer"):
        typed.validate_parameters({"a": "z"})
    with pytest.raises(ParameterTypeError, match=" - a: Field required"):
        typed.validate_parameters({})
    with pytest.raises(SignatureMismatchError, match=r"Function expects parameters \['a', 'b'\] but was provided with"):
        typed.validate_parameters({"a": 1, "zz": 2})


def test_serialize_parameters_keeps_what_json_can_hold():
    assert typed.serialize_parameters({"a": object(), "b": [1, 2]}) == {"a": "<object>", "b": [1, 2]}


def test_plain_annotations_need_no_pydantic():
    program = (
        "import sys\nfrom levada.testing import harness\nfrom levada import flow\n"
        "@flow\ndef f(a: int, b: str = 'x', c: typing.Any = None, *d, **e): return a\n"
        "with harness() as t:\n    assert f(1, 'y') == 1\n"
        "assert 'pydantic' not in sys.modules, 'pydantic was imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", "import typing\n" + program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_secrets_stay_secret_in_records(test_home: Harness):
    @flow
    def take(password: pydantic.SecretStr):
        return password.get_secret_value()

    assert take(pydantic.SecretStr("hush")) == "hush"
    assert "hush" not in str(test_home.flow_runs()[0].parameters)


class Login(pydantic.BaseModel):
    user: str
    password: pydantic.SecretStr


@pytest.mark.parametrize(
    ("annotation", "given"),
    [
        (pydantic.SecretStr, "hush"),
        (pydantic.SecretBytes, b"hush"),
        (list[pydantic.SecretStr], ["hush"]),
        (pydantic.SecretStr | None, "hush"),
        (Login, {"user": "ana", "password": "hush"}),
        (pydantic.SecretStr, ["hush"]),
    ],
)
def test_plain_text_for_a_secret_parameter_is_no_more_readable_than_the_secret(
    test_home: Harness, annotation: Any, given: Any
):
    """The record that a run exists comes before its parameters are validated; it used to hold the text as it came."""

    def take(password):
        return None

    take.__annotations__["password"] = annotation
    flow(take)(given, return_state=True)
    run = test_home.flow_runs()[0]
    assert "hush" not in str(run.parameters)
    assert "hush" not in str(run.state.message)


def test_type_checkers_names_are_no_obstacle(test_home: Harness):
    def take(x: typing.List[int]):  # noqa: UP006
        return x

    assert flow(take)(["1"]) == [1]
