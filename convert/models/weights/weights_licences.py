"""The known licences of published weights, and which of them are for research only.

open_clip's licence (MIT) does not cover the weights. Their publishers choose the licence, and weights of one
architecture have several: ViT-B-16 is free with `openai`, and for research only with `dfn2b`. The table is not legal
advice. A licence that is not in the table is unknown; it is not guessed from a name.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """The licence of some weights.

    Attributes:
        name: SPDX identifier, if there is one.
        source: Where the publisher states it.
        is_research_only: Whether it forbids commercial use.
    """

    name: str
    source: str
    is_research_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    models: str  # shell patterns for open_clip's names
    tags: str
    licence: Licence


def _free(models: str, tags: str, name: str, source: str) -> _Row:
    return _Row(models=models, tags=tags, licence=Licence(name=name, source=source))


def _research(models: str, tags: str, name: str, source: str) -> _Row:
    return _Row(models=models, tags=tags, licence=Licence(name=name, source=source, is_research_only=True))


_APPLE = "apple-amlr (Apple Machine Learning Research Model License)"

#: The first matching row counts. The source is the licence text, or the model card with the licence's tag.
_ROWS = (
    # The licence since the release of MobileCLIP 2; it replaced the earlier licence of the weights.
    _research("MobileCLIP*", "*", _APPLE, "LICENSE_MODELS in the repository apple/ml-mobileclip"),
    # The cards' tag is apple-amlr; an older field of the cards still has apple-sample-code-license.
    _research("*", "dfn*", _APPLE, "model cards apple/DFN2B-CLIP-* and apple/DFN5B-CLIP-*"),
    # Both generations; the cards of the converted weights repeat it.
    _research("*", "metaclip*", "CC-BY-NC-4.0", "repository facebookresearch/MetaCLIP; card timm/*.metaclip_400m"),
    # From NLLB's text encoder, which is under the same licence.
    _research("nllb-clip-*", "*", "CC-BY-NC-4.0", "model cards visheratin/nllb-clip-*"),
    # OpenAI's repository holds code and weights under one licence.
    _free("*", "openai", "MIT", "LICENSE in the repository openai/CLIP"),
    # EVA-CLIP's cards and those of the converted weights; before LAION's rows, because one tag matches both.
    _free("EVA0*", "*", "MIT", "model card QuanSun/EVA-CLIP"),
    # The repository is Apache-2.0, the cards of the weights say MIT.
    _free("ViTamin-*", "datacomp1b", "MIT", "model cards jienengchen/ViTamin-*"),
    # CLIPA's cards.
    _free("*CLIPA*", "*", "Apache-2.0", "model cards UCSC-VLAA/ViT-*-CLIPA-*"),
    # Google's checkpoints, converted; both generations.
    _free("*SigLIP*", "webli", "Apache-2.0", "repository google-research/big_vision; cards timm/ViT-*-SigLIP*"),
    # Meta's Perception Encoder.
    _free("PE-Core-*", "meta", "Apache-2.0", "model cards facebook/PE-Core-*"),
    # LAION's own cards: CLIP, CoCa, ConvNeXt and the multilingual models.
    _free("*", "*laion*", "MIT", "model cards laion/CLIP-*, laion/CoCa-*, timm/*.laion400m_*"),
    _free("*", "datacomp_*", "MIT", "model cards laion/CLIP-*-DataComp.*"),
    _free("*", "commonpool_*", "MIT", "model cards laion/CLIP-*-CommonPool.*"),
)


def find_licence(model: str, tag: str) -> Licence | None:
    """Return the licence of published weights; None if it is not known.

    Args:
        model: open_clip's name of the architecture.
        tag: open_clip's name of the weights.
    """
    return next((row.licence for row in _ROWS if fnmatchcase(model, row.models) and fnmatchcase(tag, row.tags)), None)
