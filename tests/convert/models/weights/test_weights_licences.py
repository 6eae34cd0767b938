"""Known licences are found, others are unknown, and weights for research only need the user's acceptance."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_identify.convert.models import model_loading
from edge_identify.convert.models.model_loading import import_open_clip, load_model
from edge_identify.convert.models.weights.weights_licences import find_licence
from edge_identify.edge_runtime.errors import SetupError


@pytest.mark.parametrize(
    ("model", "tag", "name", "is_research_only"),
    [
        ("ViT-B-32", "openai", "MIT", False),
        ("ViT-B-32", "laion2b_s34b_b79k", "MIT", False),
        ("ViT-B-32", "datacomp_xl_s13b_b90k", "MIT", False),
        ("ViT-L-14", "commonpool_xl_s13b_b90k", "MIT", False),
        ("convnext_base", "laion400m_s13b_b51k", "MIT", False),
        ("EVA02-B-16", "merged2b_s8b_b131k", "MIT", False),
        ("ViTamin-S", "datacomp1b", "MIT", False),
        ("ViT-L-14-CLIPA", "datacomp1b", "Apache-2.0", False),
        ("ViT-B-16-SigLIP", "webli", "Apache-2.0", False),
        ("PE-Core-B-16", "meta", "Apache-2.0", False),
        ("ViT-B-16", "dfn2b", "apple-amlr", True),
        ("ViT-H-14-quickgelu", "dfn5b", "apple-amlr", True),
        ("MobileCLIP-S1", "datacompdr", "apple-amlr", True),
        ("MobileCLIP2-S0", "dfndr2b", "apple-amlr", True),
        ("ViT-B-32", "metaclip_400m", "CC-BY-NC-4.0", True),
        ("nllb-clip-base-siglip", "mrl", "CC-BY-NC-4.0", True),
    ],
)
def test_published_weights_have_their_publishers_licence(
    model: str, tag: str, name: str, is_research_only: bool
) -> None:
    import_open_clip()
    import open_clip

    assert tag in open_clip.list_pretrained_tags_by_model(model)
    licence = find_licence(model, tag)
    assert licence is not None
    assert (licence.name.split()[0], licence.is_research_only) == (name, is_research_only)
    assert licence.source


def test_what_is_not_known_is_not_guessed() -> None:
    assert find_licence("RN50", "yfcc15m") is None
    assert find_licence("some-model", "datacomp1b") is None


@pytest.mark.parametrize("model", ["MobileCLIP2-S0/dfndr2b", "ViT-B-16/dfn2b", "ViT-B-32/metaclip_400m"])
def test_research_only_weights_are_refused_before_anything_is_fetched(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_loading, "fetch_published_weights", _fails)
    with pytest.raises(SetupError, match=r"for research only, under (apple-amlr|CC-BY-NC).*--accept-licence") as caught:
        load_model(model)
    assert "\n" not in str(caught.value)


def _fails(name: str, tag: str) -> Path:
    raise AssertionError(f"{name}/{tag} would have been fetched")


def test_an_accepted_licence_is_stamped_into_the_model(
    tiny_vit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import open_clip
    from safetensors.torch import save_file

    path = tmp_path / "published.safetensors"
    save_file(load_model(tiny_vit, "random").model.state_dict(), path)
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, tiny_vit, {"metaclip_400m": {"url": "x"}})
    monkeypatch.setattr(model_loading, "fetch_published_weights", lambda _name, _tag: path)
    licence = load_model(f"{tiny_vit}/metaclip_400m", accept_licence=True).licence
    assert licence.startswith("CC-BY-NC-4.0, for research only, accepted with --accept-licence")


def test_random_weights_need_no_licence_whatever_the_architecture(tiny_vit: str) -> None:
    assert load_model(tiny_vit, "random").licence == "none: random weights"
