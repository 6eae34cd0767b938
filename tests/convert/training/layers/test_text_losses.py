"""The text tower's losses are small where texts and pictures agree."""

from __future__ import annotations

import torch

from edge_identify.convert.training.layers.text_losses import caption_loss, direction_loss


def test_a_caption_that_is_true_of_two_pictures_is_asked_for_both() -> None:
    truth = torch.tensor([[True, False], [True, False], [False, True]])
    right = torch.where(truth, 20.0, -20.0)
    one_missed = right.clone()
    one_missed[1, 0] = -20
    assert caption_loss(right, truth) < caption_loss(one_missed, truth)
    assert caption_loss(right, truth) < 0.5  # the caption of two is as near to one as to the other: ln 2 of its loss


def test_a_picture_without_a_caption_is_no_question_and_still_an_answer() -> None:
    truth = torch.tensor([[True], [False]])
    far, near = torch.tensor([[5.0], [-5.0]]), torch.tensor([[5.0], [10.0]])
    assert torch.isfinite(caption_loss(far, truth))
    assert caption_loss(far, truth) < caption_loss(near, truth)


def test_names_on_their_classes_directions_cost_least() -> None:
    directions = torch.eye(4)
    assert direction_loss(directions, directions) < 0.01
    assert direction_loss(directions.flip(0), directions) > 5
