from __future__ import annotations

import pickle

import pytest

from levada.annotations import BaseAnnotation, NotSet, Quote, allow_failure, freeze, opaque, quote, unmapped

ALL = [unmapped, allow_failure, quote, opaque, freeze]


@pytest.mark.parametrize("annotation", ALL)
def test_an_annotation_holds_a_value_and_is_put_on_another(annotation):
    made = annotation(1)
    assert isinstance(made, BaseAnnotation)
    assert made.unwrap() == made.value == 1
    assert made.rewrap(2) == annotation(2)
    assert type(made.rewrap(2)) is annotation
    assert repr(made) == f"{annotation.__name__}(1)"
    assert pickle.loads(pickle.dumps(made)) == made


def test_equal_means_the_same_remark_on_equal_values():
    assert unmapped([1]) == unmapped([1])
    assert unmapped(1) != unmapped(2)
    assert unmapped(1) != quote(1)
    assert unmapped(1) != 1
    assert len({unmapped(1), unmapped(1), quote(1)}) == 2


def test_an_unmapped_value_is_the_same_at_every_place():
    assert unmapped("x")[0] == unmapped("x")[99] == "x"


def test_the_older_names_work():
    assert quote(1).unquote() == Quote(1).unquote() == freeze(1).unfreeze() == 1
    assert isinstance(Quote(1), quote)


def test_not_set_is_a_class_of_its_own():
    assert NotSet is not None
    assert isinstance(NotSet, type)
